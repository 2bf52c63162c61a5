/* SPDX-License-Identifier: MIT */
/*
 * Inside the scheduler: vcpus change processors. vcpu->pcpu is written here only, with the locks of
 * both run queues held, and of a vcpu that is switched off completely (running == false) or, by the
 * processor that has just switched it off, in its last step. So whoever holds the lock of the queue
 * that vcpu->pcpu names knows that it stays (queue_lock()).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pcpu;
struct vcpu;

/*
 * Called by schedule() with the lock of this processor's queue held, before it decides: take over
 * one that waits elsewhere, if it should go before all here. True: the lock was released meanwhile.
 */
bool move_pull(struct pcpu *pcpu, const struct vcpu *previous);

/* All of the following without a lock. */

/* An idle processor among these that nobody has asked yet; NULL. */
struct pcpu *move_idle_for(uint64_t affinity);
/* One began to wait here that may run on any of these: tell a processor that idles, or else the one
 * whose vcpu should rather make way for the first that waits here. */
void move_offer(struct pcpu *pcpu, uint64_t affinity);
/* For a processor that was idle and has found work of its own: it may have been asked for help. */
void move_pass_on(const struct pcpu *pcpu);
/* For a processor that has just become idle: whether somebody began to wait who did not see it. */
void move_look_again(struct pcpu *pcpu);
/* Last step of switching off one that may not run here: bring it where it may, or let it be. */
void move_displaced(struct vcpu *vcpu);
