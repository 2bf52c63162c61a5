/* SPDX-License-Identifier: MIT */
/*
 * Machine frames: the table of descriptors, and who owns each frame.
 *
 * Owns struct frame. A frame that is free is on a list of the allocator (memory/heap.c, under its
 * lock). One that belongs to a domain is on the domain's list under domain->frame_lock, until it is
 * released; it stays the domain's ("outstanding") until its last reference goes, which frees it.
 *
 * reference_count and flags are changed by atomic operations of this module alone; type_word and
 * tlb_stamp of a domain's frame by memory/type.c alone. A holder of a reference may rely on owner
 * and state not to change.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hypervisor/memory/mfn.h"

struct domain;

enum frame_state {
    FRAME_STATE_UNUSABLE,   /* not RAM, or not ours to give away */
    FRAME_STATE_FREE,       /* part of a free block              */
    FRAME_STATE_HYPERVISOR, /* the hypervisor's own              */
    FRAME_STATE_DOMAIN,     /* a domain's memory                 */
    FRAME_STATE_SHARED      /* the hypervisor's, mapped by a domain (shared info, grant table) */
};

enum frame_flag {
    FRAME_FLAG_ALLOCATED = 1 << 0,  /* the owner's own reference is still there             */
    FRAME_FLAG_FOREIGN = 1 << 1,    /* another domain may have mapped it since the last flush */
    FRAME_FLAG_BLOCK = 1 << 2,      /* first frame of a free block                          */
    FRAME_FLAG_UNSCRUBBED = 1 << 3, /* free block that may hold somebody's data             */
    FRAME_FLAG_READ_ONLY = 1 << 4,  /* shared frame that no domain may map writable         */
};

struct frame {
    struct domain *owner;     /* NULL: free or the hypervisor's own */
    uint32_t next, previous;  /* neighbours in a list, by frame number; 0 = end */
    uint32_t reference_count; /* 0 = free; the allocation itself is one reference */
    uint32_t type_word;       /* type, validated, pinned and count: memory/type.h; of a free block
                                 whose data it holds: memory/heap.h */
    uint32_t tlb_stamp;       /* tlb_clock() when a type, or the frame, was given up */
    uint8_t state;            /* enum frame_state */
    uint8_t order;            /* of a free block */
    uint16_t flags;           /* enum frame_flag */
};
_Static_assert(sizeof(struct frame) == 32, "the frame table has 32 bytes a frame");
_Static_assert(offsetof(struct frame, reference_count) % 8 == 0 &&
                   offsetof(struct frame, type_word) == offsetof(struct frame, reference_count) + 4,
               "one compare-and-swap changes both (memory/type.h)");

#define FRAME_ORDER_MAX      18
#define FRAME_REFERENCES_MAX 0x7fffffffU

#define frame_table ((struct frame *)frame_table_base)
/* Bytes of it; start-up. */
extern uint64_t frame_table_size;

static inline mfn_t frame_to_mfn(const struct frame *frame)
{
    return mfn((uint64_t)(frame - frame_table));
}

bool mfn_is_ram(mfn_t frame);            /* has a descriptor and is usable RAM */
struct frame *mfn_to_frame(mfn_t frame); /* only after mfn_is_ram() */

/* A usable RAM range for the allocator, at start-up. */
void frame_add_range(mfn_t start, mfn_t end);
/* RAM goes up to here, whether given to the allocator or not; start-up. */
void frame_set_end(mfn_t end);
/* Highest RAM frame + 1. The frame table is mapped from frame 0 up to here, without a gap. */
static inline uint64_t frame_count_max(void);
uint64_t frame_free_count(void);
uint64_t frame_total_count(void);

/* 2^order contiguous frames for the hypervisor; zeroed; NULL when none. In the direct map. */
void *frame_allocate_hypervisor(unsigned order);
void frame_free_hypervisor(void *address, unsigned order);

/*
 * 2^order contiguous frames for a domain, below 2^address_bits (0 = anywhere), scrubbed, put on its
 * list, counted against its limit. 0 or -XEN_ENOMEM (machine or domain limit), -XEN_EINVAL
 * (dying). Passes preempt points.
 */
int frame_allocate_domain(struct domain *domain, unsigned order, unsigned address_bits,
                          mfn_t *first);
/*
 * The same for the first domain at start-up, with what the memory held when the machine was
 * started: no domain has had it yet.
 */
int frame_allocate_first_domain(struct domain *domain, unsigned order, mfn_t *first);
/*
 * A zeroed frame of the hypervisor that the domain may map (FRAME_STATE_SHARED): it keeps a
 * writable type for ever, so that it never becomes a table. 0 or -XEN_ENOMEM.
 */
int frame_allocate_shared(struct domain *domain, mfn_t *result);
/*
 * The owner gives the frame up (its own reference, once). False: it had done so before. A pinned
 * frame must not be released, for nobody would find it again to unpin it; who looks holds the
 * owner's mmu_lock.
 */
bool frame_release(struct frame *frame);
/* The same for the caller's reference as well, if it answers true. */
bool frame_release_and_put(struct frame *frame);

/* Take a reference if the frame is owned by `domain`. The last put frees (scrubs later, before
 * reuse). */
static inline bool frame_get(struct frame *frame, struct domain *domain);
/* The same by number, NULL if it is no RAM or not the domain's. */
struct frame *frame_get_by_mfn(mfn_t number, struct domain *domain);
/* Whoever the owner is: which it is, with a reference; NULL if the frame has none. */
struct domain *frame_get_owner(struct frame *frame);
static inline void frame_put(struct frame *frame);
/* Remember that a domain other than the owner maps it. */
void frame_mark_foreign(struct frame *frame);

/*
 * Take a frame away from its owner, who holds the only reference beside the caller's; it belongs to
 * nobody then, with its contents. 0 or -XEN_EINVAL. Give it to a domain (frame_assign: 0,
 * -XEN_ENOMEM beyond the limit, -XEN_EINVAL dying) or back to the machine (frame_discard).
 */
int frame_steal(struct frame *frame, struct domain *domain);
int frame_assign(struct frame *frame, struct domain *domain);
void frame_discard(struct frame *frame);

/* Some frame of the domain's list, with a reference; NULL: the list is empty. */
struct frame *frame_list_get(struct domain *domain);

static inline uint64_t frame_count_max(void)
{
    return frame_table_size / sizeof(struct frame);
}

/* At this moment: another processor may be changing it. */
static inline bool frame_is_owned_by(const struct frame *frame, const struct domain *domain)
{
    bool owned;

    /* A comparison with memory, for which C has no atomic word. */
    asm volatile("cmp %[domain], %[owner]"
                 : "=@cce"(owned)
                 : [owner] "m"(frame->owner), [domain] "r"(domain)
                 : "memory");
    return __builtin_expect(owned, 1);
}

/* What is left of the two when it is not just one more, or one less. */
bool frame_get_rare(struct frame *frame, struct domain *domain);
void frame_put_rare(struct frame *frame, uint32_t before);

static inline bool frame_get(struct frame *frame, struct domain *domain)
{
    /*
     * Looked at first, so that nobody holds another domain's frame even for a moment: giving it
     * back could end that domain, here, under the caller's locks.
     */
    if (!frame_is_owned_by(frame, domain))
        return false;
    uint32_t count = __atomic_load_n(&frame->reference_count, __ATOMIC_RELAXED);
    if (count - 1 >= FRAME_REFERENCES_MAX - 1 ||
        !__atomic_compare_exchange_n(&frame->reference_count, &count, count + 1, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        return frame_get_rare(frame, domain);
    if (frame_is_owned_by(frame, domain))
        return true;
    frame_put(frame);
    return false;
}

static inline void frame_put(struct frame *frame)
{
    uint32_t before = __atomic_fetch_sub(&frame->reference_count, 1, __ATOMIC_SEQ_CST);

    if (__builtin_expect(before <= 1, 0))
        frame_put_rare(frame, before);
}
