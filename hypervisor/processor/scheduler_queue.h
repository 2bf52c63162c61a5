/* SPDX-License-Identifier: MIT */
/*
 * Inside the scheduler: run queues and the policy that orders them. Everything here but what says
 * otherwise is called with the lock of the queue held, and the vcpus are assigned to its processor.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/vcpu.h"

/* How a vcpu comes to a queue: from running here, or from elsewhere, where it waited. */
enum queue_join { JOIN_AGAIN, JOIN_WOKEN, JOIN_MOVED };

/* Who runs first: by the least key. */
struct scheduler_policy {
    const char *name;
    /* Of a vcpu that joins the queue. */
    uint64_t (*key)(struct run_queue *queue, struct vcpu *vcpu, enum queue_join join);
    /* `vcpu`, which runs, ran for that long. */
    void (*charge)(struct run_queue *queue, struct vcpu *vcpu, uint64_t nanoseconds);
    /* Nobody wants to run any more. */
    void (*settle)(struct run_queue *queue);
    /* For how long, ns, `running` may go on before `waiting` takes its place; 0 = not at all.
     * `woken`: it has not run since it woke up. */
    uint64_t (*patience)(const struct vcpu *waiting, const struct vcpu *running, bool woken);
    /* The running vcpu lets others go first, once. */
    void (*yield)(struct run_queue *queue, struct vcpu *vcpu);
    /* Whether one of that key and weight, who waits on another processor, goes before the first
     * here, whose key is `own`; RUN_KEY_NONE: nobody. */
    bool (*prefers)(uint64_t other, uint16_t weight, uint64_t own);
    /* How much more such a one deserves the processor than the vcpu that runs there; 0 = not enough
     * to tell it. Without the lock. */
    uint64_t (*lead)(const struct run_queue *there, uint64_t key, uint16_t weight, uint64_t now);
};

extern const struct scheduler_policy scheduler_fair, scheduler_rr;
extern const struct scheduler_policy *scheduler_policy; /* set once, at start-up */

/* The greatest floor of a queue in which somebody waited, or of one when it ran empty; atomic. */
extern uint64_t fair_common_floor;

static inline bool vcpu_is_idle(const struct vcpu *vcpu)
{
    return !vcpu->domain;
}

static inline struct vcpu *vcpu_of_node(const struct calendar_node *node)
{
    return (struct vcpu *)((char *)(uintptr_t)node - offsetof(struct vcpu, entity.node));
}

static inline bool pcpu_allowed(const struct pcpu *pcpu, uint64_t affinity)
{
    return affinity >> pcpu->id & 1;
}

/* The first of those that wait; NULL. */
static inline struct vcpu *queue_first(const struct run_queue *queue)
{
    const struct calendar_node *first = queue->movable.first, *pinned = queue->pinned.first;

    if (!first || (pinned && pinned->key < first->key))
        first = pinned;
    return first ? vcpu_of_node(first) : NULL;
}

bool vcpu_runnable(const struct vcpu *vcpu);

/* Lock the queue of the processor that the vcpu is assigned to now, wherever it moves meanwhile. */
struct run_queue *queue_lock(const struct vcpu *vcpu);
void queue_insert(struct run_queue *queue, struct vcpu *vcpu, bool woken);
/* The same, with a key that the policy has given. */
void queue_place(struct run_queue *queue, struct vcpu *vcpu, uint64_t key, bool woken);
void queue_remove(struct run_queue *queue, struct vcpu *vcpu);
/* The running vcpu pays for the time since it last paid. */
void queue_charge(struct run_queue *queue, struct vcpu *vcpu, uint64_t now);

/* Without a lock. */
void pcpu_request_reschedule(struct pcpu *pcpu);

/* What is left to do when the lock of the queue has been released. */
enum queue_work { QUEUE_SET_SLICE = 1, QUEUE_OFFER = 2 };

/* Bring the queue in line with a changed wait or pause count: enum queue_work bits. */
unsigned queue_reconsider(struct vcpu *vcpu);
/* Without a lock. */
void queue_finish(struct pcpu *pcpu, unsigned work);
