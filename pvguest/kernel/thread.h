/* SPDX-License-Identifier: MIT */
/*
 * Cooperative threads of one virtual CPU. A thread runs until it waits, yields or exits; event
 * handlers interrupt it but never switch. With nothing to run the domain blocks in the
 * hypervisor. Wait queues may be woken by event handlers; all else is for threads.
 */
#pragma once

#include "lib/list.h"
#include "pvguest/kernel/event.h"

#include <stdbool.h>
#include <stdint.h>

struct thread;

/* NULL when memory is exhausted. The name must outlive the thread. */
struct thread *thread_create(const char *name, void (*function)(void *), void *argument);
struct thread *thread_current(void);
const char *thread_name(const struct thread *thread);
void thread_yield(void);
_Noreturn void thread_exit(void);
void thread_sleep_ns(uint64_t nanoseconds);

struct wait_queue {
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

/* One round of waiting, events masked by the caller. False when the deadline has passed. */
bool wait_queue_sleep(struct wait_queue *queue, uint64_t deadline_ns);

/*
 * Wait until a condition holds. It is evaluated with events masked, so a handler cannot make it
 * true between the look and the sleep. Gives whether it held (false: the deadline passed).
 */
#define WAIT_UNTIL_DEADLINE(queue, condition, deadline_ns)                                \
    ({                                                                                    \
        unsigned long wait_mask_ = events_mask();                                         \
        bool wait_held_;                                                                  \
        while (!(wait_held_ = !!(condition)) && wait_queue_sleep((queue), (deadline_ns))) \
            ;                                                                             \
        if (!wait_held_)                                                                  \
            wait_held_ = !!(condition);                                                   \
        events_restore(wait_mask_);                                                       \
        wait_held_;                                                                       \
    })

#define WAIT_UNTIL(queue, condition) ((void)WAIT_UNTIL_DEADLINE(queue, condition, WAIT_FOR_EVER))

/* First come, first served; not recursive; not for event handlers. */
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

/* Called once by start: the code that runs becomes the first thread. */
void thread_start(void);
