/* SPDX-License-Identifier: MIT */
/*
 * Cooperative threads. A thread belongs to one virtual CPU and runs there until it waits, yields or
 * exits; event handlers interrupt it but never switch. A virtual CPU with nothing to run blocks in
 * the hypervisor. Threads of one virtual CPU need no locks between them; those of different ones
 * share wait queues and mutexes, and lock.h for what is short. Wait queues may be woken by event
 * handlers; all else is for threads.
 */
#pragma once

#include "lib/list.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/lock.h"

#include <stdbool.h>
#include <stdint.h>

struct thread;

/* On the caller's virtual CPU. NULL when memory is exhausted. The name must outlive the thread. */
struct thread *thread_create(const char *name, void (*function)(void *), void *argument);

/* On any; NULL also when that is down or going down. */
struct thread *thread_create_on(unsigned int vcpu, const char *name, void (*function)(void *),
                                void *argument);
struct thread *thread_current(void);
const char *thread_name(const struct thread *thread);
void thread_yield(void);
_Noreturn void thread_exit(void);
void thread_sleep_ns(uint64_t nanoseconds);

struct wait_queue {
    struct spinlock lock;
    uint32_t wakes; /* counted, so that one between the look and the sleep is not lost */
    struct list waiters;
};

#define WAIT_QUEUE_INIT(name)                           \
    {                                                   \
        .waiters = { &(name).waiters, &(name).waiters } \
    }

#define WAIT_FOR_EVER UINT64_MAX

void wait_queue_init(struct wait_queue *queue);

/* Make every waiter runnable; legal in event handlers. */
void wait_queue_wake(struct wait_queue *queue);

/*
 * One round of waiting, events masked by the caller: until the queue is woken for a time that is
 * not among those `seen`. False when the deadline has passed.
 */
bool wait_queue_sleep(struct wait_queue *queue, uint32_t seen, uint64_t deadline_ns);

/*
 * Wait until a condition holds. It is evaluated with events masked, and whoever makes it true on
 * another virtual CPU wakes the queue afterwards, which ends the sleep even before it began. Gives
 * whether it held (false: the deadline passed).
 */
#define WAIT_UNTIL_DEADLINE(queue, condition, deadline_ns)                            \
    ({                                                                                \
        struct wait_queue *wait_queue_ = (queue);                                     \
        unsigned long wait_mask_ = events_mask();                                     \
        uint32_t wait_seen_ = __atomic_load_n(&wait_queue_->wakes, __ATOMIC_ACQUIRE); \
        bool wait_held_;                                                              \
        while (!(wait_held_ = !!(condition)) &&                                       \
               wait_queue_sleep(wait_queue_, wait_seen_, (deadline_ns)))              \
            wait_seen_ = __atomic_load_n(&wait_queue_->wakes, __ATOMIC_ACQUIRE);      \
        if (!wait_held_)                                                              \
            wait_held_ = !!(condition);                                               \
        events_restore(wait_mask_);                                                   \
        wait_held_;                                                                   \
    })

#define WAIT_UNTIL(queue, condition) ((void)WAIT_UNTIL_DEADLINE(queue, condition, WAIT_FOR_EVER))

/*
 * First come, first served; not recursive; not for event handlers. One that threads of several
 * virtual CPUs use stays for ever: who unlocks it still touches it when the next has it.
 */
struct mutex {
    struct thread *owner;
    struct wait_queue queue;
    uint64_t next_ticket, now_serving;
};

#define MUTEX_INIT(name)                       \
    {                                          \
        .queue = WAIT_QUEUE_INIT((name).queue) \
    }

void mutex_init(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

/* For fault.c: the innermost catch of the running thread. */
struct catch;
struct catch *thread_catch(void);
void thread_set_catch(struct catch *catch);

/* The one that guest_main() runs in. */
extern struct thread thread_main;

/*
 * For smp.c: the thread that a virtual CPU begins with, events masked, at a place of the caller's
 * choice. Gives its stack pointer, or 0 when memory is exhausted.
 */
struct vcpu;
uint64_t thread_create_first(struct vcpu *vcpu, const char *name);

/* Get a virtual CPU that may be blocking to look at what there is to do. */
void thread_notify(struct vcpu *vcpu);

/* Called once on each virtual CPU by its first thread, events masked: its timer. */
void thread_start(void);
