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
 * Validation of a table happens under its owner's mmu_lock; writable references come and go without
 * a lock (compare-and-swap of type_word).
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
};

/* Reference plus type reference. 0, -XEN_EINVAL (wrong type or contents), -XEN_EPERM (not the
 * owner's), -XEN_EBUSY. */
int frame_get_typed(struct frame *frame, struct domain *owner, enum frame_type type);
void frame_put_typed(struct frame *frame);
/* Only the type reference. */
int frame_type_get(struct frame *frame, enum frame_type type);
void frame_type_put(struct frame *frame);
enum frame_type frame_type_of(const struct frame *frame);
