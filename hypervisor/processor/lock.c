/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/lock.h"

#include "hypervisor/debug.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/pcpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/tlb.h"

#define HELD_MAX (sizeof(((struct pcpu *)0)->held_levels))

void spinlock_init(struct spinlock *lock, enum lock_level level)
{
    lock->next = lock->serving = 0;
    lock->level = level;
}

static __attribute__((noinline)) void note_acquired(uint8_t level, bool same_level_allowed)
{
    struct pcpu *pcpu = this_pcpu();

    if (pcpu->held_count > 0) {
        uint8_t highest = pcpu->held_levels[pcpu->held_count - 1];
        if (highest > level || (highest == level && !same_level_allowed))
            panic("lock of level %u taken while level %u is held", level, highest);
    }
    ASSERT(pcpu->held_count < HELD_MAX);
    pcpu->held_levels[pcpu->held_count++] = level;
}

/* Releases need not be in reverse order: take the level out of the ordered list. */
static __attribute__((noinline)) void note_released(uint8_t level)
{
    struct pcpu *pcpu = this_pcpu();
    unsigned i = pcpu->held_count;

    while (i > 0 && pcpu->held_levels[i - 1] != level)
        i--;
    ASSERT(i > 0);
    for (; i < pcpu->held_count; i++)
        pcpu->held_levels[i - 1] = pcpu->held_levels[i];
    pcpu->held_count--;
}

__attribute__((used, noinline, cold)) void spin_wait(struct spinlock *lock, uint16_t ticket)
{
    while (__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != ticket) {
        cpu_relax();
        tlb_answer();
    }
}

void spin_lock(struct spinlock *lock)
{
    if (debug_build)
        note_acquired(lock->level, false);
    ticket_acquire(lock);
}

void spin_unlock(struct spinlock *lock)
{
    if (debug_build)
        note_released(lock->level);
    ticket_release(lock);
}

void spin_lock_two(struct spinlock *first, struct spinlock *second)
{
    if (first > second) {
        struct spinlock *exchanged = first;
        first = second;
        second = exchanged;
    }
    spin_lock(first);
    if (second != first) {
        if (debug_build)
            note_acquired(second->level, true);
        ticket_acquire(second);
    }
}

void spin_unlock_two(struct spinlock *first, struct spinlock *second)
{
    if (second != first)
        spin_unlock(second);
    spin_unlock(first);
}

void mutex_init(struct mutex *mutex, enum lock_level level)
{
    spinlock_init(&mutex->guard, LOCK_LEVEL_MUTEX_GUARD);
    mutex->owner = 0;
    mutex->level = level;
    list_init(&mutex->waiters);
}

/*
 * Sleeping locks belong to the vcpu, not to the processor, so their order is checked in the vcpu:
 * the bits of the levels it holds.
 */
static void check_mutex_order(const struct mutex *mutex, struct vcpu *vcpu)
{
    if (vcpu->mutexes_held[mutex->level] && mutex->level != LOCK_LEVEL_MMU)
        panic("sleeping lock of level %u taken twice", mutex->level);
    for (unsigned level = mutex->level + 1; level < LOCK_LEVEL_SLEEPING_END; level++)
        if (vcpu->mutexes_held[level])
            panic("sleeping lock of level %u taken while level %u is held", mutex->level, level);
    ASSERT(this_pcpu()->held_count == 0);
}

/*
 * Take a mutex that is free; otherwise mark it, so that its owner's release looks for waiters, and
 * join them. The mark only changes under the guard. True: taken.
 */
static bool take_or_wait_locked(struct mutex *mutex, struct vcpu *vcpu)
{
    uintptr_t seen = __atomic_load_n(&mutex->owner, __ATOMIC_RELAXED), wanted;

    do {
        wanted = seen ? seen | MUTEX_WAITERS : (uintptr_t)vcpu;
    } while (!__atomic_compare_exchange_n(&mutex->owner, &seen, wanted, false, __ATOMIC_ACQUIRE,
                                          __ATOMIC_RELAXED));
    if (!seen)
        return true;
    list_push_back(&mutex->waiters, &vcpu->mutex_wait);
    vcpu_set_wait(vcpu, VCPU_WAIT_MUTEX);
    return false;
}

static __attribute__((noinline)) void lock_contended(struct mutex *mutex, struct vcpu *vcpu)
{
    ASSERT(!mutex_held(mutex));
    spin_lock(&mutex->guard);
    bool taken = take_or_wait_locked(mutex, vcpu);
    spin_unlock(&mutex->guard);
    if (taken)
        return;
    /* mutex_unlock() hands the lock over before it clears the bit. */
    vcpu_sleep(VCPU_WAIT_MUTEX);
    ASSERT(mutex_held(mutex));
}

static __attribute__((noinline)) void hand_over(struct mutex *mutex)
{
    ASSERT(mutex_held(mutex));
    spin_lock(&mutex->guard);
    struct list *first = list_first(&mutex->waiters);
    ASSERT(first);
    struct vcpu *next = container_of(first, struct vcpu, mutex_wait);
    list_remove(first);
    uintptr_t waiters = list_first(&mutex->waiters) ? MUTEX_WAITERS : 0;
    __atomic_store_n(&mutex->owner, (uintptr_t)next | waiters, __ATOMIC_RELEASE);
    spin_unlock(&mutex->guard);
    vcpu_clear_wait(next, VCPU_WAIT_MUTEX);
}

void mutex_lock(struct mutex *mutex)
{
    struct vcpu *vcpu = current_vcpu();
    uintptr_t seen = 0;

    if (debug_build)
        check_mutex_order(mutex, vcpu);
    if (!__atomic_compare_exchange_n(&mutex->owner, &seen, (uintptr_t)vcpu, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        lock_contended(mutex, vcpu);
    if (debug_build)
        vcpu->mutexes_held[mutex->level]++;
}

void mutex_unlock(struct mutex *mutex)
{
    struct vcpu *vcpu = current_vcpu();
    uintptr_t seen = (uintptr_t)vcpu;

    if (debug_build)
        vcpu->mutexes_held[mutex->level]--;
    if (!__atomic_compare_exchange_n(&mutex->owner, &seen, 0, false, __ATOMIC_RELEASE,
                                     __ATOMIC_RELAXED))
        hand_over(mutex);
}

bool mutex_held(const struct mutex *mutex)
{
    uintptr_t owner = __atomic_load_n(&mutex->owner, __ATOMIC_RELAXED);

    return (owner & ~(uintptr_t)MUTEX_WAITERS) == (uintptr_t)current_vcpu();
}
