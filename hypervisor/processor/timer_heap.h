/* SPDX-License-Identifier: MIT */
/*
 * The min-heap of timers: order only, no clock and no lock. The caller holds heap->lock. slots[1]
 * is the earliest of heap->count timers.
 */
#pragma once

#include "hypervisor/processor/timer.h"

/* The timer is in no heap; its deadline is set and there is room for it. */
void timer_heap_insert(struct timer_heap *heap, struct timer *timer);
/* The timer is in this heap. */
void timer_heap_remove(struct timer_heap *heap, struct timer *timer);
