/* SPDX-License-Identifier: MIT */
/*
 * The domain's own memory: the pseudo-physical map (pfn to mfn), one virtual address per pfn, and
 * the page allocator (buddies, 4 KiB << order) over all pages the domain was given.
 *
 * Every pfn is mapped at exactly one address: those of the initial mapping where the domain's
 * builder put them, all others in the direct map. So a page that is to become a page table needs
 * one mapping made read-only and no search for aliases.
 *
 * Any context may allocate and free.
 */
#pragma once

#include "pvguest/kernel/dma.h"

#include <stdint.h>
#include <xen/xen.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define PAGE_ORDER_MAX 10

/* Order of the smallest block that holds `size` bytes. */
unsigned int page_order(uint64_t size);

/* 4 KiB << order, aligned to its size in pseudo-physical space, zeroed; NULL when exhausted. */
void *page_allocate(unsigned int order);
void page_free(void *address, unsigned int order);
uint64_t page_free_count(void);

/* For addresses of the domain's own memory (image, initial mapping, direct map). */
uint64_t page_mfn(const void *address);
uint64_t page_pfn(const void *address);
void *page_of_pfn(uint64_t pfn);
uint64_t page_mfn_of_pfn(uint64_t pfn);

/* The own page behind a machine frame, or NULL when the frame is not the domain's. */
void *page_of_mfn(uint64_t mfn);

/* Called once by start, before threads: read the map, make the direct map, fill the allocator. */
void page_start(uint64_t boot_stack_end);

/* A frame of the domain changed behind a pfn (exchange, increase): keep the map true. */
void page_set_mfn(uint64_t pfn, uint64_t mfn);
