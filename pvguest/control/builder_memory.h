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

/* Frames are kept in pages, so that a large domain needs no large block of memory here. */
#define BUILDER_CHUNK 512

struct builder_memory {
    domid_t domain;
    uint64_t **chunks; /* BUILDER_CHUNK frames each, by pfn */
    uint64_t count;
};

/* Give the domain `count` pages. */
int builder_memory_populate(struct builder_memory *memory, domid_t domain, uint64_t count);
void builder_memory_forget(struct builder_memory *memory);

/* The frame of a pfn below count. */
uint64_t builder_memory_mfn(const struct builder_memory *memory, uint64_t pfn);

/* Copy `size` bytes to byte `offset` of the domain's pseudo-physical memory; NULL writes zeros. */
int builder_memory_write(const struct builder_memory *memory, uint64_t offset, const void *source,
                         uint64_t size);

/* Write the pseudo-physical map to byte `offset`. */
int builder_memory_write_map(const struct builder_memory *memory, uint64_t offset);

/* Write every page table of the layout. */
int builder_memory_write_tables(const struct builder_memory *memory,
                                const struct pv_layout *layout);
