/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/scheduler_cap.h"

#include "hypervisor/domain/domain.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/scheduler_queue.h"

#define PERIOD_NS        10000000L
#define ALLOWANCE_MIN_NS 500000L
#define INSIDE_CALL_NS   100000L /* what one goes on with who may not be stopped */

static int64_t quota(const struct domain_cap *cap)
{
    return PERIOD_NS / 100 * READ_ONCE(cap->percent);
}

/* Half of what is left, so that vcpus that run at the same time each get some of it. */
static int64_t take(struct domain *domain)
{
    struct domain_cap *cap = &domain->cap;
    int64_t left = __atomic_load_n(&cap->budget, __ATOMIC_SEQ_CST), part;

    do {
        if (left <= 0)
            return 0;
        part = domain->vcpu_max == 1 ? left : left / 2;
        if (part < ALLOWANCE_MIN_NS)
            part = left < ALLOWANCE_MIN_NS ? left : ALLOWANCE_MIN_NS;
    } while (!__atomic_compare_exchange_n(&cap->budget, &left, left - part, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    return part;
}

/* Says that it waits, then looks again: who fills up afterwards finds the bit. */
bool cap_admit(struct vcpu *vcpu)
{
    struct domain *domain = vcpu->domain;
    int64_t allowance = take(domain);

    if (!allowance && vcpu->at_exit) {
        vcpu->wait |= VCPU_WAIT_BUDGET;
        __atomic_fetch_or(&domain->cap.parked, 1U << vcpu->id, __ATOMIC_SEQ_CST);
        allowance = take(domain);
        if (!allowance)
            return false;
        vcpu->wait &= (uint16_t)~VCPU_WAIT_BUDGET;
    }
    if (!allowance) {
        allowance = INSIDE_CALL_NS;
        __atomic_fetch_sub(&domain->cap.budget, INSIDE_CALL_NS, __ATOMIC_SEQ_CST);
    }
    vcpu->entity.capped = true;
    vcpu->entity.allowance = allowance;
    __atomic_fetch_add(&domain->cap.holders, 1, __ATOMIC_SEQ_CST);
    return true;
}

void cap_give_back(struct vcpu *vcpu)
{
    vcpu->entity.capped = false;
    __atomic_fetch_add(&vcpu->domain->cap.budget, vcpu->entity.allowance, __ATOMIC_SEQ_CST);
    __atomic_fetch_sub(&vcpu->domain->cap.holders, 1, __ATOMIC_SEQ_CST);
}

static void unpark(struct domain *domain)
{
    uint32_t parked = __atomic_exchange_n(&domain->cap.parked, 0, __ATOMIC_SEQ_CST);

    for (; parked; parked &= parked - 1)
        vcpu_clear_wait(domain->vcpus[__builtin_ctz(parked)], VCPU_WAIT_BUDGET);
}

/* Nothing is saved up for later periods. Returns whether nothing had been used. */
static bool fill_up(struct domain_cap *cap)
{
    int64_t full = quota(cap), left = __atomic_load_n(&cap->budget, __ATOMIC_SEQ_CST), more;

    do {
        more = left + full < full ? left + full : full;
    } while (!__atomic_compare_exchange_n(&cap->budget, &left, more, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    return left >= full;
}

static void set_timer(struct domain_cap *cap, uint64_t deadline)
{
    if (!__atomic_exchange_n(&cap->ticking, true, __ATOMIC_SEQ_CST))
        timer_set_here(&cap->timer, deadline);
}

static void period_over(void *argument)
{
    struct domain *domain = argument;
    struct domain_cap *cap = &domain->cap;
    uint64_t now = clock_now(), next = timer_deadline(&cap->timer) + (uint64_t)PERIOD_NS;
    bool unused = fill_up(cap);

    unpark(domain);
    __atomic_store_n(&cap->ticking, false, __ATOMIC_SEQ_CST);
    /*
     * It rests while nobody uses any; who takes some afterwards sees that. Who holds an allowance
     * may come back late and owe more than there is: somebody has to wait for a period then.
     */
    if (cap->percent && (!unused || __atomic_load_n(&cap->holders, __ATOMIC_SEQ_CST) ||
                         __atomic_load_n(&cap->budget, __ATOMIC_SEQ_CST) < quota(cap)))
        set_timer(cap, next > now ? next : now + (uint64_t)PERIOD_NS);
}

void cap_start_period(struct domain *domain)
{
    struct domain_cap *cap = &domain->cap;

    if (!__atomic_load_n(&cap->ticking, __ATOMIC_SEQ_CST))
        set_timer(cap, clock_now() + (uint64_t)PERIOD_NS);
}

void cap_init(struct domain *domain)
{
    timer_init(&domain->cap.timer, this_pcpu(), period_over, domain);
}

void cap_destroy(struct domain *domain)
{
    timer_destroy(&domain->cap.timer);
}

/* Who runs without an allowance, or with one of the old size, is chosen anew. */
static void choose_anew(struct vcpu *vcpu)
{
    struct run_queue *queue = queue_lock(vcpu);

    if (vcpu->pcpu->current == vcpu)
        pcpu_request_reschedule(vcpu->pcpu);
    spin_unlock(&queue->lock);
}

void cap_set(struct domain *domain, uint16_t percent)
{
    struct domain_cap *cap = &domain->cap;

    if (percent == cap->percent)
        return;
    WRITE_ONCE(cap->percent, percent);
    __atomic_store_n(&cap->budget, quota(cap), __ATOMIC_SEQ_CST);
    unpark(domain);
    for (unsigned i = 0; i < domain->vcpu_max; i++)
        if (domain->vcpus[i])
            choose_anew(domain->vcpus[i]);
}
