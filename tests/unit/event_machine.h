/* SPDX-License-Identifier: MIT */
/*
 * The two domains of machine.h with vcpus and event channels, and what event channels call: the
 * scheduler, timers and interrupts, which only note what they were asked.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/domain/domain.h"
#include "machine.h"

#define VCPUS 2

extern struct vcpu vcpus[TEST_DOMAINS][VCPUS];
extern unsigned kicks[TEST_DOMAINS][VCPUS];
extern struct domain *caller; /* who makes the hypercall */
extern int irq_answer;        /* what irq_bind() is to answer */
extern unsigned irqs_bound;
extern uint64_t poll_deadline; /* 0 = cancelled */

int event_machine_begin(void **state);
/* Close everything, and see that no reference, bound interrupt or memory is left. */
int event_machine_end(void **state);
