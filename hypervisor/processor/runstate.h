/* SPDX-License-Identifier: MIT */
/*
 * A vcpu's four times, as its guest sees them. Guarded by the lock of its run queue; they change
 * with the queue, by one reading of the clock.
 */
#pragma once

#include <stdint.h>

struct vcpu;

/* The state begins or goes on at `now`. */
void runstate_change(struct vcpu *vcpu, int state, uint64_t now);
/* The one of a vcpu that does not run, by its wait and pause count. */
void runstate_stopped(struct vcpu *vcpu, uint64_t now);
