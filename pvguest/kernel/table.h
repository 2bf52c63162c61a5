/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own page tables. Tables are read where they are mapped (read-only) and written by
 * mmu_update alone, so no writable page table is ever assumed. Tables made here are never freed.
 * Any context; who maps at an address owns it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PTE_PRESENT    (1UL << 0)
#define PTE_WRITABLE   (1UL << 1)
#define PTE_USER       (1UL << 2)
#define PTE_UNCACHED   ((1UL << 4) | (1UL << 3))
#define PTE_ACCESSED   (1UL << 5)
#define PTE_DIRTY      (1UL << 6)
#define PTE_NO_EXECUTE (1UL << 63)
#define PTE_FRAME_MASK 0x000ffffffffff000UL

/* Flags of ordinary kernel data and of the tables above. */
#define PTE_DATA  (PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED | PTE_DIRTY | PTE_NO_EXECUTE)
#define PTE_TABLE (PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)

#define TABLE_ENTRIES 512

/* Machine address of the level-1 entry for an address, making tables on the way when asked. */
int table_entry_address(uint64_t address, bool make, uint64_t *entry_machine_address);

/* The level-1 entry as it is now; 0 when a table on the way is missing. */
uint64_t table_entry(uint64_t address);

/* Change one mapping of own memory and flush it from the TLB, of all virtual CPUs. */
int table_map_own(uint64_t address, uint64_t entry);

/* Make a page of own memory read-only (to become a table) or writable again. */
int table_protect(void *page);
int table_unprotect(void *page);

/* Take a filled page as level-1 table into the kernel's tables, for the 2 MiB at address. */
int table_install(uint64_t address, void *level1);

/* The kernel's level-4 table and its frame. */
const uint64_t *table_root(void);
uint64_t table_root_mfn(void);
