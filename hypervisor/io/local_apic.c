/* SPDX-License-Identifier: MIT */
#include "hypervisor/io/local_apic.h"

#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/io/acpi.h"
#include "hypervisor/memory/device_memory.h"
#include "hypervisor/memory/map.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/cpu.h"

/* Register offsets (Intel SDM volume 3, table 11-1); an x2APIC's MSR is 0x800 + offset / 16. */
enum register_offset {
    APIC_ID = 0x20,
    APIC_TASK_PRIORITY = 0x80,
    APIC_END = 0xb0,
    APIC_LOGICAL_DESTINATION = 0xd0,
    APIC_DESTINATION_FORMAT = 0xe0,
    APIC_SPURIOUS = 0xf0,
    APIC_ERROR_STATUS = 0x280,
    APIC_COMMAND = 0x300,
    APIC_COMMAND_HIGH = 0x310,
    APIC_TIMER = 0x320,
    APIC_THERMAL = 0x330,
    APIC_PERFORMANCE = 0x340,
    APIC_LINT0 = 0x350,
    APIC_LINT1 = 0x360,
    APIC_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
};

#define APIC_MSR_BASE       0x800
#define BASE_ENABLED        (1UL << 11)
#define BASE_X2APIC         (1UL << 10)
#define SPURIOUS_ENABLE     0x100
#define ENTRY_MASKED        0x10000
#define ENTRY_NMI           0x400
#define TIMER_DEADLINE_MODE 0x40000
#define TIMER_DIVIDE_BY_16  0x3
#define COMMAND_INIT        0x500
#define COMMAND_STARTUP     0x600
#define COMMAND_ASSERT      0x4000
#define COMMAND_PENDING     0x1000
#define COMMAND_OTHERS      0xc0000
#define CALIBRATE_SAMPLES   16
#define TICKS_SHIFT         32

static volatile uint32_t *registers; /* NULL: x2APIC mode */
static uint64_t ticks_per_ns;        /* of the timer, << TICKS_SHIFT */
static uint64_t farthest;            /* as many ns as it can count */

static uint32_t apic_read(enum register_offset offset)
{
    if (registers)
        return registers[offset / 4];
    return (uint32_t)rdmsr(APIC_MSR_BASE + offset / 16);
}

static void apic_write(enum register_offset offset, uint32_t value)
{
    if (registers)
        registers[offset / 4] = value;
    else
        wrmsr(APIC_MSR_BASE + offset / 16, value);
}

/* Remap the 8259 to vectors that nobody uses, for a stray interrupt, and mask all of it. */
static void disable_8259(void)
{
    if (!acpi_info.has_8259)
        return;
    outb(0x20, 0x11);
    outb(0xa0, 0x11);
    outb(0x21, 0x20);
    outb(0xa1, 0x28);
    outb(0x21, 0x04);
    outb(0xa1, 0x02);
    outb(0x21, 0x01);
    outb(0xa1, 0x01);
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

void local_apic_start(void)
{
    disable_8259();
    device_memory_deny(acpi_info.local_apic, PAGE_SIZE);
    if (rdmsr(MSR_APIC_BASE) & BASE_X2APIC)
        return;
    registers = map_device(acpi_info.local_apic, PAGE_SIZE);
    if (!registers)
        panic("no room to map the local APIC");
}

void local_apic_enable(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) | BASE_ENABLED;

    /* All processors in the mode of the first. */
    wrmsr(MSR_APIC_BASE, registers ? base : base | BASE_X2APIC);
    if (registers) {
        apic_write(APIC_DESTINATION_FORMAT, ~0U);
        apic_write(APIC_LOGICAL_DESTINATION, 0);
    }
    apic_write(APIC_TASK_PRIORITY, 0);
    apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    apic_write(APIC_LINT0, ENTRY_MASKED);
    apic_write(APIC_LINT1, ENTRY_NMI);
    apic_write(APIC_ERROR, ENTRY_MASKED | VECTOR_SPURIOUS);
    apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_16);
    apic_write(APIC_TIMER_INITIAL, 0);
    apic_write(APIC_TIMER, VECTOR_TIMER | (cpu_features.tsc_deadline ? TIMER_DEADLINE_MODE : 0));
    /* What a crashed predecessor left in service. */
    for (unsigned i = 0; i < 8; i++)
        apic_write(APIC_END, 0);
}

uint32_t local_apic_id(void)
{
    uint32_t id = apic_read(APIC_ID);

    return registers ? id >> 24 : id;
}

void local_apic_end_of_interrupt(void)
{
    apic_write(APIC_END, 0);
}

/* The count and the TSC at one moment: of several tries the one with the least between. */
static uint32_t read_count(uint64_t *tsc)
{
    uint64_t least = ~0UL;
    uint32_t best = 0;

    for (unsigned i = 0; i < CALIBRATE_SAMPLES; i++) {
        uint64_t before = rdtsc();
        uint32_t count = apic_read(APIC_TIMER_CURRENT);
        uint64_t after = rdtsc();
        if (after - before >= least)
            continue;
        least = after - before;
        *tsc = before + least / 2;
        best = count;
    }
    return best;
}

static uint32_t start_count; /* start-up */
static uint64_t start_tsc;

void local_apic_timer_measure(void)
{
    if (cpu_features.tsc_deadline)
        return;
    apic_write(APIC_TIMER, ENTRY_MASKED | VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, ~0U);
    start_count = read_count(&start_tsc);
}

void local_apic_timer_measured(void)
{
    uint64_t end;

    if (cpu_features.tsc_deadline)
        return;
    uint32_t end_count = read_count(&end);
    apic_write(APIC_TIMER_INITIAL, 0);
    apic_write(APIC_TIMER, VECTOR_TIMER);
    uint64_t nanoseconds = (end - start_tsc) * 1000000 / clock_tsc_khz();
    ticks_per_ns = ((uint64_t)(start_count - end_count) << TICKS_SHIFT) / nanoseconds;
    if (!ticks_per_ns)
        panic("the local APIC timer does not count");
    farthest = ((uint64_t)(UINT32_MAX - 1) << TICKS_SHIFT) / ticks_per_ns;
}

void local_apic_timer_set(uint64_t deadline)
{
    if (cpu_features.tsc_deadline) {
        wrmsr(MSR_TSC_DEADLINE, clock_ns_to_tsc(deadline));
        return;
    }
    uint64_t now = clock_now(), delta = deadline > now ? deadline - now : 0;
    if (delta > farthest)
        delta = farthest;
    apic_write(APIC_TIMER_INITIAL, (uint32_t)(delta * ticks_per_ns >> TICKS_SHIFT) + 1);
}

static void send_command(uint32_t apic_id, uint32_t command)
{
    if (!registers) {
        /* The write orders nothing by itself in x2APIC mode. */
        asm volatile("mfence; lfence" : : : "memory");
        wrmsr(APIC_MSR_BASE + APIC_COMMAND / 16, (uint64_t)apic_id << 32 | command);
        return;
    }
    while (apic_read(APIC_COMMAND) & COMMAND_PENDING)
        cpu_relax();
    apic_write(APIC_COMMAND_HIGH, apic_id << 24);
    apic_write(APIC_COMMAND, command);
}

void local_apic_send(uint32_t apic_id, uint8_t vector)
{
    send_command(apic_id, COMMAND_ASSERT | vector);
}

void local_apic_send_nmi_others(void)
{
    send_command(0, COMMAND_OTHERS | COMMAND_ASSERT | ENTRY_NMI);
}

void local_apic_send_init(uint32_t apic_id)
{
    send_command(apic_id, COMMAND_ASSERT | COMMAND_INIT);
}

void local_apic_send_startup(uint32_t apic_id, uint8_t page)
{
    send_command(apic_id, COMMAND_ASSERT | COMMAND_STARTUP | page);
}
