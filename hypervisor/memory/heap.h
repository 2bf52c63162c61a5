/* SPDX-License-Identifier: MIT */
/*
 * The allocator of machine frames: binary buddies of order 0 to FRAME_ORDER_MAX, in two zones
 * (below 4 GiB, above), so that devices with 32-bit addresses find memory.
 *
 * Owns all frames in FRAME_STATE_FREE, their lists and the counts, under heap_lock
 * (LOCK_LEVEL_HEAP). A free block remembers whether it may hold somebody's data, whose (in its
 * first frame's type_word), and at which TLB clock it was freed; heap_take() hands it over as it
 * is, heap_clean() makes it fit for use.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/memory/frame.h"

/* Frames [start, end) become free, not scrubbed. Start-up. */
void heap_add(mfn_t start, mfn_t end);

struct heap_block {
    mfn_t first;
    unsigned order;
    bool unscrubbed;
    uint32_t tlb_stamp;
    uint32_t data_of; /* domain->serial of the only one whose data it may hold; 0: anybody's */
};

/* A block below 2^address_bits (0 = anywhere), without owner and references; the caller sets the
 * state of its frames, here and before heap_give(). False when there is none. */
bool heap_take(unsigned order, unsigned address_bits, struct heap_block *block);
/* As heap_take, but leaves what other domains have claimed. */
bool heap_take_unclaimed(unsigned order, unsigned address_bits, struct heap_block *block);
void heap_give(const struct heap_block *block);

/*
 * A single frame, with nothing but data of the domain with that serial. The last of them that were
 * given are not put to their buddies, so that who gave one and soon wants one gets it back as it
 * is: neither flushed, since it was that domain's all the time, nor scrubbed. False: the last one
 * was somebody else's, or is claimed.
 */
void heap_give_again(mfn_t number, uint32_t serial);
bool heap_take_again(uint32_t serial, mfn_t *number, uint32_t *tlb_stamp);

/* Flush stale translations of the block, then zero it if it was used, unless by the domain with
 * that serial (0: whoever it was) and nobody else. */
void heap_clean(const struct heap_block *block, bool may_preempt, uint32_t serial);

uint64_t heap_free_count(void);
uint64_t heap_total_count(void);

/*
 * Frames claimed for a domain in advance (XENMEM_claim_pages), guarded by heap_lock too: replace
 * the claim `*claimed` by `wanted`; -XEN_ENOMEM if there is not so much free and unclaimed.
 */
int heap_claim(uint64_t *claimed, uint64_t wanted);
/* `count` frames of the claim were allocated (or the claim ends: count = all). */
void heap_claim_use(uint64_t *claimed, uint64_t count);
uint64_t heap_claimed_count(void);
