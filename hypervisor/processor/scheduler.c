/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/scheduler.h"

#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/smp.h"
#include "hypervisor/processor/trace.h"

static const struct scheduler_policy *const policy = &scheduler_fair;

static bool vcpu_is_idle(const struct vcpu *vcpu)
{
    return vcpu == vcpu->pcpu->idle;
}

static bool vcpu_runnable(const struct vcpu *vcpu)
{
    if (vcpu->at_exit)
        return vcpu->wait == 0 && vcpu->pause_count == 0;
    return !(vcpu->wait & VCPU_WAIT_MUTEX);
}

static void runstate_change(struct vcpu *vcpu, int state, uint64_t now)
{
    struct vcpu_runstate_info *runstate = &vcpu->runstate;

    runstate->time[runstate->state] += now - runstate->state_entry_time;
    runstate->state = state;
    runstate->state_entry_time = now;
}

static int runstate_while_stopped(const struct vcpu *vcpu)
{
    if (vcpu_runnable(vcpu))
        return RUNSTATE_runnable;
    bool offline = (vcpu->wait & VCPU_WAIT_DOWN) || vcpu->pause_count;
    return offline ? RUNSTATE_offline : RUNSTATE_blocked;
}

static void queue_insert(struct run_queue *queue, struct vcpu *vcpu, bool woken)
{
    policy->enqueue(queue, vcpu, woken);
    vcpu->entity.queued = true;
    vcpu->entity.woken = woken;
    queue->runnable_count++;
}

static void queue_remove(struct run_queue *queue, struct vcpu *vcpu)
{
    list_remove(&vcpu->entity.node);
    vcpu->entity.queued = false;
    queue->runnable_count--;
}

/* The running vcpu pays for the time since it last paid. */
static void queue_charge(struct run_queue *queue, struct vcpu *vcpu, uint64_t now)
{
    if (vcpu_is_idle(vcpu))
        return;
    policy->charge(queue, vcpu, now - vcpu->entity.charged_until);
    vcpu->entity.charged_until = now;
}

static void pcpu_request_reschedule(struct pcpu *pcpu)
{
    pcpu->reschedule = true;
    if (pcpu != this_pcpu())
        smp_send(pcpu, VECTOR_RESCHEDULE);
    else
        pcpu->current->exit_work = true;
}

static void slice_over(void *argument)
{
    struct pcpu *pcpu = argument;
    pcpu->reschedule = true;
}

/*
 * The running vcpu pays first: only then is the floor known to which a sleeper is lifted. Returns
 * whether the woken one cannot wait for the end of the slice as it is.
 */
static bool queue_wake(struct pcpu *pcpu, struct vcpu *vcpu, uint64_t now)
{
    struct run_queue *queue = &pcpu->run_queue;

    queue_charge(queue, pcpu->current, now);
    trace_vcpu(TRC_SCHED_WAKE, vcpu);
    queue_insert(queue, vcpu, true);
    uint64_t patience =
        vcpu_is_idle(pcpu->current) ? 0 : policy->patience(vcpu, pcpu->current, true);
    if (!patience)
        pcpu_request_reschedule(pcpu);
    if (pcpu->reschedule || (queue->runnable_count > 1 && now + patience >= queue->slice_end))
        return false;
    queue->slice_end = now + patience;
    return true;
}

/*
 * Bring the queue in line with a changed wait or pause count. Returns whether the slice timer of
 * the vcpu's pcpu must be set (by the caller, after it has released the queue's lock).
 */
static bool vcpu_reconsider(struct vcpu *vcpu)
{
    struct pcpu *pcpu = vcpu->pcpu;
    bool runnable = vcpu_runnable(vcpu), set_slice = false;

    if (vcpu == pcpu->current) {
        if (!runnable || vcpu->wait || vcpu->pause_count)
            pcpu_request_reschedule(pcpu);
        return false;
    }
    uint64_t now = clock_now();
    if (runnable && !vcpu->entity.queued)
        set_slice = queue_wake(pcpu, vcpu, now);
    else if (!runnable && vcpu->entity.queued)
        queue_remove(&pcpu->run_queue, vcpu);
    if (vcpu->runstate.state != runstate_while_stopped(vcpu))
        runstate_change(vcpu, runstate_while_stopped(vcpu), now);
    return set_slice;
}

void scheduler_pcpu_init(struct pcpu *pcpu)
{
    struct run_queue *queue = &pcpu->run_queue;

    spinlock_init(&queue->lock, LOCK_LEVEL_RUNQUEUE);
    list_init(&queue->runnable);
    timer_init(&queue->slice_timer, pcpu, slice_over, pcpu);
}

void scheduler_vcpu_init(struct vcpu *vcpu)
{
    struct pcpu *chosen = NULL;

    for (unsigned id = 0; id < pcpu_count; id++) {
        struct pcpu *pcpu = pcpu_of(id);
        if (!pcpu->online)
            continue;
        if (!chosen || pcpu->run_queue.assigned_count < chosen->run_queue.assigned_count)
            chosen = pcpu;
    }
    vcpu->pcpu = chosen;
    vcpu->wait = VCPU_WAIT_DOWN;
    vcpu->at_exit = true;
    list_init(&vcpu->entity.node);
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
    struct run_queue *queue = &vcpu->pcpu->run_queue;

    spin_lock(&queue->lock);
    ASSERT(!vcpu->entity.queued && !vcpu->running);
    queue->assigned_count--;
    spin_unlock(&queue->lock);
}

static struct vcpu *choose_next(struct pcpu *pcpu, struct vcpu *previous, uint64_t now)
{
    struct run_queue *queue = &pcpu->run_queue;

    queue_charge(queue, previous, now);
    if (!vcpu_is_idle(previous)) {
        if (vcpu_runnable(previous))
            queue_insert(queue, previous, false);
        runstate_change(previous, runstate_while_stopped(previous), now);
    }
    struct vcpu *next = policy->best(queue);
    if (!next) {
        policy->settle(queue);
        return pcpu->idle;
    }
    queue_remove(queue, next);
    next->entity.charged_until = now;
    runstate_change(next, RUNSTATE_running, now);
    return next;
}

/* Returns whether somebody waits for the end of the slice. */
static bool slice_begin(struct run_queue *queue, const struct vcpu *next)
{
    const struct vcpu *waiting = policy->best(queue);

    if (!waiting)
        return false;
    queue->slice_end =
        next->entity.charged_until + policy->patience(waiting, next, waiting->entity.woken);
    return true;
}

void schedule(void)
{
    struct pcpu *pcpu = this_pcpu();
    struct vcpu *previous = current_vcpu();

    ASSERT(pcpu->held_count == 0);
    spin_lock(&pcpu->run_queue.lock);
    pcpu->reschedule = false;
    struct vcpu *next = choose_next(pcpu, previous, clock_now());
    bool others_wait = slice_begin(&pcpu->run_queue, next);
    pcpu->current = next;
    next->running = true;
    spin_unlock(&pcpu->run_queue.lock);

    if (others_wait)
        timer_set(&pcpu->run_queue.slice_timer, pcpu->run_queue.slice_end);
    else
        timer_cancel(&pcpu->run_queue.slice_timer);
    if (next != previous)
        vcpu_switch(previous, next);
    previous->exit_work = true; /* the caller is back: its run-state has changed */
}

void schedule_tail(void)
{
    struct vcpu *previous = this_pcpu()->switched_from;
    __atomic_store_n(&previous->running, false, __ATOMIC_RELEASE);
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
    struct run_queue *queue = &vcpu->pcpu->run_queue;

    spin_lock(&queue->lock);
    vcpu->wait = (vcpu->wait | set) & ~clear;
    bool set_slice = vcpu_reconsider(vcpu);
    spin_unlock(&queue->lock);
    if (set_slice)
        timer_set(&queue->slice_timer, READ_ONCE(queue->slice_end));
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
    if (READ_ONCE(vcpu->wait) & VCPU_WAIT_EVENT)
        vcpu_clear_wait(vcpu, VCPU_WAIT_EVENT);
    else if (vcpu->running && vcpu->pcpu != this_pcpu())
        smp_send(vcpu->pcpu, VECTOR_RESCHEDULE);
}

void vcpu_pause_async(struct vcpu *vcpu)
{
    struct run_queue *queue = &vcpu->pcpu->run_queue;

    spin_lock(&queue->lock);
    vcpu->pause_count++;
    vcpu_reconsider(vcpu);
    spin_unlock(&queue->lock);
}

void vcpu_unpause(struct vcpu *vcpu)
{
    struct run_queue *queue = &vcpu->pcpu->run_queue;

    spin_lock(&queue->lock);
    ASSERT(vcpu->pause_count > 0);
    vcpu->pause_count--;
    bool set_slice = vcpu_reconsider(vcpu);
    spin_unlock(&queue->lock);
    if (set_slice)
        timer_set(&queue->slice_timer, READ_ONCE(queue->slice_end));
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
    while (!vcpu_has_stopped(vcpu))
        scheduler_yield();
}

void scheduler_yield(void)
{
    struct pcpu *pcpu = this_pcpu();
    struct vcpu *vcpu = current_vcpu();

    spin_lock(&pcpu->run_queue.lock);
    queue_charge(&pcpu->run_queue, vcpu, clock_now());
    const struct vcpu *best = policy->best(&pcpu->run_queue);
    if (best && best->entity.virtual_time > vcpu->entity.virtual_time)
        vcpu->entity.virtual_time = best->entity.virtual_time;
    spin_unlock(&pcpu->run_queue.lock);
    pcpu->reschedule = true;
    preempt_point();
}

uint64_t vcpu_cpu_time(struct vcpu *vcpu)
{
    struct vcpu_runstate_info runstate;
    vcpu_runstate_get(vcpu, &runstate);
    return runstate.time[RUNSTATE_running];
}

void vcpu_runstate_get(struct vcpu *vcpu, struct vcpu_runstate_info *copy)
{
    struct run_queue *queue = &vcpu->pcpu->run_queue;

    spin_lock(&queue->lock);
    *copy = vcpu->runstate;
    spin_unlock(&queue->lock);
    copy->time[copy->state] += clock_now() - copy->state_entry_time;
}

void idle_loop(void)
{
    struct pcpu *pcpu = this_pcpu();

    for (;;) {
        if (pcpu->reschedule)
            schedule();
        else
            asm volatile("sti; hlt; cli" : : : "memory");
    }
}
