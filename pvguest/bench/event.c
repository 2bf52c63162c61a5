/* SPDX-License-Identifier: MIT */
/* Event channels: sending, upcalls, allocation; yielding. */
#include "pvguest/kernel/event.h"
#include "pvguest/bench/bench.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/hypercall.h"

#include <xen/sched.h>

static evtchn_port_t near, far;
static volatile unsigned int upcalls;
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

static void allocate_and_close(unsigned int count)
{
    results = 0;
    for (unsigned int i = 0; i < count; i++) {
        evtchn_port_t port;
        if (!event_allocate_unbound(DOMID_SELF, &port) && !event_close(port))
            results++;
    }
}

static void yield(unsigned int count)
{
    results = 0;
    for (unsigned int i = 0; i < count; i++)
        results += hypercall_sched_op(SCHEDOP_yield, NULL) == 0;
}

static bool results_count(unsigned int count)
{
    return results == count;
}

const struct row event_rows[] = {
    {"event_send_masked", 20000, pair_make, send, is_pending, pair_close},
    {"event_send_upcall", 10000, pair_bind, send, upcalls_came, pair_close},
    {"port_allocate_close", 5000, NULL, allocate_and_close, results_count, NULL},
    {"yield_alone", 5000, NULL, yield, results_count, NULL},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
