/* SPDX-License-Identifier: MIT */
/*
 * Event channels: every operation, every refusal, what a signal does under each mask, both ends of
 * a connection when one closes or dies, polls, and random operations after which both sides of
 * every connection still agree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <xen/errno.h>

#include "event_machine.h"
#include "hypervisor/io/event_bind.h"
#include "hypervisor/io/event_channel.h"

#define NOBODY  99 /* no domain has this number */
#define MANY    100000
#define BADPORT 5000

static evtchn_port_t unbound(domid_t domain, domid_t remote)
{
    struct evtchn_alloc_unbound operation = {.dom = domain, .remote_dom = remote};

    assert_int_equal(event_alloc_unbound(&operation), 0);
    return operation.port;
}

static int connect(domid_t domain, domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port)
{
    struct evtchn_bind_interdomain operation = {.remote_dom = remote, .remote_port = remote_port};
    int status = event_bind_interdomain(&domains[domain], &operation);

    *port = operation.local_port;
    return status;
}

static int bind_virq(domid_t domain, uint32_t virq, uint32_t vcpu, evtchn_port_t *port)
{
    struct evtchn_bind_virq operation = {.virq = virq, .vcpu = vcpu};
    int status = event_bind_virq(&domains[domain], &operation);

    *port = operation.port;
    return status;
}

static struct evtchn_status status_of(domid_t domain, evtchn_port_t port)
{
    struct evtchn_status status = {.dom = domain, .port = port};

    assert_int_equal(event_status(&status), 0);
    return status;
}

static bool pending(domid_t domain, evtchn_port_t port)
{
    return domains[domain].shared_info->evtchn_pending[port / 64] >> (port % 64) & 1;
}

/* As a guest's handler does: take everything pending on a vcpu. */
static void acknowledge(domid_t domain, unsigned vcpu)
{
    vcpus[domain][vcpu].info->evtchn_upcall_pending = 0;
    vcpus[domain][vcpu].info->evtchn_pending_sel = 0;
    memset(domains[domain].shared_info->evtchn_pending, 0,
           sizeof(domains[domain].shared_info->evtchn_pending));
}

static void test_ports_come_in_order_and_end(void **state)
{
    (void)state;
    for (evtchn_port_t port = 1; port < EVENT_PORTS_MAX; port++)
        assert_int_equal(unbound(1, 0), port);
    struct evtchn_alloc_unbound operation = {.dom = 1};
    assert_int_equal(event_alloc_unbound(&operation), -XEN_ENOSPC);
    assert_int_equal(event_close(&domains[1], 77), 0);
    assert_int_equal(unbound(1, 0), 77);
}

static void test_limit(void **state)
{
    (void)state;
    event_channels_set_limit(&domains[1], 5);
    for (unsigned i = 0; i < 5; i++)
        unbound(1, 0);
    struct evtchn_alloc_unbound operation = {.dom = 1};
    assert_int_equal(event_alloc_unbound(&operation), -XEN_ENOSPC);
    event_channels_set_limit(&domains[1], UINT32_MAX);
    assert_int_equal(unbound(1, 0), 6);
}

static void test_alloc_for_others(void **state)
{
    (void)state;
    struct evtchn_alloc_unbound operation = {.dom = NOBODY};
    assert_int_equal(event_alloc_unbound(&operation), -XEN_ESRCH);
    caller = &domains[1];
    operation.dom = 0;
    assert_int_equal(event_alloc_unbound(&operation), -XEN_EPERM);
    operation.dom = DOMID_SELF;
    assert_int_equal(event_alloc_unbound(&operation), 0);
}

static void test_both_ends_signal(void **state)
{
    evtchn_port_t far = unbound(1, 0), near;

    (void)state;
    assert_int_equal(event_send(&domains[1], far), 0); /* nobody there: dropped */
    assert_int_equal(connect(0, 1, far, &near), 0);
    /* What was sent before is not lost. */
    assert_true(pending(0, near));
    assert_int_equal(kicks[0][0], 1);
    acknowledge(0, 0);

    assert_int_equal(event_send(&domains[0], near), 0);
    assert_true(pending(1, far));
    assert_int_equal(vcpus[1][0].info->evtchn_pending_sel, 1UL << (far / 64));
    assert_true(event_upcall_wanted(&vcpus[1][0]));
    assert_int_equal(kicks[1][0], 1);
    /* A second signal changes nothing. */
    assert_int_equal(event_send(&domains[0], near), 0);
    assert_int_equal(kicks[1][0], 1);
    assert_int_equal(event_send(&domains[1], far), 0);
    assert_true(pending(0, near));
}

static void test_connection_refusals(void **state)
{
    evtchn_port_t for_zero = unbound(1, 0), for_one = unbound(1, 1), port;

    (void)state;
    assert_int_equal(connect(0, NOBODY, 1, &port), -XEN_ESRCH);
    assert_int_equal(connect(0, 1, BADPORT, &port), -XEN_EINVAL);
    assert_int_equal(connect(0, 1, 0, &port), -XEN_EINVAL);
    assert_int_equal(connect(0, 1, for_one, &port), -XEN_EINVAL);
    assert_int_equal(connect(0, 1, for_zero, &port), 0);
    assert_int_equal(connect(0, 1, for_zero, &port), -XEN_EINVAL);
    /* A failed try takes no port. */
    assert_int_equal(unbound(0, 1), 2);
}

static void test_connection_to_oneself(void **state)
{
    evtchn_port_t far = unbound(1, 1), near;

    (void)state;
    assert_int_equal(connect(1, DOMID_SELF, far, &near), 0);
    acknowledge(1, 0);
    assert_int_equal(event_send(&domains[1], near), 0);
    assert_true(pending(1, far));
    assert_int_equal(event_close(&domains[1], far), 0);
    assert_int_equal(status_of(1, near).status, EVTCHNSTAT_unbound);
}

static void test_masks(void **state)
{
    evtchn_port_t far = unbound(1, 0), near;

    (void)state;
    assert_int_equal(connect(0, 1, far, &near), 0);
    domains[1].shared_info->evtchn_mask[0] = ~0UL;
    assert_int_equal(event_send(&domains[0], near), 0);
    assert_true(pending(1, far));
    assert_int_equal(kicks[1][0], 0);
    assert_false(event_upcall_pending(&vcpus[1][0]));

    assert_int_equal(event_unmask(&domains[1], far), 0);
    assert_int_equal(kicks[1][0], 1);
    assert_true(event_upcall_wanted(&vcpus[1][0]));
    vcpus[1][0].info->evtchn_upcall_mask = 1;
    assert_false(event_upcall_wanted(&vcpus[1][0]));
    assert_true(event_upcall_pending(&vcpus[1][0]));

    assert_int_equal(event_unmask(&domains[1], BADPORT), -XEN_EINVAL);
    /* A port that is valid but free is left alone. */
    assert_int_equal(event_unmask(&domains[1], far + 1), 0);
    assert_true(domains[1].shared_info->evtchn_mask[0] >> (far + 1) & 1);
}

static void test_virqs(void **state)
{
    evtchn_port_t timer, other, console;

    (void)state;
    assert_int_equal(bind_virq(0, NR_VIRQS, 0, &timer), -XEN_EINVAL);
    assert_int_equal(bind_virq(0, UINT32_MAX, 0, &timer), -XEN_EINVAL);
    assert_int_equal(bind_virq(0, VIRQ_TIMER, VCPUS, &timer), -XEN_ENOENT);
    assert_int_equal(bind_virq(0, VIRQ_TIMER, UINT32_MAX, &timer), -XEN_ENOENT);
    assert_int_equal(bind_virq(0, VIRQ_CONSOLE, 1, &timer), -XEN_EINVAL);
    assert_int_equal(bind_virq(0, VIRQ_TIMER, 0, &timer), 0);
    assert_int_equal(bind_virq(0, VIRQ_TIMER, 0, &other), -XEN_EEXIST);
    assert_int_equal(bind_virq(0, VIRQ_TIMER, 1, &other), 0);
    assert_int_equal(bind_virq(0, VIRQ_CONSOLE, 0, &console), 0);

    event_send_virq(&vcpus[0][1], VIRQ_TIMER);
    assert_true(pending(0, other));
    assert_false(pending(0, timer));
    assert_int_equal(kicks[0][1], 1);
    event_send_global_virq(VIRQ_CONSOLE);
    assert_true(pending(0, console));
    event_send_global_virq(VIRQ_DOM_EXC); /* not bound: nothing */
    /* A guest cannot raise one itself. */
    assert_int_equal(event_send(&domains[0], timer), -XEN_EINVAL);

    assert_int_equal(event_close(&domains[0], timer), 0);
    event_send_virq(&vcpus[0][0], VIRQ_TIMER);
    assert_false(pending(0, timer));
    assert_int_equal(bind_virq(0, VIRQ_TIMER, 0, &timer), 0);
}

static void test_ipi(void **state)
{
    struct evtchn_bind_ipi operation = {.vcpu = VCPUS};

    (void)state;
    assert_int_equal(event_bind_ipi(&domains[1], &operation), -XEN_ENOENT);
    operation.vcpu = 1;
    assert_int_equal(event_bind_ipi(&domains[1], &operation), 0);
    assert_int_equal(event_send(&domains[1], operation.port), 0);
    assert_int_equal(kicks[1][1], 1);
    assert_int_equal(kicks[1][0], 0);
}

static void test_pirq(void **state)
{
    struct evtchn_bind_pirq operation = {.pirq = 7};

    (void)state;
    irq_answer = -XEN_EPERM;
    assert_int_equal(event_bind_pirq(&domains[0], &operation), -XEN_EPERM);
    assert_int_equal(unbound(0, 0), 1); /* the port was given back */
    irq_answer = 0;
    assert_int_equal(event_bind_pirq(&domains[0], &operation), 0);
    event_send_pirq(&domains[0], operation.port);
    assert_true(pending(0, operation.port));
    assert_int_equal(status_of(0, operation.port).u.pirq, 7);
    assert_int_equal(event_send(&domains[0], operation.port), -XEN_EINVAL);
    assert_int_equal(event_close(&domains[0], operation.port), 0);
    assert_int_equal(irqs_bound, 0);
    event_send_pirq(&domains[0], operation.port); /* late: the port is closed */
    assert_false(pending(0, operation.port));
}

static void test_close(void **state)
{
    evtchn_port_t far = unbound(1, 0), near;

    (void)state;
    assert_int_equal(connect(0, 1, far, &near), 0);
    assert_true(pending(0, near));
    assert_int_equal(event_close(&domains[0], near), 0);
    assert_false(pending(0, near));
    assert_int_equal(event_close(&domains[0], near), -XEN_EINVAL);
    assert_int_equal(event_close(&domains[0], 0), -XEN_EINVAL);
    assert_int_equal(event_close(&domains[0], BADPORT), -XEN_EINVAL);
    /* The other end waits for the same domain again. */
    struct evtchn_status status = status_of(1, far);
    assert_int_equal(status.status, EVTCHNSTAT_unbound);
    assert_int_equal(status.u.unbound.dom, 0);
    assert_int_equal(event_send(&domains[1], far), 0);
    assert_int_equal(connect(0, 1, far, &near), 0);
}

static void test_death(void **state)
{
    evtchn_port_t far = unbound(1, 0), near, port;

    (void)state;
    assert_int_equal(connect(0, 1, far, &near), 0);
    event_channels_close_all(&domains[1]);
    assert_int_equal(status_of(0, near).status, EVTCHNSTAT_unbound);
    assert_int_equal(status_of(0, near).u.unbound.dom, 1);
    assert_int_equal(event_send(&domains[0], near), 0);
    /* Nothing new at a dying domain. */
    struct evtchn_alloc_unbound operation = {.dom = 1};
    assert_int_equal(event_alloc_unbound(&operation), -XEN_EINVAL);
    assert_int_equal(connect(0, 1, far, &port), -XEN_EINVAL);
    assert_int_equal(bind_virq(1, VIRQ_TIMER, 0, &port), -XEN_EINVAL);
}

static int rebind(domid_t domain, evtchn_port_t port, uint32_t vcpu)
{
    struct evtchn_bind_vcpu operation = {.port = port, .vcpu = vcpu};

    return event_bind_vcpu(&domains[domain], &operation);
}

static void test_bind_vcpu(void **state)
{
    evtchn_port_t far = unbound(1, 0), near, timer, debug;
    struct evtchn_bind_ipi ipi = {.vcpu = 0};

    (void)state;
    assert_int_equal(connect(0, 1, far, &near), 0);
    assert_int_equal(bind_virq(1, VIRQ_TIMER, 0, &timer), 0);
    assert_int_equal(bind_virq(1, VIRQ_DOM_EXC, 0, &debug), 0);
    assert_int_equal(event_bind_ipi(&domains[1], &ipi), 0);
    assert_int_equal(rebind(1, far, VCPUS), -XEN_ENOENT);
    assert_int_equal(rebind(1, BADPORT, 1), -XEN_EINVAL);
    assert_int_equal(rebind(1, timer, 1), -XEN_EINVAL);
    assert_int_equal(rebind(1, ipi.port, 1), -XEN_EINVAL);
    assert_int_equal(rebind(1, ipi.port + 1, 1), -XEN_EINVAL);
    assert_int_equal(rebind(1, debug, 1), 0);
    assert_int_equal(rebind(1, far, 1), 0);
    assert_int_equal(status_of(1, far).vcpu, 1);
    assert_int_equal(event_send(&domains[0], near), 0);
    assert_int_equal(kicks[1][1], 1);
    assert_int_equal(kicks[1][0], 0);
}

static void test_status(void **state)
{
    evtchn_port_t far = unbound(1, 0), near;
    struct evtchn_status status = {.dom = NOBODY, .port = 1};

    (void)state;
    assert_int_equal(event_status(&status), -XEN_ESRCH);
    status.dom = 1;
    status.port = BADPORT;
    assert_int_equal(event_status(&status), -XEN_EINVAL);
    assert_int_equal(connect(0, 1, far, &near), 0);
    status = status_of(1, far);
    assert_int_equal(status.status, EVTCHNSTAT_interdomain);
    assert_int_equal(status.u.interdomain.dom, 0);
    assert_int_equal(status.u.interdomain.port, near);
    assert_int_equal(status_of(1, far + 1).status, EVTCHNSTAT_closed);
    caller = &domains[1];
    status = (struct evtchn_status){.dom = 0, .port = near};
    assert_int_equal(event_status(&status), -XEN_EPERM);
}

static void test_reset(void **state)
{
    evtchn_port_t far = unbound(1, 0), near;

    (void)state;
    assert_int_equal(connect(0, 1, far, &near), 0);
    assert_int_equal(event_reset(&domains[0], NOBODY), -XEN_ESRCH);
    assert_int_equal(event_reset(&domains[0], 1), -XEN_EINVAL); /* it runs */
    domains[1].controller_paused = true;
    assert_int_equal(event_reset(&domains[0], 1), 0);
    assert_int_equal(status_of(0, near).status, EVTCHNSTAT_unbound);
    caller = &domains[1];
    assert_int_equal(event_reset(&domains[1], 0), -XEN_EPERM);
    assert_int_equal(event_reset(&domains[1], DOMID_SELF), 0);
    assert_int_equal(unbound(1, 0), 1);
}

static void test_poll(void **state)
{
    evtchn_port_t far = unbound(1, 0), near, ports[2];
    struct vcpu *vcpu = &vcpus[1][0];

    (void)state;
    assert_int_equal(connect(0, 1, far, &near), 0);
    domains[1].shared_info->evtchn_mask[0] = ~0UL;
    ports[0] = far;
    ports[1] = BADPORT;
    assert_int_equal(event_poll(vcpu, ports, 2, 0), -XEN_EINVAL);
    assert_int_equal(vcpu->wait, 0);
    assert_int_equal(domains[1].event_channels->polling, 0);

    assert_int_equal(event_poll(vcpu, ports, 1, 1234), 0);
    assert_int_equal(vcpu->wait, VCPU_WAIT_POLL);
    assert_int_equal(poll_deadline, 1234);
    assert_int_equal(event_send(&domains[0], near), 0); /* masked, and still it ends the poll */
    assert_int_equal(vcpu->wait, 0);
    assert_int_equal(event_poll(vcpu, ports, 1, 0), 0); /* pending: no wait at all */
    assert_int_equal(vcpu->wait, 0);

    acknowledge(1, 0);
    assert_int_equal(event_poll(vcpu, ports, 1, 0), 0);
    assert_int_equal(poll_deadline, 0);
    event_poll_timeout(vcpu);
    assert_int_equal(vcpu->wait, 0);
}

/* Only its own port ends a poll for one port; any upcall ends it, too. */
static void test_poll_for_one(void **state)
{
    evtchn_port_t first = unbound(1, 0), second = unbound(1, 0), near;
    struct vcpu *vcpu = &vcpus[1][0];

    (void)state;
    assert_int_equal(connect(0, 1, second, &near), 0);
    domains[1].shared_info->evtchn_mask[0] = ~0UL;
    assert_int_equal(event_poll(vcpu, &first, 1, 0), 0);
    assert_int_equal(event_send(&domains[0], near), 0);
    assert_int_equal(vcpu->wait, VCPU_WAIT_POLL);
    assert_int_equal(event_unmask(&domains[1], second), 0);
    assert_int_equal(vcpu->wait, 0);
}

static void test_rescan(void **state)
{
    static struct vcpu_info moved;

    (void)state;
    vcpus[1][1].info = &moved;
    event_rescan(&vcpus[1][1]);
    assert_int_equal(moved.evtchn_pending_sel, ~0UL);
    assert_true(event_upcall_pending(&vcpus[1][1]));
    assert_int_equal(kicks[1][1], 1);
}

/* A guest may write anything into the words that it shares with us. */
static void test_hostile_words(void **state)
{
    evtchn_port_t far = unbound(1, 0), near;

    (void)state;
    assert_int_equal(connect(0, 1, far, &near), 0);
    memset(domains[1].shared_info, 0xff, PAGE_SIZE);
    assert_int_equal(event_send(&domains[0], near), 0);
    assert_int_equal(event_unmask(&domains[1], far), 0);
    assert_int_equal(event_close(&domains[1], far), 0);
    assert_int_equal(kicks[1][0], 0);
}

static void check_connections(void)
{
    for (domid_t id = 0; id < TEST_DOMAINS; id++)
        for (evtchn_port_t port = 1; port < domains[id].event_channels->port_valid; port++) {
            const struct event_channel *near = event_channel_at(&domains[id], port);
            if (near->state != EVENT_INTERDOMAIN)
                continue;
            const struct event_channel *far = event_channel_at(near->remote, near->number);
            assert_int_equal(far->state, EVENT_INTERDOMAIN);
            assert_ptr_equal(far->remote, &domains[id]);
            assert_int_equal(far->number, port);
            assert_int_equal(near->remote_id, near->remote->id);
        }
}

static void random_operation(void)
{
    domid_t id = (domid_t)(rand() % TEST_DOMAINS), other = (domid_t)(rand() % TEST_DOMAINS);
    evtchn_port_t port = (evtchn_port_t)(rand() % 24), made;

    caller = &domains[0];
    switch (rand() % 6) {
    case 0:
        unbound(id, other);
        break;
    case 1:
        connect(id, other, port, &made);
        break;
    case 2:
        event_send(&domains[id], port);
        break;
    case 3:
        bind_virq(id, (uint32_t)(rand() % NR_VIRQS), (uint32_t)(rand() % VCPUS), &made);
        break;
    default:
        event_close(&domains[id], port);
    }
}

static void test_random_operations(void **state)
{
    (void)state;
    srand(1);
    event_channels_set_limit(&domains[0], 2000);
    for (unsigned i = 0; i < MANY; i++) {
        if (i % 50 == 0)
            event_close_ports(&domains[rand() % TEST_DOMAINS]);
        random_operation();
        if (i % 16 == 0)
            check_connections();
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, event_machine_begin, event_machine_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ports_come_in_order_and_end),
        TEST(test_limit),
        TEST(test_alloc_for_others),
        TEST(test_both_ends_signal),
        TEST(test_connection_refusals),
        TEST(test_connection_to_oneself),
        TEST(test_masks),
        TEST(test_virqs),
        TEST(test_ipi),
        TEST(test_pirq),
        TEST(test_close),
        TEST(test_death),
        TEST(test_bind_vcpu),
        TEST(test_status),
        TEST(test_reset),
        TEST(test_poll),
        TEST(test_poll_for_one),
        TEST(test_rescan),
        TEST(test_hostile_words),
        TEST(test_random_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
