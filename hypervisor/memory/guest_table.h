/* SPDX-License-Identifier: MIT */
/*
 * The current guest's page tables by linear address: a walk of its kernel table as it is now, or
 * what is known to be its result (memory/known_table.h). The caller holds the current domain's
 * mmu_lock, which keeps it true.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/debug.h"
#include "hypervisor/memory/entry.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/vcpu.h"

/*
 * Where the level-1 entry of a linear address stands: in a valid level-1 table of the current
 * domain. NULL: no guest address, or no level-1 table there.
 */
uint64_t *guest_table_find(uint64_t address);
/* The same, for `vcpu`, the current one, if it is known without a walk. */
static inline bool guest_table_is_known(const struct vcpu *vcpu, uint64_t address,
                                        uint64_t **place);
/* The walk itself. */
uint64_t *guest_table_walk(const struct vcpu *vcpu, uint64_t address);
/* The level-1 entry itself. 0; -XEN_EINVAL. */
int guest_table_read_entry(uint64_t address, uint64_t *entry);

/*
 * A store of the guest to one of its live level-1 tables, mapped read-only at `address` (aligned
 * to the entry): the place that it would change. NULL: not so.
 */
uint64_t *guest_table_find_mapped(uint64_t address);

static inline __attribute__((always_inline)) bool
guest_table_is_known(const struct vcpu *vcpu, uint64_t address, uint64_t **place)
{
    if (__builtin_expect(address >> KNOWN_REGION_SHIFT != vcpu->known.region, 0))
        return false;
    *place = &vcpu->known.entries[address >> PAGE_SHIFT & (ENTRIES_PER_TABLE - 1)];
    ASSERT(!debug_build || *place == guest_table_walk(vcpu, address));
    return true;
}
