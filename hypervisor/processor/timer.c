/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/timer.h"

#include <stddef.h>

#include <xen/errno.h>

#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/io/local_apic.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/pcpu.h"
#include "hypervisor/processor/smp.h"
#include "hypervisor/processor/timer_heap.h"
#include "hypervisor/processor/tlb.h"
#include "lib/string.h"

#define SLOTS_PER_PAGE (PAGE_SIZE / sizeof(struct timer *))
#define ORDER_MAX      8

int timer_pcpu_init(struct pcpu *pcpu)
{
    struct timer_heap *heap = &pcpu->timers;

    spinlock_init(&heap->lock, LOCK_LEVEL_TIMER);
    heap->count = heap->reserved = 0;
    heap->order = 0;
    heap->capacity = SLOTS_PER_PAGE;
    heap->slots = frame_allocate_hypervisor(0);
    return heap->slots ? 0 : -XEN_ENOMEM;
}

/* Twice the storage, unless somebody else was quicker. */
static int heap_grow(struct timer_heap *heap, unsigned order)
{
    if (order > ORDER_MAX)
        return -XEN_ENOMEM;
    struct timer **bigger = frame_allocate_hypervisor(order);
    if (!bigger)
        return -XEN_ENOMEM;
    struct timer **unused = bigger;
    spin_lock(&heap->lock);
    unsigned unused_order = order;
    if (order > heap->order) {
        memcpy(bigger, heap->slots, (heap->count + 1) * sizeof(*bigger));
        unused = heap->slots;
        unused_order = heap->order;
        heap->slots = bigger;
        heap->order = order;
        heap->capacity = (uint32_t)SLOTS_PER_PAGE << order;
    }
    spin_unlock(&heap->lock);
    frame_free_hypervisor(unused, unused_order);
    return 0;
}

static int heap_reserve(struct timer_heap *heap)
{
    for (;;) {
        spin_lock(&heap->lock);
        bool fits = heap->reserved + 1 < heap->capacity;
        unsigned order = heap->order;
        if (fits)
            heap->reserved++;
        spin_unlock(&heap->lock);
        if (fits)
            return 0;
        int error = heap_grow(heap, order + 1);
        if (error)
            return error;
    }
}

static void heap_unreserve(struct timer_heap *heap)
{
    spin_lock(&heap->lock);
    heap->reserved--;
    spin_unlock(&heap->lock);
}

/* The heap the timer belongs to now, locked. */
static struct timer_heap *lock_heap(struct timer *timer)
{
    for (;;) {
        struct pcpu *pcpu = READ_ONCE(timer->pcpu);
        spin_lock(&pcpu->timers.lock);
        if (pcpu == READ_ONCE(timer->pcpu))
            return &pcpu->timers;
        spin_unlock(&pcpu->timers.lock);
    }
}

/* Set the local APIC timer for the first deadline; the heap of this processor is locked. */
static void program_locked(struct pcpu *pcpu)
{
    struct timer_heap *heap = &pcpu->timers;
    uint64_t deadline = heap->count ? heap->slots[1]->deadline : 0;

    if (deadline == pcpu->apic_timer_deadline)
        return;
    pcpu->apic_timer_deadline = deadline;
    local_apic_timer_set(deadline ? clock_ns_to_tsc(deadline) : 0);
}

int timer_init(struct timer *timer, struct pcpu *pcpu, void (*function)(void *), void *argument)
{
    *timer = (struct timer){.pcpu = pcpu, .function = function, .argument = argument};
    return heap_reserve(&pcpu->timers);
}

void timer_cancel(struct timer *timer)
{
    struct timer_heap *heap = lock_heap(timer);

    /* The local APIC may fire for nothing; that is cheaper than setting it anew. */
    if (timer->position)
        timer_heap_remove(heap, timer);
    spin_unlock(&heap->lock);
}

/* Until its function, if it runs on another processor, has returned. */
static void wait_for_function(const struct timer *timer, const struct pcpu *pcpu)
{
    while (pcpu != this_pcpu() && READ_ONCE(pcpu->timers.running) == timer) {
        cpu_relax();
        tlb_answer();
    }
}

void timer_destroy(struct timer *timer)
{
    if (!timer->pcpu)
        return;
    struct timer_heap *heap = lock_heap(timer);
    /* Its function may set it anew, until that has returned; then it may have begun again. */
    for (;;) {
        if (timer->position)
            timer_heap_remove(heap, timer);
        if (heap->running != timer || timer->pcpu == this_pcpu())
            break;
        spin_unlock(&heap->lock);
        wait_for_function(timer, timer->pcpu);
        heap = lock_heap(timer);
    }
    heap->reserved--;
    spin_unlock(&heap->lock);
    timer->pcpu = NULL;
}

void timer_set(struct timer *timer, uint64_t deadline)
{
    struct timer_heap *heap = lock_heap(timer);
    struct pcpu *pcpu = timer->pcpu;

    if (timer->position)
        timer_heap_remove(heap, timer);
    timer->deadline = deadline ? deadline : 1;
    timer_heap_insert(heap, timer);
    bool first = timer->position == 1, ours = pcpu == this_pcpu();
    if (first && ours)
        program_locked(pcpu);
    spin_unlock(&heap->lock);
    if (first && !ours)
        smp_send(pcpu, VECTOR_TIMER);
}

int timer_migrate(struct timer *timer, struct pcpu *pcpu)
{
    int error = heap_reserve(&pcpu->timers);

    if (error)
        return error;
    struct timer_heap *old = lock_heap(timer);
    bool was_set = timer->position != 0;
    if (was_set)
        timer_heap_remove(old, timer);
    WRITE_ONCE(timer->pcpu, pcpu);
    spin_unlock(&old->lock);
    heap_unreserve(old);
    if (was_set)
        timer_set(timer, timer->deadline);
    return 0;
}

/* The first timer if it is due, taken out of the heap. */
static struct timer *take_due_locked(struct timer_heap *heap)
{
    if (heap->count == 0 || heap->slots[1]->deadline > clock_now())
        return NULL;
    struct timer *timer = heap->slots[1];
    timer_heap_remove(heap, timer);
    return timer;
}

void timer_run(void)
{
    struct pcpu *pcpu = this_pcpu();
    struct timer_heap *heap = &pcpu->timers;
    struct timer *timer;

    spin_lock(&heap->lock);
    pcpu->apic_timer_deadline = 0;
    while ((timer = take_due_locked(heap))) {
        /* Copied: the owner may reuse the timer while its function runs. */
        void (*function)(void *) = timer->function;
        void *argument = timer->argument;
        WRITE_ONCE(heap->running, timer);
        spin_unlock(&heap->lock);
        function(argument);
        __atomic_store_n(&heap->running, NULL, __ATOMIC_RELEASE);
        spin_lock(&heap->lock);
    }
    program_locked(pcpu);
    spin_unlock(&heap->lock);
}
