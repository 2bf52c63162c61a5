/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/scheduler.h"

#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/io/console.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/runstate.h"
#include "hypervisor/processor/scheduler_cap.h"
#include "hypervisor/processor/scheduler_move.h"
#include "hypervisor/processor/scheduler_queue.h"
#include "hypervisor/processor/smp.h"
#include "hypervisor/processor/trace.h"
#include "lib/string.h"
#include "lib/text.h"

const struct scheduler_policy *scheduler_policy = &scheduler_fair;
uint32_t scheduler_rate_limit_us = 500;

void scheduler_choose(const char *command_line)
{
    char name[16];

    if (!text_option(command_line, "sched", name, sizeof(name)))
        return;
    if (strcmp(name, scheduler_rr.name) == 0)
        scheduler_policy = &scheduler_rr;
    else if (strcmp(name, scheduler_fair.name) != 0)
        printk("sched=%s is not known, it may be fair or rr: fair\n", name);
}

/* The timer may have been set before the end was put off. */
static void slice_over(void *argument)
{
    struct pcpu *pcpu = argument;
    uint64_t end = READ_ONCE(pcpu->run_queue.slice_end);

    if (clock_now() >= end)
        pcpu_request_reschedule(pcpu);
    else
        queue_finish(pcpu, QUEUE_SET_SLICE);
}

void scheduler_pcpu_init(struct pcpu *pcpu)
{
    struct run_queue *queue = &pcpu->run_queue;

    spinlock_init(&queue->lock, LOCK_LEVEL_RUNQUEUE);
    queue->movable_key = queue->slice_end = RUN_KEY_NONE;
    queue->idle = true;
    queue->movable_weight = queue->running_weight = 1; /* never 0: they are divided by */
    timer_init(&queue->slice_timer, pcpu, slice_over, pcpu);
}

void scheduler_vcpu_init(struct vcpu *vcpu)
{
    struct pcpu *chosen = pcpu_of(0);

    for (unsigned id = 1; id < pcpu_count; id++) {
        struct pcpu *pcpu = pcpu_of(id);
        if (pcpu->online && pcpu->run_queue.assigned_count < chosen->run_queue.assigned_count)
            chosen = pcpu;
    }
    vcpu->pcpu = chosen;
    vcpu->wait = VCPU_WAIT_DOWN;
    vcpu->at_exit = true;
    vcpu->entity.affinity = pcpu_online_mask();
    vcpu->hard_affinity = vcpu->soft_affinity = ~0UL;
    list_init(&vcpu->mutex_wait);
    spin_lock(&chosen->run_queue.lock);
    chosen->run_queue.assigned_count++;
    vcpu->runstate.state = RUNSTATE_offline;
    vcpu->runstate.state_entry_time = clock_now();
    vcpu->entity.virtual_time = chosen->run_queue.virtual_floor;
    spin_unlock(&chosen->run_queue.lock);
}

void scheduler_vcpu_destroy(struct vcpu *vcpu)
{
    struct run_queue *queue = queue_lock(vcpu);

    ASSERT(!vcpu->entity.queued && !vcpu->running);
    queue->assigned_count--;
    spin_unlock(&queue->lock);
}

/* Whether the vcpu that ran wants to run on, and may do so here. */
static bool retire(struct pcpu *pcpu, struct vcpu *previous)
{
    if (vcpu_is_idle(previous))
        return false;
    if (previous->entity.capped)
        cap_give_back(previous);
    previous->entity.displaced = !pcpu_allowed(pcpu, previous->entity.affinity);
    return !previous->entity.displaced && vcpu_runnable(previous);
}

/*
 * The first of those that wait and the one that ran, if it wants to run on: that one is compared
 * with the first, and takes its place among them only when its turn is over.
 */
static struct vcpu *choose(struct pcpu *pcpu, struct vcpu *previous, bool stays)
{
    struct run_queue *queue = &pcpu->run_queue;
    uint64_t key = stays ? scheduler_policy->key(queue, previous, JOIN_AGAIN) : RUN_KEY_NONE;
    struct vcpu *next;

    do {
        next = queue_first(queue);
        if (stays && (!next || key < next->entity.node.key)) {
            next = previous;
            stays = false;
        } else if (next)
            queue_remove(queue, next);
    } while (next && READ_ONCE(next->domain->cap.percent) && !cap_admit(next));
    if (stays)
        queue_place(queue, previous, key, false);
    if (next)
        return next;
    scheduler_policy->settle(queue);
    return pcpu->idle;
}

/* When the next decision is due, and what other processors see of this one. */
static void slice_begin(struct pcpu *pcpu, struct vcpu *next, uint64_t now)
{
    struct run_queue *queue = &pcpu->run_queue;
    const struct vcpu *waiting = queue_first(queue);
    struct run_entity *entity = &next->entity;
    uint64_t end = RUN_KEY_NONE;

    if (waiting)
        end = now + scheduler_policy->patience(waiting, next, waiting->entity.woken);
    if (entity->capped && now + (uint64_t)entity->allowance < end)
        end = now + (uint64_t)entity->allowance;
    WRITE_ONCE(queue->slice_end, end);
    entity->charged_until = now;
    if (next != pcpu->current)
        queue->began = now;
    pcpu->current = next;
    next->running = true;
    WRITE_ONCE(queue->idle, vcpu_is_idle(next));
    if (pcpu_count > 1 && !queue->idle) {
        WRITE_ONCE(queue->running_virtual, entity->virtual_time);
        WRITE_ONCE(queue->running_since, now);
        WRITE_ONCE(queue->running_weight, next->domain->weight);
    }
}

void schedule(void)
{
    struct pcpu *pcpu = this_pcpu();
    struct run_queue *queue = &pcpu->run_queue;
    struct vcpu *previous = current_vcpu();

    ASSERT(pcpu->held_count == 0);
    spin_lock(&queue->lock);
    pcpu->reschedule = false;
    uint64_t now = clock_now();
    queue_charge(queue, previous, now);
    if (previous->entity.yields) {
        previous->entity.yields = false;
        scheduler_policy->yield(queue, previous);
    }
    if (pcpu_count > 1 && move_pull(pcpu, previous))
        now = clock_now();
    struct vcpu *next = choose(pcpu, previous, retire(pcpu, previous));
    if (next != previous) {
        runstate_stopped(previous, now);
        runstate_change(next, RUNSTATE_running, now);
    }
    slice_begin(pcpu, next, now);
    queue->offers = pcpu_count > 1 && queue->movable.first;
    queue->offered_affinity = previous->entity.queued ? previous->entity.affinity : 0;
    queue->passes_on = pcpu_count > 1 && vcpu_is_idle(previous) && next != previous;
    spin_unlock(&queue->lock);

    queue_finish(pcpu, QUEUE_SET_SLICE);
    if (next->entity.capped)
        cap_start_period(next->domain);
    if (next == previous) {
        if (queue->offers)
            move_offer(pcpu, queue->offered_affinity);
        return;
    }
    vcpu_switch(previous, next);
    /* The caller is back, and its run-state has changed. */
    if (previous->runstate_guest)
        previous->exit_work = true;
}

void schedule_tail(void)
{
    struct pcpu *pcpu = this_pcpu();
    struct vcpu *previous = pcpu->switched_from;

    if (previous->entity.displaced)
        move_displaced(previous);
    else
        __atomic_store_n(&previous->running, false, __ATOMIC_RELEASE);
    if (pcpu->run_queue.offers)
        move_offer(pcpu, pcpu->run_queue.offered_affinity);
    if (pcpu->run_queue.passes_on)
        move_pass_on(pcpu);
}

void preempt_point(void)
{
    interrupts_enable();
    asm volatile("nop"); /* the instruction after sti is still covered by it */
    interrupts_disable();
    if (this_pcpu()->reschedule)
        schedule();
}

bool scheduler_must_leave(const struct vcpu *vcpu)
{
    return vcpu->pcpu->reschedule || READ_ONCE(vcpu->wait) || READ_ONCE(vcpu->pause_count);
}

void scheduler_leave(struct vcpu *vcpu)
{
    vcpu->at_exit = true;
    schedule();
    vcpu->at_exit = false;
}

void rest_point(void)
{
    struct vcpu *vcpu = current_vcpu();

    preempt_point();
    if (!READ_ONCE(vcpu->pause_count))
        return;
    vcpu->resting = true;
    while (READ_ONCE(vcpu->pause_count))
        scheduler_leave(vcpu);
    vcpu->resting = false;
}

static void vcpu_change_wait(struct vcpu *vcpu, uint32_t set, uint32_t clear)
{
    struct run_queue *queue = queue_lock(vcpu);
    struct pcpu *pcpu = vcpu->pcpu;

    vcpu->wait = (uint16_t)((vcpu->wait | set) & ~clear);
    unsigned work = queue_reconsider(vcpu);
    spin_unlock(&queue->lock);
    queue_finish(pcpu, work);
}

void vcpu_set_wait(struct vcpu *vcpu, uint32_t bits)
{
    vcpu_change_wait(vcpu, bits, 0);
}

void vcpu_clear_wait(struct vcpu *vcpu, uint32_t bits)
{
    vcpu_change_wait(vcpu, 0, bits);
}

void vcpu_sleep(uint32_t bits)
{
    while (READ_ONCE(current_vcpu()->wait) & bits)
        schedule();
}

void vcpu_kick(struct vcpu *vcpu)
{
    struct pcpu *pcpu = READ_ONCE(vcpu->pcpu);

    if (READ_ONCE(vcpu->wait) & VCPU_WAIT_EVENT)
        vcpu_clear_wait(vcpu, VCPU_WAIT_EVENT);
    else if (pcpu != this_pcpu() && vcpu->running)
        smp_send(pcpu, VECTOR_RESCHEDULE);
}

void vcpu_pause_async(struct vcpu *vcpu)
{
    struct run_queue *queue = queue_lock(vcpu);

    vcpu->pause_count++;
    queue_reconsider(vcpu);
    spin_unlock(&queue->lock);
}

void vcpu_unpause(struct vcpu *vcpu)
{
    struct run_queue *queue = queue_lock(vcpu);
    struct pcpu *pcpu = vcpu->pcpu;

    ASSERT(vcpu->pause_count > 0);
    vcpu->pause_count--;
    unsigned work = queue_reconsider(vcpu);
    spin_unlock(&queue->lock);
    queue_finish(pcpu, work);
}

static bool vcpu_is_off(struct vcpu *vcpu)
{
    return !__atomic_load_n(&vcpu->running, __ATOMIC_ACQUIRE);
}

/*
 * Seen off its processor while paused, a vcpu is at the exit for good or preempted in a hypercall.
 * The latter may reach the exit between two looks and is then still to be switched away.
 */
bool vcpu_has_stopped(struct vcpu *vcpu)
{
    return vcpu_is_off(vcpu) && vcpu->at_exit && vcpu_is_off(vcpu);
}

void vcpu_pause(struct vcpu *vcpu)
{
    ASSERT(vcpu != current_vcpu());
    vcpu_pause_async(vcpu);
    while (!vcpu_has_stopped(vcpu)) {
        cpu_relax();
        scheduler_yield();
        preempt_point();
    }
}

void scheduler_yield(void)
{
    const struct run_queue *queue = &this_pcpu()->run_queue;

    /* Without the lock: who comes after this look asks for the processor himself. */
    if (!READ_ONCE(queue->movable.first) && !READ_ONCE(queue->pinned.first))
        return;
    current_vcpu()->entity.yields = true;
    schedule();
}

void idle_loop(void)
{
    struct pcpu *pcpu = this_pcpu();

    for (;;) {
        if (pcpu->reschedule) {
            schedule();
            move_look_again(pcpu);
        } else
            asm volatile("sti; hlt; cli" : : : "memory");
    }
}
