/* SPDX-License-Identifier: MIT */
/*
 * Walks of the hypervisor's own page tables, for map.c and map_start.c alone. Tables are reached
 * through the direct map; new ones come from boot_memory during start-up, then from the frame
 * allocator.
 */
#pragma once

#include <stdint.h>

/*
 * Entry that maps `address` at `level` (1 = 4 KiB, 2 = 2 MiB, 3 = 1 GiB), with the tables above it
 * made where they are missing. NULL when a larger page maps it already or memory is out.
 */
uint64_t *map_entry(uint64_t address, unsigned level);

/* Tables below level 4 come from below this physical address, and from boot_memory; 0 = from the
 * frame allocator. */
void map_entry_set_limit(uint64_t limit);

/* Upper-level entries of new tables on the way to a guest-readable page carry the user bit. */
#define MAP_TABLE_FLAGS (PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED | PTE_DIRTY)
#define MAP_DATA_FLAGS  (MAP_TABLE_FLAGS | PTE_NX)
