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

void timer_pcpu_init(struct pcpu *pcpu)
{
    pcpu->timers = (struct timer_queue){.running = NULL};
    spinlock_init(&pcpu->timers.lock, LOCK_LEVEL_TIMER);
}

/* The queue the timer belongs to now, locked. */
static struct timer_queue *lock_queue(struct timer *timer)
{
    for (;;) {
        struct pcpu *pcpu = READ_ONCE(timer->pcpu);
        spin_lock(&pcpu->timers.lock);
        if (pcpu == READ_ONCE(timer->pcpu))
            return &pcpu->timers;
        spin_unlock(&pcpu->timers.lock);
    }
}

static void remove_locked(struct timer_queue *queue, struct timer *timer)
{
    if (timer_is_set(timer))
        priority_remove(&queue->deadlines, &timer->node);
}

/* Set the local APIC timer for the first deadline; the queue of this processor is locked. */
static void program_locked(struct pcpu *pcpu)
{
    const struct priority_node *first = pcpu->timers.deadlines.first;
    uint64_t deadline = first ? first->key : 0;

    if (deadline == pcpu->apic_timer_deadline)
        return;
    pcpu->apic_timer_deadline = deadline;
    local_apic_timer_set(deadline ? clock_ns_to_tsc(deadline) : 0);
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

    priority_place(&queue->deadlines, &timer->node, deadline ? deadline : 1);
    bool first = queue->deadlines.first == &timer->node, ours = pcpu == this_pcpu();
    if (first && ours)
        program_locked(pcpu);
    spin_unlock(&queue->lock);
    if (first && !ours)
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
    if (READ_ONCE(timer->pcpu) != this_pcpu())
        timer_move(timer, this_pcpu());
    timer_set(timer, deadline);
}

/* The first timer if it is due, taken out of the queue. */
static struct timer *take_due_locked(struct timer_queue *queue)
{
    struct priority_node *first = queue->deadlines.first;

    if (!first || first->key > clock_now())
        return NULL;
    priority_remove(&queue->deadlines, first);
    return container_of(first, struct timer, node);
}

void timer_run(void)
{
    struct pcpu *pcpu = this_pcpu();
    struct timer_queue *queue = &pcpu->timers;
    struct timer *timer;

    spin_lock(&queue->lock);
    pcpu->apic_timer_deadline = 0;
    while ((timer = take_due_locked(queue))) {
        /* Copied: the owner may reuse the timer while its function runs. */
        void (*function)(void *) = timer->function;
        void *argument = timer->argument;
        WRITE_ONCE(queue->running, timer);
        spin_unlock(&queue->lock);
        function(argument);
        __atomic_store_n(&queue->running, NULL, __ATOMIC_RELEASE);
        spin_lock(&queue->lock);
    }
    program_locked(pcpu);
    spin_unlock(&queue->lock);
}
