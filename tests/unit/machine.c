/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hypervisor/io/console.h"
#include "hypervisor/memory/audit.h"
#include "hypervisor/memory/boot_memory.h"
#include "hypervisor/memory/entry.h"
#include "hypervisor/memory/grant_table.h"
#include "hypervisor/memory/heap.h"
#include "hypervisor/memory/map.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/tlb.h"

static uint8_t machine_memory[MACHINE_FRAMES][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct frame machine_table[MACHINE_FRAMES];
static uint64_t machine_m2p[MACHINE_FRAMES];

const uintptr_t direct_map_base = (uintptr_t)machine_memory;
const uintptr_t frame_table_base = (uintptr_t)machine_table;
const uintptr_t m2p_writable_base = (uintptr_t)machine_m2p;

struct cpu_features cpu_features = {.physical_bits = 40};
struct domain domains[TEST_DOMAINS];
struct domain domain_io = {.id = DOMID_IO}, domain_xen = {.id = DOMID_XEN};
struct mutex control_lock;
unsigned flushes, flushes_everywhere, clock_now_value;
static unsigned flushed_at;

void panic(const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fail_msg("%s", text);
    abort();
}

void printk(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
}

void printk_refusal(const char *format, ...)
{
    (void)format;
}

/* A lock that is taken twice, or released without being held, is an error of the code under test.
 */
void spin_lock(struct spinlock *lock)
{
    assert_int_equal(lock->next, lock->serving);
    lock->next++;
}

void spin_unlock(struct spinlock *lock)
{
    assert_int_not_equal(lock->next, lock->serving);
    lock->serving++;
}

__attribute__((target("general-regs-only"))) void spin_wait(struct spinlock *lock, uint16_t ticket)
{
    (void)lock, (void)ticket;
    fail_msg("%s", "a lock is taken twice");
}

void mutex_lock(struct mutex *mutex)
{
    assert_int_equal(mutex->owner, 0);
    mutex->owner = 1;
}

void mutex_unlock(struct mutex *mutex)
{
    assert_int_equal(mutex->owner, 1);
    mutex->owner = 0;
}

bool mutex_held(const struct mutex *mutex)
{
    return mutex->owner;
}

void rest_point(void) {}

void preempt_point(void)
{
    for (unsigned i = 0; i < TEST_DOMAINS; i++)
        assert_int_equal(domains[i].frame_lock.next, domains[i].frame_lock.serving);
}

uint32_t tlb_clock(void)
{
    return clock_now_value;
}

void tlb_answer(void)
{
    fail_msg("nobody else is there to wait for");
}

void tlb_flush_stale(struct domain *domain, uint32_t stamp)
{
    if ((int32_t)(flushed_at - stamp) > 0)
        return;
    flushes++;
    if (!domain)
        flushes_everywhere++;
    machine_processor_flushed();
}

void machine_processor_flushed(void)
{
    flushed_at = ++clock_now_value;
}

bool domain_get(struct domain *domain)
{
    domain->reference_count++;
    return true;
}

void domain_put(struct domain *domain)
{
    assert_int_not_equal(domain->reference_count, 0);
    domain->reference_count--;
}

struct domain *domain_get_by_id(domid_t id)
{
    if (id >= TEST_DOMAINS)
        return NULL;
    domain_get(&domains[id]);
    return &domains[id];
}

/* Tests with grants are linked with the real one. */
__attribute__((weak)) struct grant_active *grant_active_at(struct grant_table *table,
                                                           grant_ref_t ref)
{
    (void)table, (void)ref;
    fail_msg("no grants here");
    return NULL;
}

void map_install_slots(uint64_t *level4)
{
    for (unsigned i = 0; i < HYPERVISOR_SLOT_COUNT; i++)
        level4[HYPERVISOR_SLOT_FIRST + i] = 0xabc000 + (i << PAGE_SHIFT) + 1;
}

/* All the machine's memory is RAM; device memory begins behind it. */
bool boot_memory_touches_ram(uint64_t start, uint64_t end)
{
    (void)end;
    return start < MACHINE_FRAMES * PAGE_SIZE;
}

static void domain_reset(unsigned id)
{
    domains[id] = (struct domain){.id = (domid_t)id, .privileged = id == 0};
    domains[id].reference_count = 1;
    domains[id].vcpu_max = 0;
    domains[id].frame_max = MACHINE_FRAMES;
}

/* The allocator keeps its state: take everything back that a test may have left. */
void machine_reset(void)
{
    static bool started;
    struct heap_block block;

    for (unsigned i = 0; i < TEST_DOMAINS; i++)
        domain_reset(i);
    flushes = flushes_everywhere = 0;
    if (!started)
        frame_add_range(mfn(0), mfn(MACHINE_FRAMES));
    started = true;
    while (heap_take(0, 0, &block))
        ;
    memset(machine_table, 0, sizeof(machine_table));
    memset(machine_memory, 0x5a, sizeof(machine_memory));
    for (uint64_t i = 1; i < MACHINE_FRAMES; i++) {
        machine_table[i].state = FRAME_STATE_FREE;
        block = (struct heap_block){mfn(i), 0, true, clock_now_value, 0};
        heap_give(&block);
    }
    machine_processor_flushed();
}

struct frame *machine_frame(struct domain *domain)
{
    mfn_t number;

    assert_int_equal(frame_allocate_domain(domain, 0, 0, &number), 0);
    return mfn_to_frame(number);
}

uint64_t *machine_entries(const struct frame *frame)
{
    return mfn_to_virtual(frame_to_mfn(frame));
}

uint64_t machine_entry(const struct frame *frame, uint64_t flags)
{
    return mfn_to_physical(frame_to_mfn(frame)) | PTE_PRESENT | flags;
}

void machine_audit(void)
{
    for (unsigned i = 0; i < TEST_DOMAINS; i++) {
        struct audit_result result;
        assert_int_equal(audit_domain(&domains[i], &result), 0);
        assert_int_equal(result.errors, 0);
    }
}
