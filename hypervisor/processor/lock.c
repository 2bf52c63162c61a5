/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/lock.h"

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

static void note_acquired(uint8_t level, bool same_level_allowed)
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
static void note_released(uint8_t level)
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

static void ticket_acquire(struct spinlock *lock)
{
    uint16_t ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);

    while (__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != ticket) {
        cpu_relax();
        tlb_answer();
    }
}

void spin_lock(struct spinlock *lock)
{
    note_acquired(lock->level, false);
    ticket_acquire(lock);
}

void spin_unlock(struct spinlock *lock)
{
    note_released(lock->level);
    __atomic_store_n(&lock->serving, (uint16_t)(lock->serving + 1), __ATOMIC_RELEASE);
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
    mutex->owner = NULL;
    mutex->held = false;
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

void mutex_lock(struct mutex *mutex)
{
    struct vcpu *vcpu = current_vcpu();

    check_mutex_order(mutex, vcpu);
    spin_lock(&mutex->guard);
    if (mutex->held) {
        ASSERT(mutex->owner != vcpu);
        list_push_back(&mutex->waiters, &vcpu->mutex_wait);
        vcpu_set_wait(vcpu, VCPU_WAIT_MUTEX);
        spin_unlock(&mutex->guard);
        /* mutex_unlock() hands the lock over before it clears the bit. */
        vcpu_sleep(VCPU_WAIT_MUTEX);
        ASSERT(mutex->owner == vcpu);
    } else {
        mutex->held = true;
        mutex->owner = vcpu;
        spin_unlock(&mutex->guard);
    }
    vcpu->mutexes_held[mutex->level]++;
}

void mutex_unlock(struct mutex *mutex)
{
    struct vcpu *vcpu = current_vcpu();
    struct vcpu *next = NULL;

    ASSERT(mutex->held && mutex->owner == vcpu);
    vcpu->mutexes_held[mutex->level]--;
    spin_lock(&mutex->guard);
    struct list *first = list_first(&mutex->waiters);
    if (first) {
        next = container_of(first, struct vcpu, mutex_wait);
        list_remove(first);
    }
    mutex->owner = next;
    mutex->held = next != NULL;
    spin_unlock(&mutex->guard);
    if (next)
        vcpu_clear_wait(next, VCPU_WAIT_MUTEX);
}

bool mutex_held(const struct mutex *mutex)
{
    return mutex->held && mutex->owner == current_vcpu();
}
