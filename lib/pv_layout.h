/* SPDX-License-Identifier: MIT */
/*
 * Where everything lies in a new PV64 domain: kernel, initrd, pseudo-physical map, start info,
 * store and console page, page tables, boot stack, in the order in which Xen lays them out, and
 * what each entry of the initial page tables holds. Pure; used by the hypervisor for the first
 * domain and by the control domain for all others.
 *
 * The initial mapping begins at pfn 0 and the kernel's virtual base; it ends on a 4 MiB boundary
 * with at least 512 KiB behind the boot stack, or where a domain of less than 4 MiB ends. Behind it
 * in pfn order, and outside of it, come an initrd that need not be mapped and a pseudo-physical map
 * that wants an address of its own (its pages, then the page tables for them).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>

#include "lib/elf.h"

#define PV_LAYOUT_LEVELS 4

enum pv_layout_error {
    PV_LAYOUT_OK,
    PV_LAYOUT_MEMORY, /* pages_needed says how many pages would do */
    PV_LAYOUT_TOO_LARGE,
    PV_LAYOUT_ADDRESS,
    PV_LAYOUT_RESERVED,
    PV_LAYOUT_P2M,
    PV_LAYOUT_ERROR_COUNT
};

struct pv_layout_request {
    const struct elf_kernel *kernel;
    uint64_t nr_pages;    /* of the whole domain */
    uint64_t initrd_size; /* in bytes; 0: none */
    bool initial_domain;  /* no store and console page */
};

/* Consecutive pages. A region without pages is not there; one outside the mapping has address 0. */
struct pv_region {
    uint64_t address, pfn, pages;
};

/* Consecutive page tables of one level, the n-th of which covers the n-th part of the space. */
struct pv_tables {
    uint64_t first; /* virtual page number >> (9 * level) of the first table */
    uint64_t count;
    uint64_t pfn;
};

struct pv_layout {
    struct pv_region mapping; /* the whole initial mapping, from pfn 0 */
    struct pv_region kernel, initrd, p2m, start_info, store, console, tables, stack;
    struct pv_region p2m_tables;
    uint64_t nr_pages, initrd_size;
    uint64_t pages_needed; /* pfns from here on are plain memory; at most nr_pages */
    uint64_t entry;        /* initial instruction pointer */
    uint64_t stack_top;    /* initial stack pointer */
    uint64_t table_count;  /* level-4 table included */
    /* [0]: for the mapping; [1]: further ones for the map elsewhere. Index: level - 1. */
    struct pv_tables levels[2][PV_LAYOUT_LEVELS];
};

enum pv_layout_error pv_layout_compute(const struct pv_layout_request *request,
                                       struct pv_layout *layout);

/* What is wrong, as a sentence's end that begins with the kernel's name. */
const char *pv_layout_error_text(enum pv_layout_error error);

/* One page table and, in it, one entry. */
struct pv_table {
    unsigned level; /* 1 to 4 */
    uint64_t pfn;
    uint64_t index; /* of the part of the address space that it covers */
};

struct pv_entry {
    uint64_t pfn;
    bool writable; /* false only in a level-1 entry that maps a page table */
};

/* Neighbouring entries of a table, for consecutive pages. All others of a table are empty. */
struct pv_run {
    unsigned first, count;
    uint64_t pfn; /* the first entry's */
};
#define PV_LAYOUT_RUNS 2

/* Table number 0 is the level-4 table; false from table_count on. */
bool pv_layout_table(const struct pv_layout *layout, uint64_t number, struct pv_table *table);

/* False if the entry (0 to 511) is empty. The hypervisor's own slots are not part of this. */
bool pv_layout_entry(const struct pv_layout *layout, const struct pv_table *table, unsigned index,
                     struct pv_entry *entry);

/* A table's run number 0 or 1; false if it has none. The same as asking for each entry. */
bool pv_layout_run(const struct pv_layout *layout, const struct pv_table *table, unsigned number,
                   struct pv_run *run);

/* Whether an entry of this level for this page is writable. */
bool pv_layout_writable(const struct pv_layout *layout, unsigned level, uint64_t pfn);

/*
 * Fill in the fields that follow from the layout: magic, nr_pages, pt_base, nr_pt_frames,
 * mfn_list, first_p2m_pfn, nr_p2m_frames, mod_start, mod_len, and SIF_MOD_START_PFN in flags.
 */
void pv_layout_start_info(const struct pv_layout *layout, struct start_info *info);
