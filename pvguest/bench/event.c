/* SPDX-License-Identifier: MIT */
/* Event channels: sending, upcalls, allocation; yielding. */
#include "pvguest/kernel/event.h"
#include "pvguest/bench/bench.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/hypercall.h"

#include <xen/sched.h>

#define NAP_NS 100000UL

static evtchn_port_t near, far;
static unsigned int upcalls;
static unsigned int results;

static void count_upcall(evtchn_port_t port, void *argument)
{
    (void)port;
    (void)argument;
    upcalls++;
}

/* Both ends are ours: what is sent at the far end arrives at the near one. */
static bool pair_make(void)
{
    upcalls = 0;
    return !event_allocate_unbound(DOMID_SELF, &near) &&
           !event_bind_interdomain(DOMID_SELF, near, &far);
}

static void pair_close(void)
{
    event_close(far);
    event_close(near);
}

static bool pair_bind(void)
{
    return pair_make() && !event_bind(near, count_upcall, NULL);
}

static void send(unsigned int count)
{
    struct evtchn_send operation = {.port = far};

    for (unsigned int i = 0; i < count; i++)
        hypercall_event_channel_op(EVTCHNOP_send, &operation);
}

static bool is_pending(unsigned int count)
{
    (void)count;
    return event_port_pending(near);
}

static bool upcalls_came(unsigned int count)
{
    return upcalls == 2 * count;
}

/* The lowest free port each time: it was given back. */
static void allocate_and_close(unsigned int count)
{
    evtchn_port_t first = 0;

    results = 0;
    for (unsigned int i = 0; i < count; i++) {
        struct evtchn_alloc_unbound allocate = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
        struct evtchn_close close;

        if (hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &allocate))
            return;
        close.port = allocate.port;
        if (hypercall_event_channel_op(EVTCHNOP_close, &close))
            return;
        if (!first)
            first = allocate.port;
        results += allocate.port == first;
    }
}

static void yield(unsigned int count)
{
    results = 0;
    for (unsigned int i = 0; i < count; i++)
        results += hypercall_sched_op(SCHEDOP_yield, NULL) == 0;
}

/* How late the processor comes back from sleep, in units of bench_now(). */
static void sleep_shortly(unsigned int count)
{
    uint64_t begun = bench_now(), start = clock_monotonic_ns(), late = 0;

    results = 0;
    for (unsigned int i = 0; i < count; i++) {
        uint64_t deadline = clock_monotonic_ns() + NAP_NS, now;
        unsigned long masked = events_mask();
        clock_set_timer(deadline);
        while ((now = clock_monotonic_ns()) < deadline) {
            hypercall_sched_op(SCHEDOP_block, NULL);
            events_mask();
        }
        events_restore(masked);
        late += now - deadline;
        results++;
    }
    uint64_t units_per_ns = ((bench_now() - begun) << 20) / (clock_monotonic_ns() - start);
    bench_count_instead(late * units_per_ns >> 20);
}

static bool results_count(unsigned int count)
{
    return results == count;
}

const struct row event_rows[] = {
    {"event_send_masked", 20000, pair_make, send, is_pending, pair_close},
    {"event_send_upcall", 10000, pair_bind, send, upcalls_came, pair_close},
    {"port_allocate_close", 5000, NULL, allocate_and_close, results_count, NULL},
    {"timer_lateness", 500, NULL, sleep_shortly, results_count, NULL},
    {"yield_alone", 5000, NULL, yield, results_count, NULL},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
