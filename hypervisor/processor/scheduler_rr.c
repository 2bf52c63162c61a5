/* SPDX-License-Identifier: MIT */
/*
 * Plain round robin, for reading and comparing: who comes last waits longest, everybody gets a
 * slice of 10 ms, weights count for nothing. A processor takes from another only before it idles.
 */
#include "hypervisor/processor/scheduler_queue.h"

#define SLICE_NS 10000000

/* Nobody waits who came before the first. */
static uint64_t rr_key(struct run_queue *queue, struct vcpu *vcpu, enum queue_join join)
{
    const struct vcpu *first = queue_first(queue);

    (void)vcpu;
    (void)join;
    queue->virtual_floor = first ? first->entity.node.key : queue->arrivals;
    return ++queue->arrivals;
}

static void rr_charge(struct run_queue *queue, struct vcpu *vcpu, uint64_t nanoseconds)
{
    (void)queue;
    (void)vcpu;
    (void)nanoseconds;
}

static void rr_settle(struct run_queue *queue)
{
    (void)queue;
}

static uint64_t rr_patience(const struct vcpu *waiting, const struct vcpu *running, bool woken)
{
    (void)waiting;
    (void)running;
    (void)woken;
    return SLICE_NS;
}

static void rr_yield(struct run_queue *queue, struct vcpu *vcpu)
{
    (void)queue;
    (void)vcpu;
}

static bool rr_prefers(uint64_t other, uint16_t weight, uint64_t own)
{
    (void)weight;
    return own == RUN_KEY_NONE && other != RUN_KEY_NONE;
}

static uint64_t rr_lead(const struct run_queue *there, uint64_t key, uint16_t weight, uint64_t now)
{
    (void)weight;
    (void)there;
    (void)key;
    (void)now;
    return 0;
}

const struct scheduler_policy scheduler_rr = {
    .name = "rr",
    .key = rr_key,
    .charge = rr_charge,
    .settle = rr_settle,
    .patience = rr_patience,
    .yield = rr_yield,
    .prefers = rr_prefers,
    .lead = rr_lead,
};
