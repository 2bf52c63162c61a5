/* SPDX-License-Identifier: MIT */
/*
 * Locks between virtual CPUs, for a few instructions: events are masked while one is held, and its
 * holder neither waits nor calls another virtual CPU. Those taken inside others, in this order:
 * wait queue, heap, pages; wait queue, vcpu. Any context.
 */
#pragma once

#include "pvguest/kernel/event.h"

#include <stdint.h>

struct spinlock {
    uint32_t held;
};

/* Until it is worth another try. */
void spin_wait(const struct spinlock *lock);

/* For who masks events anyway. */
static inline void spin_lock_masked(struct spinlock *lock)
{
    while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
        spin_wait(lock);
}

static inline void spin_unlock_masked(struct spinlock *lock)
{
    __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

/* Returns what spin_unlock() wants. */
static inline unsigned long spin_lock(struct spinlock *lock)
{
    unsigned long was_masked = events_mask();

    spin_lock_masked(lock);
    return was_masked;
}

static inline void spin_unlock(struct spinlock *lock, unsigned long was_masked)
{
    spin_unlock_masked(lock);
    events_restore(was_masked);
}
