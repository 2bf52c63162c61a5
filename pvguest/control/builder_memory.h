/* SPDX-License-Identifier: MIT */
/*
 * The memory of a domain under construction: its frames by pfn, and a window through which this
 * domain writes into them. The window stays where it is while what is written lies in it, so a
 * small guest is mapped and unmapped once; before frames can take a page table's type it must be
 * closed. Threads only. 0 or a negative errno.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>

#include "lib/pv_layout.h"

/* Frames are kept in pages, so that a large domain needs no large block of memory here. */
#define BUILDER_BLOCK_ORDER 9
#define BUILDER_CHUNK       (1 << BUILDER_BLOCK_ORDER)

struct builder_memory {
    domid_t domain;
    const struct pv_layout *layout;
    uint64_t **chunks;        /* BUILDER_CHUNK frames each, by pfn */
    unsigned int block_order; /* no larger block was left of the machine's memory */
    struct {
        uint64_t first, count; /* pfns, all of one chunk; none: closed */
        void *pages;
    } window;
};

/* Give the domain the layout's pages. The layout must outlive what is done with the memory. */
int builder_memory_populate(struct builder_memory *memory, domid_t domain,
                            const struct pv_layout *layout);
void builder_memory_forget(struct builder_memory *memory);

/* The frame of one of the domain's pfns. */
uint64_t builder_memory_mfn(const struct builder_memory *memory, uint64_t pfn);

/* Copy `size` bytes to byte `offset` of the domain's pseudo-physical memory; NULL writes zeros. */
int builder_memory_write(struct builder_memory *memory, uint64_t offset, const void *source,
                         uint64_t size);

/* Write the pseudo-physical map to byte `offset`. */
int builder_memory_write_map(struct builder_memory *memory, uint64_t offset);

/* Write every page table of the layout. */
int builder_memory_write_tables(struct builder_memory *memory);

/* Undo the last mapping; what is written later makes another. */
void builder_memory_close(struct builder_memory *memory);
