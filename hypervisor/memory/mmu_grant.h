/* SPDX-License-Identifier: MIT */
/*
 * Level-1 entries of the current domain that map granted frames: the only code that stores or
 * removes an entry with ENTRY_GRANT. Their references belong to memory/grant_map.c; those of an
 * ordinary entry that such a one replaces are given back here. Takes the current domain's mmu_lock;
 * no spinlock may be held. When a function returns, no processor uses the old entry any more.
 *
 * A place is named by a linear address or, with `by_machine_address`, by the machine address of the
 * entry itself, which must be aligned to it (XSA-227) and lie in a level-1 table of the domain's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Store `entry` (with ENTRY_GRANT). 0; -XEN_EINVAL: no such place, or a grant is mapped there. */
int mmu_map_grant(uint64_t place, bool by_machine_address, uint64_t entry);

/* Clear the place. -XEN_EINVAL: no such place, or another frame or other rights than in `entry`. */
int mmu_unmap_grant(uint64_t place, bool by_machine_address, uint64_t entry);

/* The same, but move the ordinary entry at the linear address `source` to the place. */
int mmu_replace_grant(uint64_t address, uint64_t entry, uint64_t source);
