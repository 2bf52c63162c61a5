/* SPDX-License-Identifier: MIT */
/*
 * Updates of level-1 entries by their place, which is an entry of a valid level-1 table of `owner`;
 * the owner's mmu_lock is held.
 *
 * leaf_update() is the complete way. Before it there is a short one, inline, for what a guest's
 * kernel mostly does: a plain entry comes or goes. That is one that is stored as it is and maps
 * an own frame writable, for kernel and user of the guest alike: no flag in it is forced, refused
 * or asks who the domain is. Nearly always the frame has other writable references, so that its
 * counts go up or down by one (frame_get_writable_again()). The short way does what the complete
 * one would do, or nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/memory/entry.h"
#include "hypervisor/memory/table.h"
#include "hypervisor/processor/cpu.h"

#define LEAF_PLAIN   (PTE_PRESENT | PTE_WRITABLE | PTE_USER)
#define LEAF_SPECIAL (LEAF_PLAIN | PTE_PWT | PTE_PCD | PTE_PAT | PTE_GLOBAL | ENTRY_GRANT)

static inline bool leaf_is_plain(uint64_t entry)
{
    return ((entry ^ LEAF_PLAIN) & LEAF_SPECIAL) == 0;
}

/* The references of a plain entry. False: the complete way is needed, nothing was done. */
static inline bool leaf_get_again(uint64_t entry, const struct domain *owner)
{
    struct frame *frame;

    return entry_frame(entry, &frame) && frame_get_writable_again(frame, owner);
}

static inline bool leaf_put_again(uint64_t entry)
{
    struct frame *frame;

    return entry_frame(entry, &frame) && frame_put_writable_again(frame);
}

/*
 * The short way to store a value, which is made one for ring 3. False: nothing was done, but for
 * `stray` (frame_try_writable_again()). What was there is in `old`: if it was present, its
 * references are still to be put, by leaf_put_again() or else entry_put().
 *
 * It is a plain store: under the lock only the processor changes the entry, and only its accessed
 * and dirty bits, which go. Where old and new name the same frame, its counts go up before they
 * come down again.
 */
static inline __attribute__((always_inline)) bool leaf_store_short(uint64_t *place, uint64_t *value,
                                                                   const struct domain *owner,
                                                                   uint64_t *old,
                                                                   struct frame **stray)
{
    struct frame *frame;
    bool present = true;

    *old = READ_ONCE(*place);
    if (!leaf_is_plain(*old) && (*old & PTE_PRESENT))
        return false;
    if (!leaf_is_plain(*value)) {
        *value = entry_for_ring3(*value);
        present = leaf_is_plain(*value);
        if (!present && (*value & PTE_PRESENT))
            return false;
    }
    if (present && (!entry_frame(*value, &frame) || !frame_try_writable_again(frame, owner, stray)))
        return false;
    WRITE_ONCE(*place, *value);
    return true;
}

/* Store a value (TABLE_STORE): the short way, else the complete one. Answers as leaf_update(). */
int leaf_store(uint64_t *place, uint64_t value, struct domain *owner, struct domain *frame_owner);

/*
 * The complete way: 0; 1: TABLE_COMPARE found something else than `expected`, which it has become;
 * the errors of table_update().
 */
int leaf_update(uint64_t *place, uint64_t value, enum table_update_mode mode, uint64_t *expected,
                struct domain *owner, struct domain *frame_owner);
