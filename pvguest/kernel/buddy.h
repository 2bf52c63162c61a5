/* SPDX-License-Identifier: MIT */
/*
 * Free pages by buddies, named by pfn; no knowledge of what a pfn's address or frame is except
 * through page_of_pfn(), because a free block's list node lies in its first page.
 * The caller holds a lock.
 */
#pragma once

#include <stdint.h>

#define BUDDY_NONE UINT64_MAX

/* `state` has one zeroed byte per pfn and stays with the allocator. */
void buddy_start(uint8_t *state, uint64_t count);

/* A block of 1 << order pages, aligned to its size, or BUDDY_NONE. */
uint64_t buddy_take(unsigned int order);

/* Give a block back (or in, at the start); asserts that no part of it is free already. */
void buddy_release(uint64_t pfn, unsigned int order);

/* Give all pages of [first, end). */
void buddy_release_range(uint64_t first, uint64_t end);

uint64_t buddy_free_pages(void);
