/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/timer.h"

#include <stddef.h>

#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/io/local_apic.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/pcpu.h"
#include "hypervisor/processor/smp.h"
#include "hypervisor/processor/tlb.h"
#include "lib/list.h"

#define NOT_ARMED (~0UL)

void timer_pcpu_init(struct pcpu *pcpu)
{
    pcpu->timers = (struct timer_queue){.armed = NOT_ARMED};
    spinlock_init(&pcpu->timers.lock, LOCK_LEVEL_TIMER);
}

/* The queue the timer belongs to now, locked. */
static struct timer_queue *lock_queue(struct timer *timer)
{
    for (;;) {
        struct pcpu *pcpu = READ_ONCE(timer->pcpu);
        spin_take(&pcpu->timers.lock);
        if (pcpu == READ_ONCE(timer->pcpu))
            return &pcpu->timers;
        spin_give(&pcpu->timers.lock);
    }
}

static void remove_locked(struct timer_queue *queue, struct timer *timer)
{
    if (timer_is_set(timer))
        priority_remove(&queue->deadlines, &timer->node);
}

/* The queue of this processor is locked. */
static void arm_locked(struct timer_queue *queue, uint64_t deadline)
{
    queue->armed = deadline;
    local_apic_timer_set(deadline);
}

void timer_init(struct timer *timer, struct pcpu *pcpu, void (*function)(void *), void *argument)
{
    *timer = (struct timer){.pcpu = pcpu, .function = function, .argument = argument};
}

void timer_cancel(struct timer *timer)
{
    struct timer_queue *queue = lock_queue(timer);

    /* The local APIC may fire for nothing; that is cheaper than setting it anew. */
    remove_locked(queue, timer);
    spin_unlock(&queue->lock);
}

/* The processor may be one that the timer has left while its function ran. */
static bool runs_elsewhere(const struct timer *timer)
{
    for (unsigned id = 0; id < pcpu_count; id++) {
        struct pcpu *pcpu = pcpu_of(id);
        if (pcpu != this_pcpu() &&
            __atomic_load_n(&pcpu->timers.running, __ATOMIC_ACQUIRE) == timer)
            return true;
    }
    return false;
}

void timer_destroy(struct timer *timer)
{
    if (!timer->pcpu)
        return;
    do {
        timer_cancel(timer);
        while (runs_elsewhere(timer)) {
            cpu_relax();
            tlb_answer();
        }
    } while (timer_is_set(timer)); /* by its function */
    timer->pcpu = NULL;
}

void timer_set(struct timer *timer, uint64_t deadline)
{
    struct timer_queue *queue = lock_queue(timer);
    struct pcpu *pcpu = timer->pcpu;
    bool sooner = deadline < queue->armed, ours = pcpu == this_pcpu();

    timer->deadline = deadline;
    priority_place(&queue->deadlines, &timer->node, deadline);
    if (sooner && ours)
        arm_locked(queue, deadline);
    spin_give(&queue->lock);
    if (sooner && !ours)
        smp_send(pcpu, VECTOR_TIMER);
}

static __attribute__((noinline)) void timer_move(struct timer *timer, struct pcpu *pcpu)
{
    struct timer_queue *queue = lock_queue(timer);

    remove_locked(queue, timer);
    WRITE_ONCE(timer->pcpu, pcpu);
    spin_unlock(&queue->lock);
}

void timer_set_here(struct timer *timer, uint64_t deadline)
{
    struct pcpu *here = this_pcpu();

    if (timer_put_off(timer, here, deadline))
        return;
    if (READ_ONCE(timer->pcpu) != here)
        timer_move(timer, here);
    timer_set(timer, deadline);
}

/* The first timer if it is due, taken out of the queue; what was put off finds its place. */
static struct timer *take_due_locked(struct timer_queue *queue, uint64_t now)
{
    struct priority_node *first;

    while ((first = queue->deadlines.first) && first->key <= now) {
        struct timer *timer = container_of(first, struct timer, node);
        if (timer->deadline <= now) {
            priority_remove(&queue->deadlines, first);
            first->key = timer->deadline;
            return timer;
        }
        priority_place(&queue->deadlines, first, timer->deadline);
    }
    return NULL;
}

void timer_run(void)
{
    struct timer_queue *queue = &this_pcpu()->timers;
    uint64_t now = clock_now();
    struct timer *timer;

    spin_take(&queue->lock);
    queue->armed = NOT_ARMED;
    while ((timer = take_due_locked(queue, now))) {
        /* Copied: the owner may reuse the timer while its function runs. */
        void (*function)(void *) = timer->function;
        void *argument = timer->argument;
        WRITE_ONCE(queue->running, timer);
        spin_give(&queue->lock);
        function(argument);
        __atomic_store_n(&queue->running, NULL, __ATOMIC_RELEASE);
        spin_take(&queue->lock);
    }
    if (queue->deadlines.first && queue->deadlines.first->key < queue->armed)
        arm_locked(queue, queue->deadlines.first->key);
    spin_give(&queue->lock);
}
