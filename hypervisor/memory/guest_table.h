/* SPDX-License-Identifier: MIT */
/*
 * The current guest's page tables by linear address: a walk of its kernel table as it is now. The
 * caller holds the current domain's mmu_lock, which keeps the result true.
 */
#pragma once

#include <stdint.h>

struct frame;

/* Where the level-1 entry of a linear address stands. */
struct guest_table_place {
    struct frame *table; /* a valid level-1 table of the current domain, no reference */
    unsigned slot;
};

/* 0; -XEN_EINVAL: no guest address, or no level-1 table there. */
int guest_table_find(uint64_t address, struct guest_table_place *place);
/* The level-1 entry itself. */
int guest_table_read_entry(uint64_t address, uint64_t *entry);
uint64_t guest_table_entry(const struct guest_table_place *place);

/*
 * A store of the guest to one of its live level-1 tables, mapped read-only at `address` (aligned
 * to the entry): the place that it would change. 0; -XEN_EINVAL: not so.
 */
int guest_table_find_mapped(uint64_t address, struct guest_table_place *place);
