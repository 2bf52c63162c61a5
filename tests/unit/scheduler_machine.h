/* SPDX-License-Identifier: MIT */
/*
 * Processors for the scheduler, whose time is a variable. A switch of stacks only changes whose
 * stack this is; what a vcpu does between two switches, the test does. All vcpus begin down; there
 * is one processor until a test asks for more.
 */
#pragma once

#include <stdint.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/processor/scheduler.h"

#define MILLISECOND 1000000UL
#define SECOND      (1000 * MILLISECOND)
#define PCPUS       4
#define VCPUS       16

extern struct pcpu pcpus[PCPUS];
extern struct vcpu vcpus[VCPUS];
extern struct domain domains[VCPUS]; /* one a vcpu, unless a test joins them */
extern uint64_t now;                 /* begins at SECOND */
extern unsigned sent[PCPUS];         /* interrupts to that processor, to decide */
extern unsigned flushed[PCPUS];      /* ... to flush, which it has done */

/* First of all: let there be that many processors and so many vcpus in each domain. */
void machine_make(unsigned processors, unsigned vcpus_each);

/* A cmocka test: *state is a function without arguments, called with a fresh machine. */
void on_own_stack(void **state);
#define TEST(function)                                  \
    (struct CMUnitTest)                                 \
    {                                                   \
        .name = #function, .test_func = on_own_stack,   \
        .initial_state = (void *)(uintptr_t)(function), \
    }

/* From here on the code runs on that processor. */
void on_processor(unsigned id);
struct vcpu *current(void);

/* Pass the exit loop once; until it lets the vcpu go on; the same on every processor. */
void leave(void);
void obey(void);
void obey_all(void);

/* Let all processors run for that long, with their slice timers. */
void run_for(uint64_t nanoseconds);

/* Bring vcpus up. */
void start(unsigned first, unsigned count);
uint64_t ran(unsigned i);
/* SCHEDOP_block of the current vcpu. */
void block(void);

/* Run that with round robin in place of the fair policy. */
void with_round_robin(void (*test)(void));
void assert_near(uint64_t value, uint64_t expected, uint64_t tolerance);
