/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/scheduler_move.h"

#include "hypervisor/domain/domain.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/scheduler_queue.h"

/* A vcpu's registers are not all saved before `running` is false. */
static bool may_move(const struct vcpu *vcpu, const struct pcpu *to)
{
    return pcpu_allowed(to, vcpu->entity.affinity) &&
           !__atomic_load_n(&vcpu->running, __ATOMIC_ACQUIRE);
}

/* The first of those that wait in a queue and may go there; the queue is locked. */
static struct vcpu *movable_to(const struct run_queue *queue, const struct pcpu *to)
{
    const struct calendar_node *best = NULL, *node = queue->movable.first;

    if (node && may_move(vcpu_of_node(node), to))
        return vcpu_of_node(node);
    for (; node; node = calendar_next(&queue->movable, node))
        if ((!best || node->key < best->key) && may_move(vcpu_of_node(node), to))
            best = node;
    return best ? vcpu_of_node(best) : NULL;
}

/* Where the one waits that deserves a processor most, as far as can be seen from here. */
static struct pcpu *waiting_elsewhere(const struct pcpu *pcpu, uint64_t own)
{
    struct pcpu *from = NULL;
    uint64_t best = RUN_KEY_NONE;

    for (unsigned id = 0; id < pcpu_count; id++) {
        struct pcpu *other = pcpu_of(id);
        uint64_t key = READ_ONCE(other->run_queue.movable_key);
        if (other == pcpu || key >= best ||
            !pcpu_allowed(pcpu, READ_ONCE(other->run_queue.movable_affinity)))
            continue;
        from = other;
        best = key;
    }
    if (!from)
        return NULL;
    uint16_t weight = READ_ONCE(from->run_queue.movable_weight);
    return scheduler_policy->prefers(best, weight, own) ? from : NULL;
}

static uint64_t own_key(const struct pcpu *pcpu, const struct vcpu *previous)
{
    const struct vcpu *first = queue_first(&pcpu->run_queue);
    uint64_t key = first ? first->entity.node.key : RUN_KEY_NONE;
    bool stays = !vcpu_is_idle(previous) && vcpu_runnable(previous) &&
                 pcpu_allowed(pcpu, previous->entity.affinity);

    return stays && previous->entity.virtual_time < key ? previous->entity.virtual_time : key;
}

static void assign(struct vcpu *vcpu, struct pcpu *to)
{
    vcpu->pcpu->run_queue.assigned_count--;
    to->run_queue.assigned_count++;
    WRITE_ONCE(vcpu->pcpu, to);
}

/* Releases and takes the lock of this processor's queue. Returns whether there was one to take. */
static bool take_over(struct pcpu *pcpu, struct pcpu *from, const struct vcpu *previous)
{
    struct run_queue *queue = &pcpu->run_queue;

    spin_unlock(&queue->lock);
    spin_lock_two(&queue->lock, &from->run_queue.lock);
    struct vcpu *vcpu = movable_to(&from->run_queue, pcpu);
    bool wanted = vcpu && scheduler_policy->prefers(vcpu->entity.node.key, vcpu->domain->weight,
                                                    own_key(pcpu, previous));
    if (wanted) {
        queue_remove(&from->run_queue, vcpu);
        assign(vcpu, pcpu);
        /* Not as one that wakes up: lifted to this queue's floor, it might wait for longer here. */
        bool woken = vcpu->entity.woken;
        enum queue_join join = woken ? JOIN_AGAIN : JOIN_MOVED;
        queue_place(queue, vcpu, scheduler_policy->key(queue, vcpu, join), woken);
    }
    spin_unlock(&from->run_queue.lock);
    return wanted;
}

/* Only a processor that would idle looks behind a first one that may not come here. */
bool move_pull(struct pcpu *pcpu, const struct vcpu *previous)
{
    uint64_t own = own_key(pcpu, previous);
    struct pcpu *from = waiting_elsewhere(pcpu, own);
    bool looked = from, taken = from && take_over(pcpu, from, previous);

    for (unsigned id = 0; id < pcpu_count && own == RUN_KEY_NONE && !taken; id++) {
        struct pcpu *other = pcpu_of(id);
        if (other == pcpu || READ_ONCE(other->run_queue.movable_key) == RUN_KEY_NONE)
            continue;
        looked = true;
        taken = take_over(pcpu, other, previous);
    }
    return looked;
}

/* Who waits is shown before the look, and an idle processor shows itself before it looks. */
struct pcpu *move_idle_for(uint64_t affinity)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned id = 0; id < pcpu_count; id++) {
        struct pcpu *pcpu = pcpu_of(id);
        if (pcpu_allowed(pcpu, affinity) && READ_ONCE(pcpu->run_queue.idle) && !pcpu->reschedule)
            return pcpu;
    }
    return NULL;
}

void move_offer(struct pcpu *pcpu, uint64_t affinity)
{
    uint64_t key = READ_ONCE(pcpu->run_queue.movable_key), most = 0, now = clock_now();
    struct pcpu *to = move_idle_for(affinity);

    if (key == RUN_KEY_NONE)
        return;
    affinity = READ_ONCE(pcpu->run_queue.movable_affinity);
    uint16_t weight = READ_ONCE(pcpu->run_queue.movable_weight);
    if (!to)
        to = move_idle_for(affinity);
    for (unsigned id = 0; id < pcpu_count && !to; id++) {
        struct pcpu *other = pcpu_of(id);
        if (other == pcpu || other->reschedule || !pcpu_allowed(other, affinity))
            continue;
        uint64_t lead = scheduler_policy->lead(&other->run_queue, key, weight, now);
        if (lead > most) {
            most = lead;
            to = other;
        }
    }
    if (to)
        pcpu_request_reschedule(to);
}

void move_pass_on(const struct pcpu *pcpu)
{
    struct pcpu *from = waiting_elsewhere(pcpu, RUN_KEY_NONE);

    if (from)
        move_offer(from, 0);
}

void move_look_again(struct pcpu *pcpu)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned id = 0; id < pcpu_count && !pcpu->reschedule; id++) {
        struct run_queue *queue = &pcpu_of(id)->run_queue;
        if (READ_ONCE(queue->movable_key) == RUN_KEY_NONE)
            continue;
        spin_lock(&queue->lock);
        if (movable_to(queue, pcpu))
            pcpu->reschedule = true;
        spin_unlock(&queue->lock);
    }
}

/* The processor it has, an idle one, or the one that has the fewest. */
static struct pcpu *place_for(uint64_t affinity, struct pcpu *now)
{
    struct pcpu *best = NULL;

    if (pcpu_allowed(now, affinity))
        return now;
    best = move_idle_for(affinity);
    for (unsigned id = 0; id < pcpu_count && !(best && best->run_queue.idle); id++) {
        struct pcpu *pcpu = pcpu_of(id);
        if (pcpu_allowed(pcpu, affinity) &&
            (!best || pcpu->run_queue.assigned_count < best->run_queue.assigned_count))
            best = pcpu;
    }
    return best;
}

/* Both queues are locked. */
static unsigned arrive(struct vcpu *vcpu, struct pcpu *to)
{
    if (vcpu->entity.queued)
        queue_remove(&vcpu->pcpu->run_queue, vcpu);
    assign(vcpu, to);
    return queue_reconsider(vcpu);
}

void move_displaced(struct vcpu *vcpu)
{
    struct pcpu *from = vcpu->pcpu, *to;

    for (;;) {
        to = place_for(READ_ONCE(vcpu->entity.affinity), from);
        spin_lock_two(&from->run_queue.lock, &to->run_queue.lock);
        if (pcpu_allowed(to, vcpu->entity.affinity))
            break;
        spin_unlock_two(&from->run_queue.lock, &to->run_queue.lock);
    }
    vcpu->entity.displaced = false;
    unsigned work = arrive(vcpu, to);
    /* From here on it may be gone: paused, it counts as stopped. */
    __atomic_store_n(&vcpu->running, false, __ATOMIC_RELEASE);
    spin_unlock_two(&from->run_queue.lock, &to->run_queue.lock);
    queue_finish(to, work);
}

/* Returns whether the vcpu is, or soon will be, where it may run. Both queues are locked. */
static bool obey_affinity(struct vcpu *vcpu, struct pcpu *from, struct pcpu *to, unsigned *work)
{
    if (to != from && vcpu->running && vcpu != from->current)
        return false; /* it is being switched off this very moment */
    if (to == from && vcpu->entity.queued) {
        /* It may belong to the other half of the queue now. */
        queue_remove(&from->run_queue, vcpu);
        queue_insert(&from->run_queue, vcpu, vcpu->entity.woken);
        *work = QUEUE_OFFER;
    }
    if (to != from && vcpu == from->current)
        pcpu_request_reschedule(from);
    else if (to != from)
        *work = arrive(vcpu, to);
    return true;
}

void vcpu_set_affinity(struct vcpu *vcpu, uint64_t affinity)
{
    unsigned work = 0;
    bool done;

    do {
        struct pcpu *from = READ_ONCE(vcpu->pcpu), *to = place_for(affinity, from);
        spin_lock_two(&from->run_queue.lock, &to->run_queue.lock);
        done = vcpu->pcpu == from;
        if (done) {
            vcpu->entity.affinity = affinity;
            done = obey_affinity(vcpu, from, to, &work);
        }
        spin_unlock_two(&from->run_queue.lock, &to->run_queue.lock);
        if (done && work == QUEUE_OFFER)
            move_offer(to, affinity);
        else if (done)
            queue_finish(to, work);
        else
            cpu_relax();
    } while (!done);
}
