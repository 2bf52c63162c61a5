/* SPDX-License-Identifier: MIT */
/*
 * Weighted fairness by virtual time: a vcpu's clock runs at 256 / weight of real time while it
 * runs, and the one whose clock is furthest behind is next. Who slept is lifted to just behind the
 * queue's floor: far enough to go first, too little to live on hoarded time.
 */
#include "hypervisor/domain/domain.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"

#define WEIGHT_DEFAULT 256
#define SLICE_NS       5000000
#define RUN_MIN_NS     500000 /* a switch must be worth its cost, however small the weight */

/* Virtual ns by which the running vcpu gets ahead of the one that waits. */
#define LEAD_NS       (SLICE_NS / 2)
#define LEAD_WOKEN_NS 200000
/* More than the above: who has slept interrupts whoever runs. */
#define CREDIT_NS (2 * LEAD_WOKEN_NS)

static struct vcpu *vcpu_of_node(struct list *node)
{
    return container_of(node, struct vcpu, entity.node);
}

static void fair_enqueue(struct run_queue *queue, struct vcpu *vcpu, bool woken)
{
    struct list *position = queue->runnable.previous;

    if (woken && vcpu->entity.virtual_time + CREDIT_NS < queue->virtual_floor)
        vcpu->entity.virtual_time = queue->virtual_floor - CREDIT_NS;
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
    if (vcpu->entity.virtual_time > queue->virtual_ceiling)
        queue->virtual_ceiling = vcpu->entity.virtual_time;
}

/* What somebody ran while nobody else wanted to is no debt. */
static void fair_settle(struct run_queue *queue)
{
    queue->virtual_floor = queue->virtual_ceiling;
}

static uint64_t fair_patience(const struct vcpu *waiting, const struct vcpu *running, bool woken)
{
    uint64_t limit = waiting->entity.virtual_time + (woken ? LEAD_WOKEN_NS : LEAD_NS);
    uint64_t shortest = woken ? 0 : RUN_MIN_NS, longest = SLICE_NS;

    if (limit <= running->entity.virtual_time)
        return shortest;
    uint64_t ahead = limit - running->entity.virtual_time;
    /* Beyond a slice at the greatest weight nothing changes, and nothing can overflow below it. */
    if (ahead > (uint64_t)SLICE_NS * WEIGHT_DEFAULT)
        return longest;
    uint64_t real = ahead * READ_ONCE(running->domain->weight) / WEIGHT_DEFAULT;
    if (real > longest)
        return longest;
    return real > shortest ? real : shortest;
}

const struct scheduler_policy scheduler_fair = {
    .name = "fair",
    .enqueue = fair_enqueue,
    .best = fair_best,
    .charge = fair_charge,
    .settle = fair_settle,
    .patience = fair_patience,
};
