/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/timer_heap.h"

#include "hypervisor/panic.h"

/* Slot 0 is not used: the children of n are 2n and 2n + 1. */
static void slot_set(struct timer_heap *heap, uint32_t position, struct timer *timer)
{
    heap->slots[position] = timer;
    timer->position = position;
}

static void sift_up(struct timer_heap *heap, uint32_t position)
{
    struct timer *timer = heap->slots[position];

    while (position > 1 && heap->slots[position / 2]->deadline > timer->deadline) {
        slot_set(heap, position, heap->slots[position / 2]);
        position /= 2;
    }
    slot_set(heap, position, timer);
}

static void sift_down(struct timer_heap *heap, uint32_t position)
{
    struct timer *timer = heap->slots[position];

    while (2 * position <= heap->count) {
        uint32_t child = 2 * position;
        if (child < heap->count && heap->slots[child + 1]->deadline < heap->slots[child]->deadline)
            child++;
        if (heap->slots[child]->deadline >= timer->deadline)
            break;
        slot_set(heap, position, heap->slots[child]);
        position = child;
    }
    slot_set(heap, position, timer);
}

void timer_heap_insert(struct timer_heap *heap, struct timer *timer)
{
    ASSERT(heap->count + 1 < heap->capacity);
    slot_set(heap, ++heap->count, timer);
    sift_up(heap, heap->count);
}

void timer_heap_remove(struct timer_heap *heap, struct timer *timer)
{
    uint32_t position = timer->position;
    struct timer *last = heap->slots[heap->count--];

    timer->position = 0;
    if (last == timer)
        return;
    slot_set(heap, position, last);
    sift_up(heap, position);
    sift_down(heap, last->position);
}
