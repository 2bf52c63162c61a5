/* SPDX-License-Identifier: MIT */
/*
 * Who runs. One run queue per pcpu, each under its own lock (LOCK_LEVEL_RUNQUEUE), which also
 * guards wait, pause_count, pcpu, runstate and the accounting of the vcpus assigned to that pcpu.
 * The policy is a struct scheduler_policy (processor/scheduler_fair.c); this module is the
 * mechanism.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/processor/vcpu.h"

void scheduler_start(void);                 /* boot processor: policy from option sched= */
int scheduler_pcpu_init(struct pcpu *pcpu); /* run queue and slice timer */
int scheduler_vcpu_init(struct vcpu *vcpu); /* choose a pcpu; starts as VCPU_WAIT_DOWN */
void scheduler_vcpu_destroy(struct vcpu *vcpu);

/* Give the processor to the best runnable vcpu; returns when the caller is chosen again. */
void schedule(void);

/*
 * The only place inside ring 0 where interrupts are taken and the processor is given away. No
 * spinlock may be held. Call it at least every 50 us of work.
 */
void preempt_point(void);

/* Set or clear wait bits; clearing the last one makes the vcpu runnable and preempts if it should.
 */
void vcpu_set_wait(struct vcpu *vcpu, uint32_t bits);
void vcpu_clear_wait(struct vcpu *vcpu, uint32_t bits);
/* Set the bits on the current vcpu and switch away until they are cleared. */
void vcpu_wait_here(uint32_t bits);

/* An event arrived: ends SCHEDOP_block (VCPU_WAIT_EVENT); if it runs elsewhere in guest mode,
 * interrupts it. */
void vcpu_kick(struct vcpu *vcpu);

void scheduler_yield(void);

/* Time the vcpu ran, ns, up to now. */
uint64_t vcpu_cpu_time(struct vcpu *vcpu);
/* Consistent copy of the run-state, brought up to date. */
void vcpu_runstate_get(struct vcpu *vcpu, struct vcpu_runstate_info *copy);

/* Weight 1..65535 (256), cap in percent (0 = none), as credit2. */
int scheduler_set_parameters(struct domain *domain, uint16_t weight, uint16_t cap);
void scheduler_get_parameters(struct domain *domain, uint16_t *weight, uint16_t *cap);

_Noreturn void idle_loop(void); /* body of every idle vcpu */
