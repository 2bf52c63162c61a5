/* SPDX-License-Identifier: MIT */
/*
 * Machine frames: the table of descriptors, who owns each frame, and the allocator.
 *
 * Owns struct frame. Lists and the free counts are under the heap lock; a domain's list of frames
 * and its counts under domain->frame_lock. Reference and type counts are atomic words, changed
 * only by memory/frame.c (references) and memory/type.c (types).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hypervisor/memory/mfn.h"

struct domain;

enum frame_state {
    FRAME_STATE_UNUSABLE,
    FRAME_STATE_FREE,
    FRAME_STATE_HYPERVISOR,
    FRAME_STATE_DOMAIN,
    FRAME_STATE_SHARED
};

/* Exactly 32 bytes; MEMORY's layout of the words is in frame.c and type.h. */
struct frame {
    struct domain *owner;     /* NULL: free or the hypervisor's own */
    uint32_t next, previous;  /* neighbours in a list, by frame number; 0 = end */
    uint32_t reference_count; /* 0 = free; the allocation itself is one reference */
    uint32_t tlb_stamp;
    uint32_t type_word; /* type, validated, pinned and count: memory/type.h */
    uint8_t state;      /* enum frame_state */
    uint8_t order;      /* of a free block */
    uint16_t flags;
};

#define frame_table ((struct frame *)FRAME_TABLE_VIRT)

static inline mfn_t frame_to_mfn(const struct frame *frame)
{
    return mfn((uint64_t)(frame - frame_table));
}

bool mfn_is_ram(mfn_t frame);            /* has a descriptor and is usable RAM */
struct frame *mfn_to_frame(mfn_t frame); /* only after mfn_is_ram() */

/* A usable RAM range for the allocator, at start-up. */
void frame_add_range(mfn_t start, mfn_t end);
/* Highest RAM frame + 1. */
uint64_t frame_count_max(void);
uint64_t frame_free_count(void);
uint64_t frame_total_count(void);

/* 2^order contiguous frames for the hypervisor; zeroed; NULL when none. In the direct map. */
void *frame_allocate_hypervisor(unsigned order);
void frame_free_hypervisor(void *address, unsigned order);

/*
 * 2^order contiguous frames for a domain, below 2^address_bits (0 = anywhere), scrubbed, put on its
 * list, counted against max_frames. 0 or -XEN_ENOMEM (machine or domain limit), -XEN_EINVAL
 * (dying).
 */
int frame_allocate_domain(struct domain *domain, unsigned order, unsigned address_bits,
                          mfn_t *first);

/* Take a reference if the frame is owned by `domain`. The last put frees (scrubs later, before
 * reuse). */
bool frame_get(struct frame *frame, struct domain *domain);
void frame_put(struct frame *frame);
