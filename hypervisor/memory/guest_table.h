/* SPDX-License-Identifier: MIT */
/*
 * The current guest's page tables by linear address: a walk of its kernel table as it is now. The
 * caller holds the current domain's mmu_lock, which keeps the result true.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hypervisor/memory/entry.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/vcpu.h"

/*
 * Where the level-1 entry of a linear address stands: in a valid level-1 table of the current
 * domain. NULL: no guest address, or no level-1 table there.
 */
uint64_t *guest_table_find(uint64_t address);
/* The same, for `vcpu`, the current one. */
static inline uint64_t *guest_table_walk(const struct vcpu *vcpu, uint64_t address);
/* The level-1 entry itself. 0; -XEN_EINVAL. */
int guest_table_read_entry(uint64_t address, uint64_t *entry);

/*
 * A store of the guest to one of its live level-1 tables, mapped read-only at `address` (aligned
 * to the entry): the place that it would change. NULL: not so.
 */
uint64_t *guest_table_find_mapped(uint64_t address);

static inline __attribute__((always_inline)) uint64_t *guest_table_walk(const struct vcpu *vcpu,
                                                                        uint64_t address)
{
    mfn_t table = vcpu->kernel_table;

    if (!guest_address_ok(address) || mfn_equal(table, MFN_INVALID))
        return NULL;
    uint64_t *entries = mfn_to_virtual(table);
#pragma GCC unroll 3
    for (unsigned shift = PAGE_SHIFT + 3 * 9; shift > PAGE_SHIFT; shift -= 9) {
        uint64_t entry = READ_ONCE(entries[address >> shift & (ENTRIES_PER_TABLE - 1)]);
        if (!(entry & PTE_PRESENT))
            return NULL;
        entries = (uint64_t *)(direct_map_base + (entry & PTE_FRAME_MASK));
    }
    return &entries[address >> PAGE_SHIFT & (ENTRIES_PER_TABLE - 1)];
}
