/* SPDX-License-Identifier: MIT */
/*
 * Who runs. One run queue per pcpu, each under its own lock (LOCK_LEVEL_RUNQUEUE), which also
 * guards wait, pause_count and runstate of the vcpus assigned to that pcpu; vcpu->pcpu changes with
 * the locks of both queues held (scheduler_move.h). This module is the mechanism; the order of the
 * queues is a struct scheduler_policy (scheduler_queue.h): scheduler_fair.c or scheduler_rr.c.
 *
 * A vcpu can be stopped by its guest-visible waits and by its pause count only at the exit loop
 * (at_exit) and at a rest_point(); elsewhere inside a hypercall it runs on until it gets there,
 * whatever locks it holds, and only VCPU_WAIT_MUTEX stops it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/processor/vcpu.h"

/* By the option sched= of the hypervisor's command line: fair or rr. Before the first pcpu is made.
 */
void scheduler_choose(const char *command_line);
/* Run queue of a new pcpu. */
void scheduler_pcpu_init(struct pcpu *pcpu);
/* Assign a new vcpu to the online pcpu with the fewest. */
void scheduler_vcpu_init(struct vcpu *vcpu);
/* The vcpu has stopped at the exit loop for good. */
void scheduler_vcpu_destroy(struct vcpu *vcpu);

/* Give the processor to the best runnable vcpu; returns when the caller is chosen again. */
void schedule(void);
/* Called on the new stack after each switch. */
void schedule_tail(void);

/*
 * The only place inside ring 0 where interrupts are taken and the processor is given away. No
 * spinlock may be held. Call it at least every 50 us of work.
 */
void preempt_point(void);

/*
 * The same, between the pieces of a hypercall that a guest can make as long as it likes: no lock
 * and no reference is held here. A vcpu that is paused stops as at the exit loop, and may never go
 * on: who pauses or ends a domain does not wait for its batches.
 */
void rest_point(void);

/* For the exit loop: whether `vcpu`, the current one, may not enter its guest now; and obey. */
bool scheduler_must_leave(const struct vcpu *vcpu);
void scheduler_leave(struct vcpu *vcpu);

/* Set or clear wait bits; clearing the last one makes the vcpu runnable and preempts if it should.
 */
void vcpu_set_wait(struct vcpu *vcpu, uint32_t bits);
void vcpu_clear_wait(struct vcpu *vcpu, uint32_t bits);
/* Give the processor away until these bits of the current vcpu, set before, are clear. */
void vcpu_sleep(uint32_t bits);

/* An event arrived: ends SCHEDOP_block; a vcpu in guest mode elsewhere is interrupted to see it. */
void vcpu_kick(struct vcpu *vcpu);

/* Counted. The _async form does not wait; the other waits until the vcpu has stopped at the exit
 * loop (the caller may not be it). */
void vcpu_pause_async(struct vcpu *vcpu);
void vcpu_pause(struct vcpu *vcpu);
void vcpu_unpause(struct vcpu *vcpu);
bool vcpu_has_stopped(struct vcpu *vcpu);

/* The processors, of which one at least is online, that the vcpu may run on: at once, also for one
 * that runs. */
void vcpu_set_affinity(struct vcpu *vcpu, uint64_t affinity);

/* For how long at least, us, a vcpu runs before one that only computes takes its place. */
extern uint32_t scheduler_rate_limit_us;

/* The current vcpu lets others go first, once. */
void scheduler_yield(void);

/* Time the vcpu ran, ns, up to now. */
uint64_t vcpu_cpu_time(struct vcpu *vcpu);
/* Consistent copy of the run-state, brought up to date. */
void vcpu_runstate_get(struct vcpu *vcpu, struct vcpu_runstate_info *copy);

/* Body of every idle vcpu. */
_Noreturn void idle_loop(void);
