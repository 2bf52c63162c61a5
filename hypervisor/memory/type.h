/* SPDX-License-Identifier: MIT */
/*
 * Page types: the isolation proof. Only type.c changes struct frame.type_word.
 *
 * Invariants: (1) a frame of a table or descriptor type has no writable mapping anywhere; (2) every
 * present entry of a valid table holds a reference, and a type reference where it grants access;
 * (3) a frame is freed only at zero references; (4) no processor keeps a stale writable
 * translation of a frame whose type changed; (5) hypervisor slots are identical in every level-4
 * table.
 *
 * A frame has one type at a time; the type may change only while its count is zero, as the
 * transition table in type.c says. Whoever takes the count from zero, or gives the last one back,
 * owns the frame while TYPE_WORD_VALIDATED is clear: others wait for the bit.
 *
 * Table types (L1 to L4) are got and put under the mmu_lock of the frame's owner, with no spinlock
 * held; both may pass preempt points. Writable and descriptor references need no lock.
 *
 * Nearly every change is one more, or one less, of several writable references. For it there are
 * short paths, inline at the end of this header: reference and type reference by one
 * compare-and-swap of the two words that lie side by side. They answer false, and have done
 * nothing, when it is not so; type.c decides then.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hypervisor/memory/frame.h"
#include "hypervisor/processor/cpu.h"

struct domain;

enum frame_type {
    FRAME_TYPE_NONE,
    FRAME_TYPE_WRITABLE,
    FRAME_TYPE_L1,
    FRAME_TYPE_L2,
    FRAME_TYPE_L3,
    FRAME_TYPE_L4,
    FRAME_TYPE_DESCRIPTOR, /* GDT or LDT page, every descriptor checked */
    FRAME_TYPE_COUNT
};

/* struct frame.type_word */
#define TYPE_WORD_COUNT      0x07ffffffU
#define TYPE_WORD_TYPE_SHIFT 27
#define TYPE_WORD_TYPE       (7U << TYPE_WORD_TYPE_SHIFT)
#define TYPE_WORD_VALIDATED  (1U << 30)
#define TYPE_WORD_PINNED     (1U << 31)
/* What a frame shared by the hypervisor holds for ever. */
#define TYPE_WORD_SHARED \
    ((uint32_t)FRAME_TYPE_WRITABLE << TYPE_WORD_TYPE_SHIFT | TYPE_WORD_VALIDATED | 1)

/* No reference now, but one before to the writable type, which TLBs may still know. */
#define TYPE_WORD_WAS_WRITABLE ((uint32_t)FRAME_TYPE_WRITABLE << TYPE_WORD_TYPE_SHIFT)

static inline bool frame_type_is_table(enum frame_type type)
{
    return type >= FRAME_TYPE_L1 && type <= FRAME_TYPE_L4;
}

/* The type the frame has now, with a count above zero; FRAME_TYPE_NONE otherwise. It may change at
 * once, unless the caller holds a type reference, or the mmu_lock and it is a table type. */
enum frame_type frame_type_of(const struct frame *frame);
bool frame_is_pinned(const struct frame *frame);

/*
 * Take a type reference; the caller holds a reference. 0, or -XEN_EINVAL (the frame is of another
 * type, or a table's or descriptor page's contents are refused), -XEN_EBUSY (count at its limit),
 * -XEN_EPERM and others from an entry of the table.
 */
int frame_type_get(struct frame *frame, enum frame_type type);
void frame_type_put(struct frame *frame);

/* Reference plus type reference; -XEN_EINVAL also if the frame is not the owner's. */
int frame_get_typed(struct frame *frame, struct domain *owner, enum frame_type type);
void frame_put_typed(struct frame *frame);

/*
 * Pin: reference and type reference held by the frame itself. -XEN_EINVAL if it is pinned already
 * or was released, or from frame_get_typed. Unpin: -XEN_EINVAL if it is not pinned. The owner's
 * mmu_lock is held.
 */
int frame_pin(struct frame *frame, struct domain *owner, enum frame_type type);
int frame_unpin(struct frame *frame);

/* ---- the short paths ---- */

typedef uint64_t __attribute__((may_alias)) frame_counts_t;

#define COUNTS_ONE_EACH ((uint64_t)1 << 32 | 1)
/* Of a frame that is writable and has one reference of each kind. */
#define COUNTS_FIRST ((uint64_t)TYPE_WORD_SHARED << 32 | 1)
/* Bits that are clear in the counts beyond these, if they are those of a writable frame, and far
 * from the limits. */
#define COUNTS_FAR ((uint64_t) ~(TYPE_WORD_COUNT >> 1) << 32 | ~(FRAME_REFERENCES_MAX >> 1))

static inline frame_counts_t *frame_counts(const struct frame *frame)
{
    return (frame_counts_t *)((uintptr_t)frame + offsetof(struct frame, reference_count));
}

static inline bool frame_counts_exchange(const struct frame *frame, uint64_t seen, uint64_t wanted)
{
    return exchange_if(frame_counts(frame), seen, wanted);
}

/*
 * Whether these are the counts of a writable frame that has `least` references of each kind, or
 * more: one comparison, as a word that holds less, or another type, gives a difference with high
 * bits. Only tables are ever pinned.
 */
static inline bool frame_counts_are_writable(uint64_t seen, uint64_t least)
{
    return !((seen - COUNTS_FIRST - (least - 1) * COUNTS_ONE_EACH) & COUNTS_FAR);
}

/*
 * One more writable reference of the owner's frame, which has one already. Frames with
 * FRAME_FLAG_READ_ONLY never have one. If it became somebody else's meanwhile, it is `stray`: the
 * reference is still to be put (frame_put_typed()); else that stays as it is.
 */
static inline __attribute__((always_inline)) bool
frame_try_writable_again(struct frame *frame, const struct domain *owner, struct frame **stray)
{
    /* The owner is looked at before and after, as in frame_get(). */
    if (!frame_is_owned_by(frame, owner))
        return false;
    uint64_t seen = __atomic_load_n(frame_counts(frame), __ATOMIC_ACQUIRE);
    /* Without a reference it is being given to somebody, or taken away: a shared one has its type.
     */
    if (!frame_counts_are_writable(seen, 1) ||
        !frame_counts_exchange(frame, seen, seen + COUNTS_ONE_EACH))
        return false;
    if (frame_is_owned_by(frame, owner))
        return true;
    *stray = frame;
    return false;
}

static inline bool frame_get_writable_again(struct frame *frame, const struct domain *owner)
{
    struct frame *stray = NULL;

    if (frame_try_writable_again(frame, owner, &stray))
        return true;
    if (stray)
        frame_put_typed(stray);
    return false;
}

/* One less, of several; a frame that was shared may have more types than references. */
static inline bool frame_put_writable_again(struct frame *frame)
{
    uint64_t seen = __atomic_load_n(frame_counts(frame), __ATOMIC_ACQUIRE);

    return frame_counts_are_writable(seen, 2) &&
           frame_counts_exchange(frame, seen, seen - COUNTS_ONE_EACH);
}
