/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/scheduler_queue.h"

#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/runstate.h"
#include "hypervisor/processor/scheduler_move.h"
#include "hypervisor/processor/smp.h"
#include "hypervisor/processor/trace.h"

/* An idle processor that is asked to help does so within that time, or it is done without. */
#define HELP_NS 50000
/* Who was given the processor keeps it so long: it may wake many, or itself wait soon. */
#define SETTLE_NS 50000

bool vcpu_runnable(const struct vcpu *vcpu)
{
    if (vcpu->at_exit)
        return vcpu->wait == 0 && vcpu->pause_count == 0;
    return !(vcpu->wait & VCPU_WAIT_MUTEX);
}

struct run_queue *queue_lock(const struct vcpu *vcpu)
{
    for (;;) {
        struct pcpu *pcpu = READ_ONCE(vcpu->pcpu);
        spin_lock(&pcpu->run_queue.lock);
        if (pcpu == READ_ONCE(vcpu->pcpu))
            return &pcpu->run_queue;
        spin_unlock(&pcpu->run_queue.lock);
    }
}

static void show_movable(struct run_queue *queue)
{
    const struct calendar_node *first = queue->movable.first;

    if (pcpu_count == 1)
        return;
    WRITE_ONCE(queue->movable_key, first ? first->key : RUN_KEY_NONE);
    if (!first)
        return;
    WRITE_ONCE(queue->movable_affinity, vcpu_of_node(first)->entity.affinity);
    WRITE_ONCE(queue->movable_weight, vcpu_of_node(first)->domain->weight);
}

void queue_place(struct run_queue *queue, struct vcpu *vcpu, uint64_t key, bool woken)
{
    struct run_entity *entity = &vcpu->entity;
    bool pinned = !(entity->affinity & (entity->affinity - 1));

    entity->queued = true;
    entity->woken = woken;
    entity->pinned = pinned;
    calendar_insert(pinned ? &queue->pinned : &queue->movable, &entity->node, key,
                    queue->virtual_floor);
    if (!pinned)
        show_movable(queue);
}

void queue_insert(struct run_queue *queue, struct vcpu *vcpu, bool woken)
{
    queue_place(queue, vcpu, scheduler_policy->key(queue, vcpu, woken ? JOIN_WOKEN : JOIN_AGAIN),
                woken);
}

void queue_remove(struct run_queue *queue, struct vcpu *vcpu)
{
    bool pinned = vcpu->entity.pinned;

    vcpu->entity.queued = false;
    calendar_remove(pinned ? &queue->pinned : &queue->movable, &vcpu->entity.node,
                    queue->virtual_floor);
    if (!pinned)
        show_movable(queue);
}

void queue_charge(struct run_queue *queue, struct vcpu *vcpu, uint64_t now)
{
    struct run_entity *entity = &vcpu->entity;

    /* Clocks of two processors may be a little apart. */
    if (vcpu_is_idle(vcpu) || now <= entity->charged_until)
        return;
    scheduler_policy->charge(queue, vcpu, now - entity->charged_until);
    if (entity->capped)
        entity->allowance -= (int64_t)(now - entity->charged_until);
    entity->charged_until = now;
    WRITE_ONCE(queue->running_virtual, entity->virtual_time);
    WRITE_ONCE(queue->running_since, now);
}

void pcpu_request_reschedule(struct pcpu *pcpu)
{
    pcpu->reschedule = true;
    if (pcpu != this_pcpu())
        smp_send(pcpu, VECTOR_RESCHEDULE);
    else
        pcpu->current->exit_work = true;
}

/*
 * The running vcpu pays first: only then is the floor known to which a sleeper is lifted. Rather
 * than interrupting it, another processor that idles is told.
 */
static unsigned queue_wake(struct pcpu *pcpu, struct vcpu *vcpu, uint64_t now)
{
    struct run_queue *queue = &pcpu->run_queue;
    unsigned work = 0;

    queue_charge(queue, pcpu->current, now);
    trace_vcpu(TRC_SCHED_WAKE, vcpu);
    queue_insert(queue, vcpu, true);
    uint64_t patience = queue->idle ? 0 : scheduler_policy->patience(vcpu, pcpu->current, true);
    bool free = queue->idle && !pcpu->reschedule;
    if (!free && !vcpu->entity.pinned) {
        struct pcpu *helper = move_idle_for(vcpu->entity.affinity);
        if (helper)
            pcpu_request_reschedule(helper);
        if (helper && patience < HELP_NS)
            patience = HELP_NS;
        if (!helper && patience)
            work = QUEUE_OFFER;
    }
    if (!queue->idle && now + patience < queue->began + SETTLE_NS)
        patience = queue->began + SETTLE_NS - now;
    if (!patience)
        pcpu_request_reschedule(pcpu);
    if (pcpu->reschedule || now + patience >= queue->slice_end)
        return work;
    WRITE_ONCE(queue->slice_end, now + patience);
    return work | QUEUE_SET_SLICE;
}

unsigned queue_reconsider(struct vcpu *vcpu)
{
    struct pcpu *pcpu = vcpu->pcpu;
    bool runnable = vcpu_runnable(vcpu);
    unsigned work = 0;

    /* It looks at both itself on its way out, and where it may stop inside. */
    if (vcpu == pcpu->current) {
        if (pcpu != this_pcpu() && (!runnable || vcpu->wait || vcpu->pause_count))
            pcpu_request_reschedule(pcpu);
        return 0;
    }
    uint64_t now = clock_now();
    if (!runnable && vcpu->entity.queued)
        queue_remove(&pcpu->run_queue, vcpu);
    else if (runnable && !vcpu->entity.queued && !vcpu->entity.displaced)
        work = queue_wake(pcpu, vcpu, now);
    runstate_stopped(vcpu, now);
    return work;
}

/*
 * A slice timer that is set for an earlier time stays: it then looks when the slice really ends.
 * Others may bring the end forward meanwhile; what they set must not be put off.
 */
static void set_slice(struct pcpu *pcpu)
{
    struct run_queue *queue = &pcpu->run_queue;
    struct timer *timer = &queue->slice_timer;
    uint64_t end = READ_ONCE(queue->slice_end);

    if (end == RUN_KEY_NONE ||
        (pcpu == this_pcpu() && timer_is_set(timer) && timer_deadline(timer) <= end))
        return;
    do {
        end = READ_ONCE(queue->slice_end);
        timer_set(timer, end);
    } while (READ_ONCE(queue->slice_end) < end);
}

void queue_finish(struct pcpu *pcpu, unsigned work)
{
    if (work & QUEUE_SET_SLICE)
        set_slice(pcpu);
    if (work & QUEUE_OFFER)
        move_offer(pcpu, 0);
}
