/* SPDX-License-Identifier: MIT */
/*
 * Everything at once on four virtual CPUs for `seconds=` (pvguest/stress/): page tables, events,
 * timers, grants, copies, frames, migrations, all at random, `seed=` says how. Each `stress:` line
 * is a figure; the last is `stress: done`, or before it `stress: failed: ...`, what was seen that
 * cannot be. Then the domain stays, asleep, for an audit of its frames.
 */
#include "pvguest/stress/stress.h"
#include "lib/text.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/smp.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/table.h"
#include "pvguest/kernel/thread.h"

#include <xen/sched.h>

#define SECOND_NS   1000000000UL
#define PATIENCE_NS (120 * SECOND_NS)
#define STEPS_MIN   300 /* of each, on a machine that has little time for us */

static const char *const figure_names[FIGURES] = {
    [UPDATES] = "updates",   [EMULATED] = "writes", [PINS] = "pins",     [WATCHES] = "watches",
    [REMNANTS] = "remnants", [FLUSHES] = "flushes", [GRANTS] = "grants", [COPIES] = "copies",
    [FRAMES] = "frames",     [MOVES] = "moves",
};

static void (*const steps[])(struct worker *worker) = {
    tables_step,  tables_step,  tables_step, tables_step, tables_step, watched_step,
    watched_step, private_step, grants_step, grants_step, copies_step, signals_step,
    signals_step, timers_step,  frames_step, moves_step,
};

static uint64_t done[FIGURES], refused[FIGURES];
static struct worker workers[STRESS_VCPUS];
static uint64_t until;
static uint32_t ready, finished;
static struct wait_queue changed = WAIT_QUEUE_INIT(changed);

void stress_count(enum figure figure, bool was_done)
{
    __atomic_fetch_add(was_done ? &done[figure] : &refused[figure], 1, __ATOMIC_RELAXED);
}

_Noreturn void stress_failed(const char *what, uint64_t value)
{
    print("stress: failed: %s (%#lx)\n", what, value);
    guest_shutdown(SHUTDOWN_crash);
}

uint64_t random_next(struct worker *worker)
{
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return worker->random;
}

static void worker_start(struct worker *worker, unsigned int vcpu, uint64_t seed)
{
    uint64_t entry;

    worker->vcpu = vcpu;
    worker->random = (seed + 1) * 0x9e3779b97f4a7c15UL + vcpu;
    worker->private = heap_allocate(2 * sizeof(*worker->private));
    worker->window = window_reserve(1);
    for (uint64_t i = 0; i < 2; i++) {
        worker->private[i] = page_allocate(0);
        if (!worker->private[i] || table_entry_address((uint64_t)worker->window, true, &entry))
            panic("stress: no memory");
        worker->private[i][0] = 0x5354524553530000UL | vcpu << 8 | i;
    }
}

static void add_one(uint32_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
    wait_queue_wake(&changed);
}

/* All begin when all are there. */
static void work(void *argument)
{
    struct worker *worker = argument;

    signals_start_on(worker->vcpu);
    add_one(&ready);
    WAIT_UNTIL(&changed, __atomic_load_n(&ready, __ATOMIC_SEQ_CST) == STRESS_VCPUS);
    for (unsigned int count = 0; count < STEPS_MIN || clock_monotonic_ns() < until; count++) {
        steps[random_below(worker, sizeof(steps) / sizeof(steps[0]))](worker);
        thread_yield();
    }
    add_one(&finished);
}

static void report(void)
{
    for (unsigned int i = 0; i < FIGURES; i++)
        print("stress: %s done=%lu refused=%lu\n", figure_names[i], done[i], refused[i]);
    signals_report();
}

static void run(uint64_t seconds, uint64_t seed)
{
    tables_start();
    grants_start();
    until = clock_monotonic_ns() + seconds * SECOND_NS;
    for (unsigned int vcpu = 0; vcpu < STRESS_VCPUS; vcpu++) {
        worker_start(&workers[vcpu], vcpu, seed);
        if (!thread_create_on(vcpu, "stress", work, &workers[vcpu]))
            panic("stress: no thread");
    }
    if (!WAIT_UNTIL_DEADLINE(&changed, __atomic_load_n(&finished, __ATOMIC_SEQ_CST) == STRESS_VCPUS,
                             until + PATIENCE_NS))
        stress_failed("not all came to their end", finished);
    if (!signals_end(until + 2 * PATIENCE_NS)) {
        signals_report();
        stress_failed("an event did not arrive", 0);
    }
    tables_end();
    grants_end();
}

void guest_main(void)
{
    uint64_t seconds = text_option_unsigned(guest_command_line(), "seconds", 5);
    uint64_t seed = text_option_unsigned(guest_command_line(), "seed", 1);
    struct wait_queue nobody = WAIT_QUEUE_INIT(nobody);

    if (smp_vcpu_count() < STRESS_VCPUS || smp_up_all())
        panic("stress: needs four virtual CPUs");
    run(seconds, seed);
    report();
    moves_end();
    print("stress: done\n");
    if (guest_is_initial_domain())
        return;
    WAIT_UNTIL(&nobody, false);
}
