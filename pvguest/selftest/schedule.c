/* SPDX-License-Identifier: MIT */
/* sched_op. */
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>
#include <xen/sched.h>

#define SLEEP_NS 3000000UL

static int poll_ports(evtchn_port_t *ports, unsigned int count, uint64_t timeout)
{
    struct sched_poll poll = {.nr_ports = count, .timeout = timeout};

    set_xen_guest_handle(poll.ports, ports);
    return hypercall_sched_op(SCHEDOP_poll, &poll);
}

static void yields(void)
{
    EXPECT_VALUE(0, hypercall_sched_op(SCHEDOP_yield, NULL));
}

/* Events masked: only the poll itself may end the wait. */
static void poll_times_out(void)
{
    uint64_t deadline = clock_monotonic_ns() + SLEEP_NS;
    evtchn_port_t port;
    int error;

    EXPECT_VALUE(0, event_bind_ipi(&port));
    events_mask();
    error = poll_ports(&port, 1, deadline);
    events_restore(0);
    EXPECT_VALUE(0, error);
    EXPECT(clock_monotonic_ns() >= deadline);
    EXPECT_VALUE(0, event_close(port));
}

static void poll_pending(void)
{
    uint64_t start = clock_monotonic_ns();
    evtchn_port_t port;

    EXPECT_VALUE(0, event_bind_ipi(&port));
    event_notify(port);
    EXPECT_VALUE(0, poll_ports(&port, 1, start + 1000 * SLEEP_NS));
    EXPECT(clock_monotonic_ns() < start + 1000 * SLEEP_NS);
    EXPECT_VALUE(0, event_close(port));
}

static void poll_refusals(void)
{
    evtchn_port_t beyond = 5000;

    EXPECT_VALUE(-XEN_EINVAL, poll_ports(&beyond, 129, 1));
    EXPECT_VALUE(-XEN_EINVAL, poll_ports(&beyond, 1, 1));
    EXPECT_VALUE(-XEN_EFAULT, poll_ports((void *)UNMAPPED_ADDRESS, 1, 1));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_sched_op(SCHEDOP_poll, (void *)HYPERVISOR_ADDRESS));
}

static void set_flag(evtchn_port_t port, void *argument)
{
    (void)port;
    *(volatile bool *)argument = true;
}

/* A block with an event already pending returns at once and delivers it. */
static void block_with_pending_event(void)
{
    volatile bool flag = false;
    evtchn_port_t port;

    EXPECT_VALUE(0, event_bind_ipi(&port));
    EXPECT_VALUE(0, event_bind(port, set_flag, (void *)&flag));
    events_mask();
    event_notify(port);
    EXPECT(!flag);
    hypercall_sched_op(SCHEDOP_block, NULL);
    EXPECT(flag);
    EXPECT_VALUE(0, event_close(port));
}

static void refusals(void)
{
    struct sched_remote_shutdown remote = {.domain_id = UNUSED_DOMAIN, .reason = SHUTDOWN_poweroff};

    EXPECT_VALUE(-XEN_ENOSYS, hypercall_sched_op(UNUSED_COMMAND, NULL));
    EXPECT_EITHER(-XEN_ESRCH, -XEN_EPERM, hypercall_sched_op(SCHEDOP_remote_shutdown, &remote));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_sched_op(SCHEDOP_shutdown, (void *)HYPERVISOR_ADDRESS));
}

static void watchdog(void)
{
    struct sched_watchdog request = {.id = 0, .timeout = 100};
    int id = hypercall_sched_op(SCHEDOP_watchdog, &request);

    SKIP_UNLESS(id != -XEN_ENOSYS, "no watchdog");
    EXPECT(id > 0);
    request.id = (uint32_t)id;
    EXPECT_VALUE(0, hypercall_sched_op(SCHEDOP_watchdog, &request));
    request.timeout = 0;
    EXPECT_VALUE(0, hypercall_sched_op(SCHEDOP_watchdog, &request));
    request.id = 77;
    EXPECT(is_refusal(hypercall_sched_op(SCHEDOP_watchdog, &request)));
}

static void shutdown_refusals(void)
{
    EXPECT_VALUE(-XEN_EFAULT, hypercall_sched_op(SCHEDOP_shutdown_code, (void *)UNMAPPED_ADDRESS));
}

static void pin_override(void)
{
    struct sched_pin_override pin = {.pcpu = -1};
    int error = hypercall_sched_op(SCHEDOP_pin_override, &pin);

    EXPECT(is_refusal(error) || error == 0);
    pin.pcpu = 100000;
    EXPECT(is_refusal(hypercall_sched_op(SCHEDOP_pin_override, &pin)));
}

const struct check schedule_checks[] = {
    {"sched_op: yield", yields},
    {"sched_op: poll until its timeout", poll_times_out},
    {"sched_op: poll on a pending port", poll_pending},
    {"sched_op: poll refusals", poll_refusals},
    {"sched_op: block with a pending event", block_with_pending_event},
    {"sched_op: refusals", refusals},
    {"sched_op: watchdog", watchdog},
    {"sched_op: shutdown_code refusals", shutdown_refusals},
    {"sched_op: pin_override", pin_override},
    {NULL, NULL},
};
