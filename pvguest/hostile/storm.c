/* SPDX-License-Identifier: MIT */
/* Attacks by doing too much of what is allowed. */
#include "pvguest/hostile/attack.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/table.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#define ROUNDS 20000

static bool spin(void)
{
    events_mask();
    for (;;)
        __asm__ __volatile__("" ::: "memory");
    return false;
}

static bool flood(void)
{
    for (;;) {
        static const char line[] = "hostile: all work and no play makes a guest a dull domain\n";

        print_write(line, sizeof(line) - 1);
        hypercall_console_io(CONSOLEIO_write, sizeof(line) - 1, line);
    }
    return false;
}

static void answer(evtchn_port_t port, void *argument)
{
    uint64_t *left = argument;

    if (*left) {
        --*left;
        event_notify(port);
    }
}

/* An event that raises itself again from its own handler. */
static bool event_storm(void)
{
    uint64_t left = ROUNDS;
    evtchn_port_t port;

    if (event_bind_ipi(&port) || event_bind(port, answer, &left))
        return false;
    event_notify(port);
    event_close(port);
    return left == 0;
}

/* Timers that are always due. */
static bool timer_storm(void)
{
    struct vcpu_set_periodic_timer period = {.period_ns = 1000000};

    hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &period);
    for (unsigned int i = 0; i < ROUNDS; i++)
        clock_set_timer(1 + i % 2 * clock_monotonic_ns());
    hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
    return true;
}

/* Yields and empty polls as fast as they go: the scheduler's time is not the guest's to burn. */
static bool yield_storm(void)
{
    struct sched_poll poll = {.timeout = 1};

    for (unsigned int i = 0; i < ROUNDS; i++) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
        hypercall_sched_op(SCHEDOP_poll, &poll);
    }
    return true;
}

/* Pin and unpin a table full of entries: the longest work a single call can be made to do. */
static bool pin_storm(void)
{
    uint64_t *table = page_allocate(0), *page = page_allocate(0);
    struct mmuext_op operations[2] = {{.cmd = MMUEXT_PIN_L1_TABLE}, {.cmd = MMUEXT_UNPIN_TABLE}};
    bool held = true;

    for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
        table[i] = page_mfn(page) << PAGE_SHIFT | PTE_DATA;
    operations[0].arg1.mfn = operations[1].arg1.mfn = page_mfn(table);
    if (table_protect(table))
        return false;
    for (unsigned int i = 0; i < ROUNDS / 20; i++)
        held &= !hypercall_mmuext_op(operations, 2, NULL, DOMID_SELF);
    return held;
}

static bool crash(void)
{
    guest_shutdown(SHUTDOWN_crash);
    return false;
}

const struct attack storm_attacks[] = {
    {"spin", FOR_EVER, spin},         {"flood", FOR_EVER, flood},
    {"events", REFUSED, event_storm}, {"timers", REFUSED, timer_storm},
    {"yields", REFUSED, yield_storm}, {"pins", REFUSED, pin_storm},
    {"crash", ENDED, crash},          {NULL, REFUSED, NULL},
};
