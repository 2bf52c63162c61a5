/* SPDX-License-Identifier: MIT */
/*
 * The domain's virtual CPUs as this kernel sees them. The first one always runs; smp.h brings the
 * others up. Each has threads of its own (thread.h), its own upcall and its own timer.
 */
#pragma once

#include "lib/list.h"
#include "pvguest/kernel/lock.h"
#include "pvguest/kernel/stack.h"
#include "pvguest/kernel/thread.h"

#include <stdbool.h>
#include <stdint.h>
#include <xen/event_channel.h>
#include <xen/xen.h>

#define VCPU_MAX   8
#define PORT_WORDS 64

struct vcpu {
    unsigned int number;
    struct vcpu_info *info;        /* where the hypervisor puts its events, time and cr2 */
    bool prepared;                 /* smp.c: it has a stack and registers */
    struct thread *current;        /* itself */
    struct thread *finished;       /* itself; its stack is freed by who runs next */
    evtchn_port_t wake_port;       /* gets it out of a block; 0: it has only been alone so far */
    xen_ulong_t ports[PORT_WORDS]; /* those whose events it handles; atomic, event.c */
    struct wait_queue
        changed; /* woken when `up` changes, when it may leave, when its call is done */

    struct spinlock lock; /* guards what follows */
    struct list ready;    /* threads that may run, without the running one */
    struct list timers;   /* threads with a deadline, by it */
    struct list calls;    /* functions that others want run here, smp.c */
    uint32_t threads;     /* beside the first; changed under the lock */
    bool idle;            /* blocks or is about to: needs an event to look again */
    bool up, leaving;     /* takes threads and calls; no new threads */
    struct vcpu_info own_info __attribute__((aligned(64))); /* of all but the first */
};

extern struct vcpu vcpus[VCPU_MAX];

/* Bit n: vcpu n is up; atomic. */
extern uint32_t vcpus_up;

/* At the low end of every stack. */
struct stack_base {
    struct vcpu_info *info;
    struct vcpu *vcpu;
};

/* A thread stays where it is, so the answer never changes within a function. */
static inline struct stack_base *stack_base(void)
{
    uint64_t stack_pointer;

    __asm__("movq %%rsp, %0" : "=r"(stack_pointer));
    return (struct stack_base *)(stack_pointer & ~(STACK_SIZE - 1UL));
}

static inline struct vcpu *vcpu_current(void)
{
    return stack_base()->vcpu;
}

static inline struct vcpu_info *vcpu_current_info(void)
{
    return stack_base()->info;
}

/* Make a stack one of a virtual CPU's. */
void vcpu_own_stack(struct vcpu *vcpu, void *stack);

/* Called once by start, first of all. */
void vcpu_start(void);
