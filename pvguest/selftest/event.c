/* SPDX-License-Identifier: MIT */
/* event_channel_op: every operation and refusal. */
#include "pvguest/kernel/event.h"

#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/start.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>

#define MANY_PORTS 4096
#define NO_PORT    0xffff0000

static int port_status(evtchn_port_t port, struct evtchn_status *status)
{
    *status = (struct evtchn_status){.dom = DOMID_SELF, .port = port};
    return hypercall_event_channel_op(EVTCHNOP_status, status);
}

static int port_close(evtchn_port_t port)
{
    struct evtchn_close close = {.port = port};

    return hypercall_event_channel_op(EVTCHNOP_close, &close);
}

static int port_send(evtchn_port_t port)
{
    struct evtchn_send send = {.port = port};

    return hypercall_event_channel_op(EVTCHNOP_send, &send);
}

static void unbound(void)
{
    struct evtchn_status status;
    evtchn_port_t port;

    EXPECT_VALUE(0, event_allocate_unbound(DOMID_SELF, &port));
    EXPECT_VALUE(0, port_status(port, &status));
    EXPECT_VALUE(EVTCHNSTAT_unbound, status.status);
    EXPECT_VALUE(0, port_send(port)); /* goes nowhere, is no error */
    EXPECT_VALUE(0, event_close(port));
    EXPECT_VALUE(0, port_status(port, &status));
    EXPECT_VALUE(EVTCHNSTAT_closed, status.status);
}

static void unbound_refusals(void)
{
    struct evtchn_alloc_unbound request = {.dom = UNUSED_DOMAIN, .remote_dom = DOMID_SELF};

    EXPECT_EITHER(-XEN_ESRCH, -XEN_EPERM,
                  hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &request));
    EXPECT_VALUE(-XEN_EFAULT,
                 hypercall_event_channel_op(EVTCHNOP_alloc_unbound, (void *)HYPERVISOR_ADDRESS));
}

static void interdomain(void)
{
    struct evtchn_status status;
    evtchn_port_t near, far;

    EXPECT_VALUE(0, event_allocate_unbound(DOMID_SELF, &near));
    EXPECT_VALUE(0, event_bind_interdomain(DOMID_SELF, near, &far));
    EXPECT_VALUE(0, port_status(near, &status));
    EXPECT_VALUE(EVTCHNSTAT_interdomain, status.status);
    EXPECT_VALUE(far, status.u.interdomain.port);
    EXPECT(event_port_pending(far)); /* a new binding starts with an event */
    event_port_clear(far);
    event_port_clear(near);
    EXPECT_VALUE(0, port_send(near));
    EXPECT(event_port_pending(far));
    EXPECT(!event_port_pending(near));
    EXPECT_VALUE(0, port_send(far));
    EXPECT(event_port_pending(near));

    /* The other end falls back to unbound when one closes. */
    EXPECT_VALUE(0, event_close(far));
    EXPECT_VALUE(0, port_status(near, &status));
    EXPECT_VALUE(EVTCHNSTAT_unbound, status.status);
    EXPECT_VALUE(0, event_close(near));
}

static void interdomain_refusals(void)
{
    evtchn_port_t port, bound;

    EXPECT_VALUE(-XEN_ESRCH, event_bind_interdomain(UNUSED_DOMAIN, 1, &port));
    EXPECT_VALUE(-XEN_EINVAL, event_bind_interdomain(DOMID_SELF, NO_PORT, &port));
    EXPECT_VALUE(0, event_bind_ipi(&bound));
    EXPECT_VALUE(-XEN_EINVAL, event_bind_interdomain(DOMID_SELF, bound, &port));
    EXPECT_VALUE(0, event_close(bound));
}

static void virq(void)
{
    struct evtchn_status status;
    evtchn_port_t port, second;

    EXPECT_VALUE(0, event_bind_virq(VIRQ_DEBUG, &port));
    EXPECT_VALUE(0, port_status(port, &status));
    EXPECT_VALUE(EVTCHNSTAT_virq, status.status);
    EXPECT_VALUE(VIRQ_DEBUG, status.u.virq);
    EXPECT_VALUE(-XEN_EEXIST, event_bind_virq(VIRQ_DEBUG, &second));
    EXPECT_VALUE(-XEN_EINVAL, port_send(port));
    EXPECT_VALUE(0, event_close(port));
    EXPECT_VALUE(0, event_bind_virq(VIRQ_DEBUG, &port));
    EXPECT_VALUE(0, event_close(port));
}

static void virq_refusals(void)
{
    struct evtchn_bind_virq request = {.virq = VIRQ_DEBUG, .vcpu = 1000};
    evtchn_port_t port;

    EXPECT_VALUE(-XEN_EINVAL, event_bind_virq(NR_VIRQS, &port));
    EXPECT_VALUE(-XEN_EINVAL, event_bind_virq(0xffffffff, &port));
    EXPECT_VALUE(-XEN_ENOENT, hypercall_event_channel_op(EVTCHNOP_bind_virq, &request));
}

/* The global ones are the control domain's; others may only ask in vain or bind for nothing. */
static void virq_global(void)
{
    struct evtchn_bind_virq request = {.virq = VIRQ_DOM_EXC, .vcpu = 1};
    evtchn_port_t port;

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    EXPECT(is_refusal(hypercall_event_channel_op(EVTCHNOP_bind_virq, &request)));
    EXPECT_VALUE(0, event_bind_virq(VIRQ_DOM_EXC, &port));
    EXPECT_VALUE(0, event_close(port));
}

static void ipi(void)
{
    struct evtchn_bind_ipi request = {.vcpu = 1000};
    struct evtchn_status status;
    evtchn_port_t port;

    EXPECT_VALUE(0, event_bind_ipi(&port));
    EXPECT_VALUE(0, port_status(port, &status));
    EXPECT_VALUE(EVTCHNSTAT_ipi, status.status);
    EXPECT_VALUE(0, port_send(port));
    EXPECT(event_port_pending(port));
    EXPECT_VALUE(0, event_close(port));
    EXPECT_VALUE(-XEN_ENOENT, hypercall_event_channel_op(EVTCHNOP_bind_ipi, &request));
}

static void pirq_refusals(void)
{
    evtchn_port_t port;

    EXPECT(is_refusal(event_bind_pirq(0xfffffff0, false, &port)));
    EXPECT(is_refusal(event_bind_pirq(100000, true, &port)));
}

static void count_events(evtchn_port_t port, void *argument)
{
    (void)port;
    (*(volatile unsigned int *)argument)++;
}

/* What comes while a port is masked is delivered when it is unmasked, once. */
static void masking(void)
{
    volatile unsigned int count = 0;
    evtchn_port_t port;

    EXPECT_VALUE(0, event_bind_ipi(&port));
    EXPECT_VALUE(0, event_bind(port, count_events, (void *)&count));
    event_port_mask(port);
    event_notify(port);
    event_notify(port);
    EXPECT_VALUE(0, count);
    event_port_unmask(port);
    EXPECT_VALUE(1, count);
    event_notify(port);
    EXPECT_VALUE(2, count);
    EXPECT_VALUE(0, event_close(port));
}

static void upcall_masking(void)
{
    volatile unsigned int count = 0;
    evtchn_port_t port;

    EXPECT_VALUE(0, event_bind_ipi(&port));
    EXPECT_VALUE(0, event_bind(port, count_events, (void *)&count));
    events_mask();
    event_notify(port);
    EXPECT_VALUE(0, count);
    events_restore(0);
    EXPECT_VALUE(1, count);
    EXPECT_VALUE(0, event_close(port));
}

static void bind_vcpu(void)
{
    struct evtchn_bind_vcpu request = {.vcpu = 0};

    EXPECT_VALUE(0, event_allocate_unbound(DOMID_SELF, &request.port));
    EXPECT_VALUE(0, hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &request));
    request.vcpu = 1000;
    EXPECT_VALUE(-XEN_ENOENT, hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &request));
    EXPECT_VALUE(0, event_close(request.port));
    request.vcpu = 0;
    EXPECT_VALUE(-XEN_EINVAL, hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &request));
    EXPECT_VALUE(0, event_bind_ipi(&request.port));
    EXPECT_VALUE(-XEN_EINVAL, hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &request));
    EXPECT_VALUE(0, event_close(request.port));
}

static void port_refusals(void)
{
    struct evtchn_unmask unmask = {.port = NO_PORT};
    struct evtchn_status status;

    EXPECT_VALUE(-XEN_EINVAL, port_send(NO_PORT));
    EXPECT_VALUE(-XEN_EINVAL, port_close(NO_PORT));
    EXPECT_VALUE(-XEN_EINVAL, port_status(NO_PORT, &status));
    EXPECT_VALUE(-XEN_EINVAL, hypercall_event_channel_op(EVTCHNOP_unmask, &unmask));
    EXPECT_VALUE(-XEN_EINVAL, port_close(0));
    EXPECT_VALUE(-XEN_ENOSYS, hypercall_event_channel_op(UNUSED_COMMAND, &status));
    status = (struct evtchn_status){.dom = UNUSED_DOMAIN, .port = 1};
    EXPECT_EITHER(-XEN_ESRCH, -XEN_EPERM, hypercall_event_channel_op(EVTCHNOP_status, &status));
}

/* All ports there are, then one more; and all of them come back. */
static void exhaustion(void)
{
    static evtchn_port_t ports[MANY_PORTS];
    unsigned int count = 0, again = 0;
    int error = 0;

    while (count < MANY_PORTS && !(error = event_allocate_unbound(DOMID_SELF, &ports[count])))
        count++;
    for (unsigned int i = 0; i < count; i++)
        if (event_close(ports[i]))
            again++;
    EXPECT_VALUE(-XEN_ENOSPC, error);
    EXPECT_VALUE(0, again);
    EXPECT(count > 100);
    EXPECT_VALUE(0, event_allocate_unbound(DOMID_SELF, &ports[0]));
    EXPECT_VALUE(0, event_close(ports[0]));
}

static void reset_refusals(void)
{
    struct evtchn_reset reset = {.dom = UNUSED_DOMAIN};

    EXPECT_EITHER(-XEN_ESRCH, -XEN_EPERM, hypercall_event_channel_op(EVTCHNOP_reset, &reset));
}

/* What channels of the other kind need is not there while the domain has two-level ones. */
static void priorities(void)
{
    struct evtchn_set_priority request = {.priority = 1};

    EXPECT_VALUE(0, event_bind_ipi(&request.port));
    EXPECT(is_refusal(hypercall_event_channel_op(EVTCHNOP_set_priority, &request)));
    EXPECT_VALUE(0, event_close(request.port));
}

static void expand_array(void)
{
    struct evtchn_expand_array request = {.array_gfn = 0};

    EXPECT(is_refusal(hypercall_event_channel_op(EVTCHNOP_expand_array, &request)));
}

const struct check event_checks[] = {
    {"event_channel_op: alloc_unbound", unbound},
    {"event_channel_op: alloc_unbound refusals", unbound_refusals},
    {"event_channel_op: bind_interdomain", interdomain},
    {"event_channel_op: bind_interdomain refusals", interdomain_refusals},
    {"event_channel_op: bind_virq", virq},
    {"event_channel_op: bind_virq refusals", virq_refusals},
    {"event_channel_op: bind_virq, global", virq_global},
    {"event_channel_op: bind_ipi", ipi},
    {"event_channel_op: bind_pirq refusals", pirq_refusals},
    {"event_channel_op: bind_vcpu", bind_vcpu},
    {"event_channel_op: mask and unmask", masking},
    {"event_channel_op: upcall mask", upcall_masking},
    {"event_channel_op: port refusals", port_refusals},
    {"event_channel_op: all ports", exhaustion},
    {"event_channel_op: reset refusals", reset_refusals},
    {"event_channel_op: set_priority", priorities},
    {"event_channel_op: expand_array", expand_array},
    {NULL, NULL},
};
