/* SPDX-License-Identifier: MIT */
#include "hypervisor/domain/vcpu_timer.h"

#include <xen/errno.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/io/event_channel.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/trace.h"
#include "hypervisor/processor/vcpu.h"

#define MILLISECOND_NS 1000000UL
#define PERIOD_MAX     (1UL << 50) /* two weeks */
/* A deadline that far away is a guest's miscalculation: wake it soon, as Xen does. */
#define DELTA_ABSURD (1UL << 50)

static void singleshot_fire(void *argument)
{
    trace_vcpu(TRC_SCHED_DOM_TIMER_FN, argument);
    event_send_virq(argument, VIRQ_TIMER);
}

/* From deadline to deadline, so that lateness does not add up; whole missed periods are left out.
 */
static void periodic_fire(void *argument)
{
    struct vcpu *vcpu = argument;
    uint64_t period = READ_ONCE(vcpu->periodic_period), now = clock_now();
    uint64_t deadline = timer_deadline(&vcpu->periodic_timer) + period;

    trace_vcpu(TRC_SCHED_DOM_TIMER_FN, vcpu);
    event_send_virq(vcpu, VIRQ_TIMER);
    if (period)
        timer_set(&vcpu->periodic_timer, deadline > now ? deadline : now + period);
}

void vcpu_timers_create(struct vcpu *vcpu)
{
    timer_init(&vcpu->singleshot_timer, vcpu->pcpu, singleshot_fire, vcpu);
    timer_init(&vcpu->periodic_timer, vcpu->pcpu, periodic_fire, vcpu);
    timer_init(&vcpu->poll_timer, vcpu->pcpu, event_poll_timeout, vcpu);
}

void vcpu_timers_destroy(struct vcpu *vcpu)
{
    vcpu_timer_stop_periodic(vcpu);
    timer_destroy(&vcpu->poll_timer);
    timer_destroy(&vcpu->periodic_timer);
    timer_destroy(&vcpu->singleshot_timer);
}

void vcpu_timer_set(struct vcpu *vcpu, uint64_t deadline)
{
    timer_set_here(&vcpu->singleshot_timer, deadline);
}

void vcpu_timer_stop(struct vcpu *vcpu)
{
    timer_cancel(&vcpu->singleshot_timer);
}

int vcpu_timer_set_periodic(struct vcpu *vcpu, uint64_t period)
{
    if (period < MILLISECOND_NS || period > PERIOD_MAX)
        return -XEN_EINVAL;
    WRITE_ONCE(vcpu->periodic_period, period);
    timer_set_here(&vcpu->periodic_timer, clock_now() + period);
    return 0;
}

void vcpu_timer_stop_periodic(struct vcpu *vcpu)
{
    WRITE_ONCE(vcpu->periodic_period, 0);
    timer_cancel(&vcpu->periodic_timer);
}

static __attribute__((noinline)) long set_timer(struct vcpu *vcpu, uint64_t deadline)
{
    uint64_t now = clock_now();

    if (!deadline)
        vcpu_timer_stop(vcpu);
    else if (deadline > now && deadline - now >= DELTA_ABSURD)
        vcpu_timer_set(vcpu, now + 100 * MILLISECOND_NS);
    else
        vcpu_timer_set(vcpu, deadline);
    return 0;
}

long do_set_timer_op(uint64_t deadline)
{
    struct vcpu *vcpu = current_vcpu();

    if (deadline < DELTA_ABSURD && timer_put_off(&vcpu->singleshot_timer, this_pcpu(), deadline))
        return 0;
    return set_timer(vcpu, deadline);
}
