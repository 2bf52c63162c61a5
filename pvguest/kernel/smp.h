/* SPDX-License-Identifier: MIT */
/*
 * More virtual CPUs than the first. Those of the domain are numbered from 0; the kernel uses up to
 * VCPU_MAX of them. A virtual CPU that is up runs the threads made on it (thread.h) and functions
 * that others ask it to run; one without threads blocks. Threads only; of any virtual CPU.
 *
 * The store client and the drivers run on the first virtual CPU, threads and handlers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How many the domain has, up or down, as far as this kernel uses them. */
unsigned int smp_vcpu_count(void);

/* Whether one is up, and all that are: bit n is virtual CPU n. */
bool smp_is_up(unsigned int vcpu);
uint32_t smp_mask(void);

/* Bring one up, or back; returns when it takes threads. -XEN_ENOENT: there is none. */
int smp_up(unsigned int vcpu);

/*
 * Take one down: it takes no new threads from now on, goes when its last one has exited, and then
 * this returns. Neither the first nor the caller's: -XEN_EINVAL.
 */
int smp_down(unsigned int vcpu);

/* Bring up all there are; the first error. */
int smp_up_all(void);

/*
 * Run a function in a virtual CPU's upcall, events masked, and wait until it has run; on the
 * caller's own at once. -XEN_ENODEV when that one is down.
 */
int smp_call(unsigned int vcpu, void (*function)(void *), void *argument);
