/* SPDX-License-Identifier: MIT */
/*
 * Guests' page tables: validation, its reversal, and updates of one entry. One routine for all four
 * levels, driven by their descriptions (memory/entry.h). Everything here runs under the mmu_lock
 * of the table's owner, with no spinlock held, and may pass preempt points.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/memory/entry.h"
#include "hypervisor/memory/type.h"

struct domain;

/* For memory/type.c: take the references of all entries, or none of them. */
int table_validate(struct frame *frame, enum frame_type type);
/* For memory/type.c: give them back. */
void table_invalidate(struct frame *frame, enum frame_type type);

struct table_update {
    struct frame *table; /* with a reference; its type, valid and of a table, is looked at */
    unsigned slot;       /* 0-511 */
    uint64_t value;
    enum table_update_mode mode;
    struct domain *frame_owner; /* whose frames a level-1 entry may name */
    uint64_t expected;
    bool mismatch; /* out: TABLE_COMPARE did not find what was expected */
    bool unlinked; /* out: a table went from an upper level: translations must be flushed */
};

/*
 * 0; -XEN_EINVAL: not a valid table, hypervisor's slot, flags, or what the entry names;
 * -XEN_EBUSY: see entry_get(), or the old entry is a grant mapping, which only its unmapping may
 * remove; -XEN_EPERM: device memory.
 */
int table_update(struct table_update *update);
