/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers, a min-heap of deadlines per processor, driven by the local APIC timer.
 *
 * A timer belongs to one processor's heap at a time. timer_set/timer_cancel may be called from any
 * processor; the function runs on the heap's processor, with interrupts off, no lock held, from
 * timer_run() (the exit loop, the idle loop and preempt points). Deadlines are system time in ns
 * (processor/clock.h). The heap's storage holds as many entries as there are timers initialised
 * for that processor, reserved by timer_init, so that timer_set cannot fail.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/processor/lock.h"

struct pcpu;

struct timer {
    uint64_t deadline;
    uint32_t position; /* in the heap, 1-based; 0 = not set */
    struct pcpu *pcpu;
    void (*function)(void *argument);
    void *argument;
};

struct timer_heap {
    struct spinlock lock;
    struct timer **slots; /* 2^order frames; slot 0 is not used */
    uint32_t count, capacity, reserved;
    unsigned order;
    struct timer *running; /* whose function runs now; written by the heap's processor */
};

/* The heap of a new processor; 0 or -XEN_ENOMEM. */
int timer_pcpu_init(struct pcpu *pcpu);

/* 0 or -XEN_ENOMEM. */
int timer_init(struct timer *timer, struct pcpu *pcpu, void (*function)(void *), void *argument);
/* Cancels, waits for its function on another processor, gives the reservation back. Twice does no
 * harm. */
void timer_destroy(struct timer *timer);
/* A deadline in the past is due at once. */
void timer_set(struct timer *timer, uint64_t deadline);
void timer_cancel(struct timer *timer);
/* Move to another processor's heap, keeping the deadline. */
int timer_migrate(struct timer *timer, struct pcpu *pcpu);

/* Run what is due on this processor and program the local APIC for the next deadline. */
void timer_run(void);
