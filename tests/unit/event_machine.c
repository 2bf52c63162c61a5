/* SPDX-License-Identifier: MIT */
#include "event_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <xen/errno.h>

#include "hypervisor/io/event_channel.h"
#include "hypervisor/io/irq.h"
#include "hypervisor/memory/heap.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/trace.h"

struct domain *domain_first;
struct vcpu vcpus[TEST_DOMAINS][VCPUS];
unsigned kicks[TEST_DOMAINS][VCPUS];
struct domain *caller;
int irq_answer;
unsigned irqs_bound;
uint64_t poll_deadline;
static uint64_t free_before;
bool trace_running;

void trace_write(uint32_t event, const uint32_t *words, unsigned count)
{
    (void)event, (void)words;
    fail_msg("a trace record of %u words while nobody traces", count);
}

void spinlock_init(struct spinlock *lock, enum lock_level level)
{
    *lock = (struct spinlock){.level = (uint8_t)level};
}

void spin_lock_two(struct spinlock *first, struct spinlock *second)
{
    spin_lock(first);
    if (second != first)
        spin_lock(second);
}

void spin_unlock_two(struct spinlock *first, struct spinlock *second)
{
    spin_unlock(first);
    if (second != first)
        spin_unlock(second);
}

struct domain *domain_get_for(domid_t id, int *error)
{
    struct domain *domain = id == DOMID_SELF ? caller : NULL;

    if (!domain && id < TEST_DOMAINS)
        domain = &domains[id];
    *error = domain ? -XEN_EPERM : -XEN_ESRCH;
    if (!domain || (domain != caller && !caller->privileged))
        return NULL;
    domain_get(domain);
    return domain;
}

void vcpu_kick(struct vcpu *vcpu)
{
    kicks[vcpu->domain->id][vcpu->id]++;
}

void vcpu_set_wait(struct vcpu *vcpu, uint32_t bits)
{
    vcpu->wait |= bits;
}

void vcpu_clear_wait(struct vcpu *vcpu, uint32_t bits)
{
    vcpu->wait &= ~bits;
}

void timer_set_here(struct timer *timer, uint64_t deadline)
{
    (void)timer;
    poll_deadline = deadline;
}

void timer_cancel(struct timer *timer)
{
    (void)timer;
    poll_deadline = 0;
}

int irq_bind(struct domain *domain, unsigned pirq, evtchn_port_t port, bool shareable)
{
    (void)domain, (void)pirq, (void)port, (void)shareable;
    irqs_bound += irq_answer == 0;
    return irq_answer;
}

void irq_unbind(struct domain *domain, unsigned pirq, evtchn_port_t port)
{
    (void)domain, (void)pirq, (void)port;
    irqs_bound--;
}

static void domain_start(struct domain *domain)
{
    domain->vcpu_max = VCPUS;
    domain->shared_info = frame_allocate_hypervisor(0);
    for (unsigned i = 0; i < VCPUS; i++) {
        struct vcpu *vcpu = &vcpus[domain->id][i];
        *vcpu = (struct vcpu){.id = i, .domain = domain};
        vcpu->info = &domain->shared_info->vcpu_info[i];
        domain->vcpus[i] = vcpu;
    }
    assert_int_equal(event_channels_create(domain), 0);
}

int event_machine_begin(void **state)
{
    (void)state;
    machine_reset();
    free_before = heap_free_count();
    memset(kicks, 0, sizeof(kicks));
    irq_answer = 0;
    irqs_bound = 0;
    domain_start(&domains[0]);
    domain_start(&domains[1]);
    domain_first = &domains[0];
    caller = &domains[0];
    return 0;
}

int event_machine_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TEST_DOMAINS; i++) {
        event_channels_close_all(&domains[i]);
        assert_int_equal(domains[i].reference_count, 1);
    }
    assert_int_equal(irqs_bound, 0);
    for (unsigned i = 0; i < TEST_DOMAINS; i++) {
        event_channels_free(&domains[i]);
        frame_free_hypervisor(domains[i].shared_info, 0);
        domains[i].vcpu_max = 0;
    }
    assert_int_equal(heap_free_count(), free_before);
    return 0;
}
