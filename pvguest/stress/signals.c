/* SPDX-License-Identifier: MIT */
/*
 * Events from each virtual CPU to each, one on its way at a time, so that each has to arrive by
 * itself: whoever sends counts, and whoever handles counts. And timers: a sleep that ends early
 * is seen here, one that does not end keeps the run from its end.
 */
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/thread.h"
#include "pvguest/kernel/vcpu.h"
#include "pvguest/stress/stress.h"

#include <stddef.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define SLEEP_MAX_NS  500000UL
#define POLL_MAX_NS   100000UL
#define PERIOD_NS     1000000UL
#define LOOK_AGAIN_NS 1000000UL

static struct channel {
    evtchn_port_t port;
    uint64_t sent, received;
} channels[STRESS_VCPUS][STRESS_VCPUS]; /* from, to */

static uint64_t sleeps, lateness_max;

static void arrived(evtchn_port_t port, void *argument)
{
    struct channel *channel = argument;

    (void)port;
    __atomic_fetch_add(&channel->received, 1, __ATOMIC_SEQ_CST);
}

void signals_start_on(unsigned int vcpu)
{
    for (unsigned int from = 0; from < STRESS_VCPUS; from++) {
        struct channel *channel = &channels[from][vcpu];

        if (event_bind_ipi(&channel->port) || event_bind(channel->port, arrived, channel))
            panic("stress: no event channel");
    }
}

void signals_step(struct worker *worker)
{
    struct channel *channel = &channels[worker->vcpu][random_below(worker, STRESS_VCPUS)];
    uint64_t received = __atomic_load_n(&channel->received, __ATOMIC_SEQ_CST);

    if (received > channel->sent)
        stress_failed("more events arrived than were sent", received);
    if (received < channel->sent)
        return;
    __atomic_store_n(&channel->sent, received + 1, __ATOMIC_SEQ_CST);
    event_notify(channel->port);
}

static void sleep_a_while(struct worker *worker)
{
    uint64_t deadline = clock_monotonic_ns() + random_below(worker, SLEEP_MAX_NS) + 1, now;

    thread_sleep_ns(deadline - clock_monotonic_ns());
    now = clock_monotonic_ns();
    if (now < deadline)
        stress_failed("a timer came too early by ns", deadline - now);
    __atomic_fetch_add(&sleeps, 1, __ATOMIC_RELAXED);
    if (now - deadline > READ_ONCE(lateness_max))
        WRITE_ONCE(lateness_max, now - deadline);
}

static void poll_a_while(struct worker *worker)
{
    struct sched_poll poll = {.timeout =
                                  clock_monotonic_ns() + random_below(worker, POLL_MAX_NS) + 1};

    hypercall_sched_op(SCHEDOP_poll, &poll);
}

/* Somebody's periodic timer on or off, which nobody needs. */
static void periodic_change(struct worker *worker)
{
    struct vcpu_set_periodic_timer timer = {.period_ns = PERIOD_NS};
    unsigned int vcpu = (unsigned int)random_below(worker, STRESS_VCPUS);

    if (random_below(worker, 2))
        hypercall_vcpu_op(VCPUOP_set_periodic_timer, vcpu, &timer);
    else
        hypercall_vcpu_op(VCPUOP_stop_periodic_timer, vcpu, NULL);
}

static void runstate_look(struct worker *worker)
{
    struct vcpu_runstate_info state = {.state = -1};
    unsigned int vcpu = (unsigned int)random_below(worker, STRESS_VCPUS);

    if (hypercall_vcpu_op(VCPUOP_get_runstate_info, vcpu, &state))
        stress_failed("no run-state", vcpu);
    if (state.state < RUNSTATE_running || state.state > RUNSTATE_offline)
        stress_failed("an impossible run-state", (uint64_t)state.state);
}

void timers_step(struct worker *worker)
{
    switch (random_below(worker, 5)) {
    case 0:
        sleep_a_while(worker);
        break;
    case 1:
        poll_a_while(worker);
        break;
    case 2:
        periodic_change(worker);
        break;
    case 3:
        runstate_look(worker);
        break;
    default:
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
}

static void totals(uint64_t *sent, uint64_t *received)
{
    *sent = *received = 0;
    for (unsigned int from = 0; from < STRESS_VCPUS; from++)
        for (unsigned int to = 0; to < STRESS_VCPUS; to++) {
            *sent += __atomic_load_n(&channels[from][to].sent, __ATOMIC_SEQ_CST);
            *received += __atomic_load_n(&channels[from][to].received, __ATOMIC_SEQ_CST);
        }
}

bool signals_end(uint64_t deadline_ns)
{
    uint64_t sent, received;

    for (unsigned int vcpu = 0; vcpu < STRESS_VCPUS; vcpu++)
        hypercall_vcpu_op(VCPUOP_stop_periodic_timer, vcpu, NULL);
    for (;;) {
        totals(&sent, &received);
        if (sent == received || clock_monotonic_ns() > deadline_ns)
            return sent == received;
        thread_sleep_ns(LOOK_AGAIN_NS);
    }
}

void signals_report(void)
{
    uint64_t sent, received;

    totals(&sent, &received);
    print("stress: events sent=%lu received=%lu\n", sent, received);
    print("stress: timers fired=%lu latest=%lu us\n", sleeps, lateness_max / 1000);
}
