/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/mmu_grant.h"

#include <stddef.h>

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/entry.h"
#include "hypervisor/memory/guest_table.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/tlb.h"

/* What an entry must have in common with the mapping that is undone. */
#define ENTRY_IDENTITY (PTE_PRESENT | PTE_WRITABLE | PTE_FRAME_MASK | ENTRY_GRANT)

static uint64_t *find_by_machine_address(uint64_t address)
{
    mfn_t number = mfn(address >> PAGE_SHIFT);

    if (address % sizeof(uint64_t))
        return NULL;
    /* Another owner's frame may change its type at any time; our own tables are under the lock. */
    struct frame *table = frame_get_by_mfn(number, current_domain());
    if (!table)
        return NULL;
    bool valid = frame_type_of(table) == FRAME_TYPE_L1;
    frame_put(table);
    return valid ? (uint64_t *)(direct_map_base + address) : NULL;
}

static uint64_t *find(uint64_t address, bool by_machine_address)
{
    return by_machine_address ? find_by_machine_address(address) : guest_table_find(address);
}

static uint64_t exchange(uint64_t *place, uint64_t entry)
{
    return __atomic_exchange_n(place, entry, __ATOMIC_SEQ_CST);
}

static void flush(void)
{
    tlb_flush_mask(tlb_holders(current_domain()));
}

static bool is_grant(uint64_t entry)
{
    return (entry & PTE_PRESENT) && (entry & ENTRY_GRANT);
}

static void lock(struct domain *domain)
{
    if (!mutex_take(&domain->mmu_lock, current_vcpu()))
        mutex_lock(&domain->mmu_lock);
}

static void unlock(struct domain *domain)
{
    if (!mutex_give(&domain->mmu_lock, current_vcpu()))
        mutex_unlock(&domain->mmu_lock);
}

int mmu_map_grant(uint64_t address, bool by_machine_address, uint64_t entry)
{
    struct domain *domain = current_domain();
    int status = -XEN_EINVAL;

    lock(domain);
    uint64_t *place = find(address, by_machine_address);
    if (place && !is_grant(READ_ONCE(*place))) {
        uint64_t old = exchange(place, entry_for_ring3(entry));
        if (old & PTE_PRESENT) {
            flush();
            entry_put(table_level_of(FRAME_TYPE_L1), old);
        }
        status = 0;
    }
    unlock(domain);
    return status;
}

int mmu_unmap_grant(uint64_t address, bool by_machine_address, uint64_t entry)
{
    struct domain *domain = current_domain();
    int status = -XEN_EINVAL;

    lock(domain);
    uint64_t *place = find(address, by_machine_address);
    if (place && !((READ_ONCE(*place) ^ entry) & ENTRY_IDENTITY)) {
        exchange(place, 0);
        flush();
        status = 0;
    }
    unlock(domain);
    return status;
}

int mmu_replace_grant(uint64_t address, uint64_t entry, uint64_t source)
{
    struct domain *domain = current_domain();
    int status = -XEN_EINVAL;

    mutex_lock(&domain->mmu_lock);
    uint64_t *to = guest_table_find(address), *from = guest_table_find(source);
    if (to && from && !((READ_ONCE(*to) ^ entry) & ENTRY_IDENTITY) && !is_grant(READ_ONCE(*from))) {
        exchange(to, exchange(from, 0));
        flush();
        status = 0;
    }
    mutex_unlock(&domain->mmu_lock);
    return status;
}
