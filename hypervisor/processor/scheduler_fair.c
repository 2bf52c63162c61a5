/* SPDX-License-Identifier: MIT */
/*
 * Weighted fairness by virtual time: a vcpu's clock runs at 256 / weight of real time while it
 * runs, and the one whose clock is furthest behind is next, on whatever processor it waits. Who
 * slept is lifted to just behind the queue's floor: far enough to go first, too little to live on
 * hoarded time. docs/scheduling.md tells why clocks of different processors stay comparable.
 */
#include "hypervisor/domain/domain.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/scheduler_queue.h"

#define WEIGHT_DEFAULT 256
#define SLICE_NS       5000000

/* Virtual ns by which the running vcpu gets ahead of the one that waits. */
#define LEAD_NS       1500000
#define LEAD_WOKEN_NS 200000
/* More than the above: who has slept interrupts whoever runs. */
#define CREDIT_NS (2 * LEAD_WOKEN_NS)

/* Ns of its own time by which one waits elsewhere behind the first here when it is worth a move. */
#define PULL_NS 500000
/* ... when its processor is told. */
#define OFFER_NS 1000000
/* Ns for which one may have to wait, or run alone, for reasons of the past. */
#define LAG_NS 20000000

#define LAG_ALONE_NS 2000000
/* To which fair_common_floor is kept. */
#define STEP_NS 250000

uint64_t fair_common_floor;

static uint64_t virtual_of(uint64_t nanoseconds, uint16_t weight)
{
    return nanoseconds * WEIGHT_DEFAULT / weight;
}

static uint64_t lag_of(uint64_t nanoseconds, uint16_t weight)
{
    return virtual_of(nanoseconds, weight < WEIGHT_DEFAULT ? weight : WEIGHT_DEFAULT);
}

static uint64_t behind(uint64_t virtual, uint64_t by)
{
    return virtual > by ? virtual - by : 0;
}

static void floor_set(struct run_queue *queue, uint64_t floor)
{
    queue->virtual_floor = queue->virtual_lift = floor;
}

/*
 * One came whose processor's floor is further back: until it has caught up with this one's, who
 * wakes up is lifted to just behind it, or would have to wait for all that it is owed.
 */
static void lift_lower(struct run_queue *queue, uint64_t time)
{
    uint64_t bound = behind(queue->virtual_floor, LAG_ALONE_NS);

    queue->virtual_lift = time > bound ? time : bound;
}

/* Nobody joins a queue from so far behind or ahead that others, or it, would wait for long. */
static uint64_t fair_key(struct run_queue *queue, struct vcpu *vcpu, enum queue_join join)
{
    uint64_t time = vcpu->entity.virtual_time;

    /* Where nobody else wants to run, what was last known of the floor is old. */
    if (queue->idle && !queue_first(queue)) {
        uint64_t common = READ_ONCE(fair_common_floor);
        uint64_t floor = (time > common ? time : common) + CREDIT_NS;
        if (floor > queue->virtual_floor)
            floor_set(queue, floor);
    }
    if (join == JOIN_MOVED && time < queue->virtual_lift)
        lift_lower(queue, time);
    if (time + CREDIT_NS - queue->virtual_floor <= CREDIT_NS + LAG_NS)
        return time; /* within reach at any weight */
    uint64_t lag = lag_of(LAG_NS, READ_ONCE(vcpu->domain->weight));
    uint64_t least = join == JOIN_WOKEN ? behind(queue->virtual_lift, CREDIT_NS)
                                        : behind(queue->virtual_floor, lag);
    uint64_t most = queue->virtual_floor + lag;

    time = time < least ? least : time > most ? most : time;
    vcpu->entity.virtual_time = time;
    return time;
}

static void common_floor_raise(uint64_t floor)
{
    uint64_t seen = __atomic_load_n(&fair_common_floor, __ATOMIC_RELAXED);

    while (floor > seen + STEP_NS &&
           !__atomic_compare_exchange_n(&fair_common_floor, &seen, floor, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
        ;
}

/* Who runs with nobody waiting behind it saves nothing up against those who compete elsewhere. */
static void fair_charge(struct run_queue *queue, struct vcpu *vcpu, uint64_t nanoseconds)
{
    uint16_t weight = READ_ONCE(vcpu->domain->weight);
    uint64_t time = vcpu->entity.virtual_time + virtual_of(nanoseconds, weight), floor = time;
    const struct vcpu *waiting = queue_first(queue);

    if (!waiting && pcpu_count > 1) {
        uint64_t least = behind(READ_ONCE(fair_common_floor), lag_of(LAG_ALONE_NS, weight));
        floor = time = time < least ? least : time;
    }
    vcpu->entity.virtual_time = time;
    if (waiting && waiting->entity.virtual_time < floor)
        floor = waiting->entity.virtual_time;
    if (floor > queue->virtual_floor)
        queue->virtual_floor = floor;
    if (floor > queue->virtual_lift)
        queue->virtual_lift = floor;
    if (waiting && pcpu_count > 1)
        common_floor_raise(floor);
    if (time > queue->virtual_ceiling)
        queue->virtual_ceiling = time;
    WRITE_ONCE(queue->running_weight, weight);
}

/* What somebody ran while nobody else wanted to is no debt. */
static void fair_settle(struct run_queue *queue)
{
    floor_set(queue, queue->virtual_ceiling);
    common_floor_raise(queue->virtual_floor);
}

static uint64_t fair_patience(const struct vcpu *waiting, const struct vcpu *running, bool woken)
{
    uint64_t limit = waiting->entity.virtual_time + (woken ? LEAD_WOKEN_NS : LEAD_NS);
    /* A switch must be worth its cost, however small the weight. */
    uint64_t shortest = woken ? 0 : READ_ONCE(scheduler_rate_limit_us) * 1000UL;
    uint64_t longest = shortest > SLICE_NS ? shortest : SLICE_NS;

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

static void fair_yield(struct run_queue *queue, struct vcpu *vcpu)
{
    const struct vcpu *first = queue_first(queue);

    if (first && first->entity.virtual_time >= vcpu->entity.virtual_time)
        vcpu->entity.virtual_time = first->entity.virtual_time + 1;
}

static bool fair_prefers(uint64_t other, uint16_t weight, uint64_t own)
{
    if (other == RUN_KEY_NONE || own == RUN_KEY_NONE)
        return other != RUN_KEY_NONE;
    return other + virtual_of(PULL_NS, weight) < own;
}

/* Also one that runs alone and is to be lifted is told, or it would seem to be behind for ever. */
static uint64_t fair_lead(const struct run_queue *there, uint64_t key, uint16_t weight,
                          uint64_t now)
{
    uint64_t time = READ_ONCE(there->running_virtual), since = READ_ONCE(there->running_since);
    uint16_t running_weight = READ_ONCE(there->running_weight);

    if (now > since)
        time += virtual_of(now - since, running_weight);
    if (time > key + virtual_of(OFFER_NS, weight))
        return time - key;
    bool alone = READ_ONCE(there->slice_end) == RUN_KEY_NONE;
    return alone && time + lag_of(LAG_NS, running_weight) < READ_ONCE(fair_common_floor);
}

const struct scheduler_policy scheduler_fair = {
    .name = "fair",
    .key = fair_key,
    .charge = fair_charge,
    .settle = fair_settle,
    .patience = fair_patience,
    .yield = fair_yield,
    .prefers = fair_prefers,
    .lead = fair_lead,
};
