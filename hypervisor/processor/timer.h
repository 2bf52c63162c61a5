/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers, a priority queue of deadlines per processor, driven by the local APIC timer.
 *
 * A timer belongs to one processor at a time, its pcpu, which changes only under the lock of the
 * one that it leaves. All calls may come from any processor; the function runs on the timer's
 * processor, with interrupts off, no lock held, from timer_run() (the exit loop, the idle loop and
 * preempt points). Deadlines are system time in ns (processor/clock.h). Nothing is allocated, so
 * nothing can fail.
 *
 * The local APIC timer is never set for later, only for sooner; a timer that is put off stays in
 * its place. Both are looked at again when the earlier time has come.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/processor/lock.h"
#include "lib/priority_queue.h"

struct pcpu;

struct timer {
    struct priority_node node; /* its key: when it is looked at */
    uint64_t deadline;         /* that time, or later: it has been put off since it was queued */
    struct pcpu *pcpu;
    void (*function)(void *argument);
    void *argument;
};

struct timer_queue {
    struct spinlock lock;
    struct priority_queue deadlines;
    uint64_t armed;        /* what the local APIC timer is set for: no later than the first */
    struct timer *running; /* whose function runs now; written by the queue's processor */
};

/* The queue of a new processor. */
void timer_pcpu_init(struct pcpu *pcpu);

void timer_init(struct timer *timer, struct pcpu *pcpu, void (*function)(void *), void *argument);
/* Cancels and waits for its function on another processor. Twice does no harm. */
void timer_destroy(struct timer *timer);
/* A deadline in the past is due at once. */
void timer_set(struct timer *timer, uint64_t deadline);
/* The same, on this processor from now on. */
void timer_set_here(struct timer *timer, uint64_t deadline);
void timer_cancel(struct timer *timer);

/* Racy, unless the caller knows that nobody else sets it. */
static inline bool timer_is_set(const struct timer *timer)
{
    return priority_queued(&timer->node);
}

/* Of a timer whose function runs, or that timer_set() set. */
static inline uint64_t timer_deadline(const struct timer *timer)
{
    return timer->node.key;
}

/*
 * To a later time, where nothing but that need be noted: false if the timer is not set, or not on
 * this processor, or for a later time. Needs no lock: only this processor looks at the deadline,
 * and who cancels, sets or moves the timer at the same moment comes before or after.
 */
static inline bool timer_put_off(struct timer *timer, const struct pcpu *here, uint64_t deadline)
{
    if (timer->pcpu != here || !timer_is_set(timer) || deadline < timer->node.key)
        return false;
    timer->deadline = deadline;
    return true;
}

/* Run what is due on this processor and program the local APIC for the next deadline. */
void timer_run(void);
