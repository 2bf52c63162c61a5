/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/mmu_grant.h"

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/entry.h"
#include "hypervisor/memory/guest_table.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/tlb.h"

/* What an entry must have in common with the mapping that is undone. */
#define ENTRY_IDENTITY (PTE_PRESENT | PTE_WRITABLE | PTE_FRAME_MASK | ENTRY_GRANT)

static int find_by_machine_address(uint64_t address, struct guest_table_place *place)
{
    mfn_t number = mfn(address >> PAGE_SHIFT);

    if (address % sizeof(uint64_t) || !mfn_is_ram(number))
        return -XEN_EINVAL;
    place->table = mfn_to_frame(number);
    place->slot = (address & ~PAGE_MASK) / sizeof(uint64_t);
    /* Another owner's frame may change its type at any time; our own tables are under the lock. */
    if (!frame_get(place->table, current_domain()))
        return -XEN_EINVAL;
    int status = frame_type_of(place->table) == FRAME_TYPE_L1 ? 0 : -XEN_EINVAL;
    frame_put(place->table);
    return status;
}

static int find(uint64_t address, bool by_machine_address, struct guest_table_place *place)
{
    return by_machine_address ? find_by_machine_address(address, place)
                              : guest_table_find(address, place);
}

static uint64_t exchange(const struct guest_table_place *place, uint64_t entry)
{
    uint64_t *table = mfn_to_virtual(frame_to_mfn(place->table));

    return __atomic_exchange_n(&table[place->slot], entry, __ATOMIC_SEQ_CST);
}

static void flush(void)
{
    tlb_flush_mask(READ_ONCE(current_domain()->ran_on));
}

static bool is_grant(uint64_t entry)
{
    return (entry & PTE_PRESENT) && (entry & ENTRY_GRANT);
}

int mmu_map_grant(uint64_t address, bool by_machine_address, uint64_t entry)
{
    struct domain *domain = current_domain();
    const struct table_level *level = table_level_of(FRAME_TYPE_L1);
    struct guest_table_place place;

    mutex_lock(&domain->mmu_lock);
    int status = find(address, by_machine_address, &place);
    if (!status && is_grant(guest_table_entry(&place)))
        status = -XEN_EINVAL;
    if (!status) {
        uint64_t old = exchange(&place, entry_adjust(level, entry));
        if (old & PTE_PRESENT) {
            flush();
            entry_put(level, old);
        }
    }
    mutex_unlock(&domain->mmu_lock);
    return status;
}

int mmu_unmap_grant(uint64_t address, bool by_machine_address, uint64_t entry)
{
    struct domain *domain = current_domain();
    struct guest_table_place place;

    mutex_lock(&domain->mmu_lock);
    int status = find(address, by_machine_address, &place);
    if (!status && ((guest_table_entry(&place) ^ entry) & ENTRY_IDENTITY))
        status = -XEN_EINVAL;
    if (!status) {
        exchange(&place, 0);
        flush();
    }
    mutex_unlock(&domain->mmu_lock);
    return status;
}

int mmu_replace_grant(uint64_t address, uint64_t entry, uint64_t source)
{
    struct domain *domain = current_domain();
    struct guest_table_place to, from;

    mutex_lock(&domain->mmu_lock);
    int status = guest_table_find(address, &to);
    if (!status)
        status = guest_table_find(source, &from);
    if (!status &&
        (((guest_table_entry(&to) ^ entry) & ENTRY_IDENTITY) || is_grant(guest_table_entry(&from))))
        status = -XEN_EINVAL;
    if (!status) {
        exchange(&to, exchange(&from, 0));
        flush();
    }
    mutex_unlock(&domain->mmu_lock);
    return status;
}
