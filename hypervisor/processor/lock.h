/* SPDX-License-Identifier: MIT */
/*
 * Spinlocks and sleeping locks, both with a level (docs/locking.md is the table).
 *
 * Ring 0 runs with interrupts off, except while idle and inside preempt_point(); a spinlock
 * therefore needs no irqsave form and must never be held across a preempt_point(). While it spins,
 * a processor answers TLB shootdowns, so that a holder may wait for one.
 *
 * In the debug build (hypervisor/debug.h) every processor remembers the levels it holds: an
 * acquisition whose level is not greater than the highest held stops the machine (panic). Two locks
 * of one level are taken only by the *_two functions, the one at the lower address or domain id
 * first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hypervisor/debug.h"
#include "hypervisor/processor/cpu.h"
#include "lib/list.h"

/* Lock levels, outermost first. */
enum lock_level {
    LOCK_LEVEL_NONE,
    LOCK_LEVEL_CONTROL, /* sleeping: domain list changes, domctl                    */
    LOCK_LEVEL_CONTEXT, /* sleeping: giving a vcpu of one domain its registers and tables */
    LOCK_LEVEL_MMU,     /* sleeping: one domain's page tables and type validation   */
    LOCK_LEVEL_SLEEPING_END,
    LOCK_LEVEL_DOMAIN,      /* spin: a domain's life-cycle fields                       */
    LOCK_LEVEL_DOMAIN_LIST, /* spin: lookups in the list of domains                      */
    LOCK_LEVEL_GRANT,       /* spin: one domain's grant table                           */
    LOCK_LEVEL_EVENT,       /* spin: one domain's event-channel table                   */
    LOCK_LEVEL_FRAMES,      /* spin: one domain's list of frames                        */
    LOCK_LEVEL_HEAP,        /* spin: the frame allocator                                */
    LOCK_LEVEL_IRQ,         /* spin: physical interrupt routing                         */
    LOCK_LEVEL_MUTEX_GUARD, /* spin: inside struct mutex                                */
    LOCK_LEVEL_TIMER,       /* spin: one processor's timer heap                         */
    LOCK_LEVEL_RUNQUEUE,    /* spin: one processor's run queue                          */
    LOCK_LEVEL_MAP,         /* spin: hypervisor's own page tables                       */
    LOCK_LEVEL_PCI,         /* spin: PCI configuration ports                            */
    LOCK_LEVEL_CONSOLE,     /* spin: console ring and UART                              */
};

struct spinlock {
    uint16_t next, serving; /* ticket lock */
    uint8_t level;
};

_Static_assert(offsetof(struct spinlock, next) == 0 && offsetof(struct spinlock, serving) == 2, "");

#define SPINLOCK(lock_level)  \
    {                         \
        .level = (lock_level) \
    }

void spinlock_init(struct spinlock *lock, enum lock_level level);
void spin_lock(struct spinlock *lock);
void spin_unlock(struct spinlock *lock);
/* Two locks of one level; the order is by address. They may be the same lock. */
void spin_lock_two(struct spinlock *first, struct spinlock *second);
void spin_unlock_two(struct spinlock *first, struct spinlock *second);

/*
 * For paths where each instruction counts: the same, inline. Waiting is called around the compiler,
 * which then need not expect that any register changes.
 */
void spin_wait(struct spinlock *lock, uint16_t ticket) __attribute__((no_caller_saved_registers));

static inline __attribute__((always_inline)) void ticket_acquire(struct spinlock *lock)
{
    uint64_t ticket = 1;

    asm volatile("lock xaddw %w[ticket], (%[lock])\n"
                 "cmpw %w[ticket], 2(%[lock])\n"
                 "jne 2f\n"
                 "1:\n"
                 ".pushsection .text.unlikely, \"ax\"\n"
                 "2: push %%rdi\n"
                 "push %%rsi\n"
                 "push %[ticket]\n"
                 "push %[lock]\n"
                 "pop %%rdi\n"
                 "pop %%rsi\n"
                 "call spin_wait\n"
                 "pop %%rsi\n"
                 "pop %%rdi\n"
                 "jmp 1b\n"
                 ".popsection"
                 : [ticket] "+&r"(ticket)
                 : [lock] "r"(lock)
                 : "memory");
}

static inline __attribute__((always_inline)) void ticket_release(struct spinlock *lock)
{
    asm volatile("incw %0" : "+m"(lock->serving) : : "memory");
}

static inline __attribute__((always_inline)) void spin_take(struct spinlock *lock)
{
    if (debug_build)
        spin_lock(lock);
    else
        ticket_acquire(lock);
}

static inline __attribute__((always_inline)) void spin_give(struct spinlock *lock)
{
    if (debug_build)
        spin_unlock(lock);
    else
        ticket_release(lock);
}

struct vcpu;

#define MUTEX_WAITERS 1

/*
 * Sleeping lock: the waiting virtual CPU blocks inside the hypervisor. Its holder may pass
 * preempt_point(). Not recursive. Outside a vcpu (start-up) it must be free. Taking and releasing
 * it while nobody waits is one atomic exchange of the owner.
 */
struct mutex {
    struct spinlock guard; /* the waiters, and MUTEX_WAITERS */
    uintptr_t owner;       /* atomic: address of the struct vcpu | MUTEX_WAITERS; 0: free */
    uint8_t level;
    struct list waiters; /* struct vcpu.mutex_wait, first come first served */
};

void mutex_init(struct mutex *mutex, enum lock_level level);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);
bool mutex_held(const struct mutex *mutex); /* by the caller; for assertions */

/*
 * For paths where each instruction counts: take it for `vcpu`, the current one, or give it back,
 * inline. False: nothing was done, mutex_lock() or mutex_unlock() must do it.
 */
static inline bool mutex_change_owner(struct mutex *mutex, uintptr_t from, uintptr_t to)
{
    return exchange_if(&mutex->owner, from, to);
}

static inline bool mutex_take(struct mutex *mutex, struct vcpu *vcpu)
{
    if (!debug_build)
        return mutex_change_owner(mutex, 0, (uintptr_t)vcpu);
    mutex_lock(mutex); /* with the check of the order */
    return true;
}

static inline bool mutex_give(struct mutex *mutex, struct vcpu *vcpu)
{
    if (!debug_build)
        return mutex_change_owner(mutex, (uintptr_t)vcpu, 0);
    mutex_unlock(mutex);
    return true;
}
