/* SPDX-License-Identifier: MIT */
/*
 * The current guest's page tables by linear address: a walk of its kernel table as it is now. The
 * caller holds the current domain's mmu_lock, which keeps the result true.
 */
#pragma once

#include <stdint.h>

/*
 * Where the level-1 entry of a linear address stands: in a valid level-1 table of the current
 * domain. NULL: no guest address, or no level-1 table there.
 */
uint64_t *guest_table_find(uint64_t address);
/* The level-1 entry itself. 0; -XEN_EINVAL. */
int guest_table_read_entry(uint64_t address, uint64_t *entry);

/*
 * A store of the guest to one of its live level-1 tables, mapped read-only at `address` (aligned
 * to the entry): the place that it would change. NULL: not so.
 */
uint64_t *guest_table_find_mapped(uint64_t address);
