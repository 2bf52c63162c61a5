/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/clock_calibrate.h"

#include <stdbool.h>
#include <stddef.h>

#include "hypervisor/io/acpi.h"
#include "hypervisor/memory/device_memory.h"
#include "hypervisor/memory/map.h"
#include "hypervisor/processor/cpu.h"

#define FEMTOSECONDS_PER_NS 1000000UL
#define HPET_SIZE           0x400
#define HPET_CAPABILITIES   0
#define HPET_CONFIGURATION  (0x10 / 8)
#define HPET_COUNTER        (0xf0 / 8)
#define HPET_ENABLE         1UL
#define HPET_PERIOD_MAX     100000000UL /* 100 ns, by the specification */
#define PM_TIMER_PERIOD     279365115UL /* 1 / 3.579545 MHz */
#define PIT_PERIOD          838095345UL /* 1 / 1.193182 MHz */
#define PIT_CHANNEL2        0x42
#define PIT_COMMAND         0x43
#define PIT_GATE            0x61
#define PIT_MODE2_CHANNEL2  0xb4 /* low then high byte, rate generator */
#define PIT_LATCH_CHANNEL2  0x80

#define WINDOW_NS    5000000UL
#define WINDOW_MAX   6       /* windows: shorter than a turn of the 16-bit PIT */
#define PRECISION    20000UL /* 1 / 50 ppm */
#define SAMPLES      24
#define PAUSE_ROUNDS 2000

/* A counter of known rate; mask + 1 is where it wraps. */
struct reference {
    const char *name;
    uint64_t (*read)(void);
    uint64_t mask;
    uint64_t period; /* femtoseconds */
};

static volatile uint64_t *hpet;
static uint16_t pm_port;

static uint64_t hpet_read(void)
{
    return (uint32_t)hpet[HPET_COUNTER];
}

static uint64_t pm_timer_read(void)
{
    return inl(pm_port);
}

/* The PIT counts down. */
static uint64_t pit_read(void)
{
    outb(PIT_COMMAND, PIT_LATCH_CHANNEL2);
    uint64_t low = inb(PIT_CHANNEL2), high = inb(PIT_CHANNEL2);
    return ~(high << 8 | low);
}

static bool hpet_start(struct reference *reference)
{
    if (!acpi_info.hpet)
        return false;
    /* Its comparators can send any vector; firmware's code only looks whether it is there. */
    device_memory_protect(acpi_info.hpet, HPET_SIZE);
    hpet = map_device(acpi_info.hpet, HPET_SIZE);
    if (!hpet)
        return false;
    uint64_t period = hpet[HPET_CAPABILITIES] >> 32;
    if (period == 0 || period > HPET_PERIOD_MAX)
        return false;
    hpet[HPET_CONFIGURATION] |= HPET_ENABLE;
    *reference = (struct reference){"HPET", hpet_read, 0xffffffff, period};
    return true;
}

static bool pm_timer_start(struct reference *reference)
{
    pm_port = acpi_info.pm_timer_port;
    if (!pm_port)
        return false;
    *reference = (struct reference){"ACPI PM timer", pm_timer_read, 0xffffff, PM_TIMER_PERIOD};
    return true;
}

static void pit_start(struct reference *reference)
{
    /* Gate on, speaker off; the whole 16-bit turn. */
    outb(PIT_GATE, (uint8_t)((inb(PIT_GATE) & ~2U) | 1U));
    outb(PIT_COMMAND, PIT_MODE2_CHANNEL2);
    outb(PIT_CHANNEL2, 0);
    outb(PIT_CHANNEL2, 0);
    *reference = (struct reference){"PIT", pit_read, 0xffff, PIT_PERIOD};
}

/* Whether it moves at all within many reads. */
static bool reference_runs(const struct reference *reference)
{
    uint64_t first = reference->read();

    for (unsigned i = 0; i < 10000; i++)
        if (((reference->read() ^ first) & reference->mask) != 0)
            return true;
    return false;
}

struct sample {
    uint64_t tsc, count, width;
};

/*
 * The moment at which the counter stepped, caught between two readings of the TSC; of several
 * tries the one with the readings closest together, which nothing can have interrupted.
 */
static struct sample take_sample(const struct reference *reference)
{
    struct sample best = {.width = ~0UL};

    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t before, count, after = rdtsc(), previous = reference->read();
        do {
            before = after;
            count = reference->read();
            after = rdtsc();
        } while (count == previous);
        if (after - before < best.width)
            best = (struct sample){before + (after - before) / 2, count, after - before};
    }
    return best;
}

/* Let time pass cheaply: reading a device costs a simulator much and real time little. */
static void pause_rounds(void)
{
    for (unsigned i = 0; i < PAUSE_ROUNDS; i++)
        asm volatile("" : : : "memory");
}

/*
 * A reading is off by half its width at most, and the last one is as wide as the first: after
 * PRECISION widths both together make no more than 50 ppm.
 */
static bool long_enough(const struct reference *reference, const struct sample *start)
{
    uint64_t window = WINDOW_NS * FEMTOSECONDS_PER_NS / reference->period;
    uint64_t counted = (reference->read() - start->count) & reference->mask;

    return counted >= WINDOW_MAX * window ||
           (counted >= window && rdtsc() - start->tsc >= start->width * PRECISION);
}

static struct clock_measurement measure(const struct reference *reference)
{
    struct sample start = take_sample(reference), end;

    while (!long_enough(reference, &start))
        pause_rounds();
    end = take_sample(reference);
    uint64_t counted = (end.count - start.count) & reference->mask;
    uint64_t nanoseconds = counted * reference->period / FEMTOSECONDS_PER_NS;
    return (struct clock_measurement){end.tsc - start.tsc, nanoseconds, reference->name};
}

struct clock_measurement clock_calibrate(void)
{
    struct reference reference;

    if (hpet_start(&reference) && reference_runs(&reference))
        return measure(&reference);
    if (pm_timer_start(&reference) && reference_runs(&reference))
        return measure(&reference);
    pit_start(&reference);
    return measure(&reference);
}
