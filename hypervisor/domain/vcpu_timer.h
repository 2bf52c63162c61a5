/* SPDX-License-Identifier: MIT */
/*
 * The three timers of a vcpu: single-shot and periodic, which raise VIRQ_TIMER, and the one that
 * ends SCHEDOP_poll. Each belongs to the processor on which it was set last, which is where the
 * vcpu ran then: there it most likely waits.
 */
#pragma once

#include <stdint.h>

struct vcpu;

void vcpu_timers_create(struct vcpu *vcpu);
void vcpu_timers_destroy(struct vcpu *vcpu);

/* Raise VIRQ_TIMER at a system time in ns, replacing an earlier wish. */
void vcpu_timer_set(struct vcpu *vcpu, uint64_t deadline);
void vcpu_timer_stop(struct vcpu *vcpu);
/* Raise it every `period` ns from now on; 0 stops. -XEN_EINVAL: under a millisecond or absurd. */
int vcpu_timer_set_periodic(struct vcpu *vcpu, uint64_t period);
void vcpu_timer_stop_periodic(struct vcpu *vcpu);
