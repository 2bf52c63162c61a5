/* SPDX-License-Identifier: MIT */
/*
 * Weighted fairness by virtual time: a vcpu's clock runs at 256 / weight of real time while it
 * runs, and the one whose clock is furthest behind is next. Who slept is lifted to just behind the
 * queue's floor, so that it goes first but cannot live on hoarded time.
 */
#include "hypervisor/domain/domain.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"

#define WEIGHT_DEFAULT     256
#define SLICE_NS           5000000
/* A woken vcpu must be this far behind the running one to interrupt it. */
#define PREEMPT_MARGIN_NS  200000

static struct vcpu *vcpu_of_node(struct list *node)
{
    return container_of(node, struct vcpu, entity.node);
}

static void fair_enqueue(struct run_queue *queue, struct vcpu *vcpu, bool woken)
{
    struct list *position = queue->runnable.previous;

    if (woken && vcpu->entity.virtual_time + SLICE_NS < queue->virtual_floor)
        vcpu->entity.virtual_time = queue->virtual_floor - SLICE_NS;
    while (position != &queue->runnable &&
           vcpu_of_node(position)->entity.virtual_time > vcpu->entity.virtual_time)
        position = position->previous;
    list_insert_after(position, &vcpu->entity.node);
}

static struct vcpu *fair_best(struct run_queue *queue)
{
    struct list *first = list_first(&queue->runnable);
    return first ? vcpu_of_node(first) : NULL;
}

static void fair_charge(struct run_queue *queue, struct vcpu *vcpu, uint64_t nanoseconds)
{
    uint16_t weight = READ_ONCE(vcpu->domain->weight);

    vcpu->entity.virtual_time += nanoseconds * WEIGHT_DEFAULT / weight;
    uint64_t floor = vcpu->entity.virtual_time;
    const struct vcpu *waiting = fair_best(queue);
    if (waiting && waiting->entity.virtual_time < floor)
        floor = waiting->entity.virtual_time;
    if (floor > queue->virtual_floor)
        queue->virtual_floor = floor;
}

static bool fair_preempts(const struct vcpu *candidate, const struct vcpu *running)
{
    return candidate->entity.virtual_time + PREEMPT_MARGIN_NS < running->entity.virtual_time;
}

const struct scheduler_policy scheduler_fair = {
    .name = "fair",
    .enqueue = fair_enqueue,
    .best = fair_best,
    .charge = fair_charge,
    .preempts = fair_preempts,
    .slice = SLICE_NS,
};
