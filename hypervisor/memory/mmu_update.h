/* SPDX-License-Identifier: MIT */
/*
 * Updates of page-table entries: the hypercalls mmu_update and update_va_mapping
 * (dispatcher/hypercall.h), and the guest's own stores to live level-1 tables.
 *
 * Each update is checked and applied under the mmu_lock of the tables' owner; entries are read from
 * the guest one by one and once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mmu_emulated_write {
    uint64_t address;  /* linear, of the store; not across an 8-byte boundary */
    uint64_t value;    /* low `size` bytes */
    unsigned size;     /* 1, 2, 4 or 8 */
    bool compare;      /* only if there is `expected` (cmpxchg) */
    uint64_t expected; /* in; out: what was found */
    bool mismatch;     /* out */
};

/*
 * What the store would have done, had it been an update of the entry. 0; a negative errno when the
 * address is no level-1 table of the current domain mapped read-only, or the new entry is refused.
 */
int mmu_write_emulated(struct mmu_emulated_write *write);
