/* SPDX-License-Identifier: MIT */
/*
 * The memory of a domain under construction: its frames by pfn, and how this domain writes into
 * them. Every mapping made here is gone when the function returns, so that the frames of page
 * tables can take their type. Threads only. 0 or a negative errno.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>

#include "lib/pv_layout.h"

struct builder_memory {
    domid_t domain;
    uint64_t *mfns; /* by pfn */
    uint64_t count;
};

/* Give the domain `count` pages. */
int builder_memory_populate(struct builder_memory *memory, domid_t domain, uint64_t count);
void builder_memory_forget(struct builder_memory *memory);

/* Copy `size` bytes to byte `offset` of the domain's pseudo-physical memory; NULL writes zeros. */
int builder_memory_write(const struct builder_memory *memory, uint64_t offset, const void *source,
                         uint64_t size);

/* Write every page table of the layout. */
int builder_memory_write_tables(const struct builder_memory *memory,
                                const struct pv_layout *layout);
