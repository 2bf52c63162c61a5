/* SPDX-License-Identifier: MIT */
/*
 * What each vcpu knows of its domain's level-1 tables, so that it need not walk, or look at types,
 * again: which table shows a region of 2 MiB below its kernel_table, and a table whose entry it
 * changed by machine address. Read and written under the domain's mmu_lock.
 *
 * It is what a walk would find at this moment. A level-1 table stays one, and where it is, until
 * an entry of an upper level is replaced, a table becomes invalid, or the vcpu gets another
 * kernel_table; whoever does that makes it forgotten. (In the debug build each use walks as well.)
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hypervisor/layout.h"

struct domain;

#define KNOWN_REGION_SHIFT (PAGE_SHIFT + 9)
/* No address has it, and this one no table: a guest may name any that there is. */
#define KNOWN_REGION_NONE (~0UL)
#define KNOWN_TABLE_NONE  1UL

struct known_tables {
    uint64_t region;   /* address >> KNOWN_REGION_SHIFT  */
    uint64_t *entries; /* of the table that shows it     */
    uintptr_t updated; /* a level-1 table, or none       */
};

static inline void known_tables_forget(struct known_tables *known)
{
    *known = (struct known_tables){KNOWN_REGION_NONE, NULL, KNOWN_TABLE_NONE};
}

/* Of all vcpus of the domain, whose mmu_lock is held. */
void known_tables_forget_all(const struct domain *domain);
