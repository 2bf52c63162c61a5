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
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/memory/frame.h"

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
