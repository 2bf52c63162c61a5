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

/* Plain, or nothing. */
static inline bool leaf_is_simple(uint64_t entry)
{
    return leaf_is_plain(entry) || !(entry & PTE_PRESENT);
}

/* The references of a plain entry. False: the complete way is needed, nothing was done. */
static inline bool leaf_get_again(uint64_t entry, const struct domain *owner)
{
    mfn_t number = entry_mfn(entry);

    return number.value < frame_count_max() &&
           frame_get_writable_again(mfn_to_frame(number), owner);
}

static inline bool leaf_put_again(uint64_t entry)
{
    mfn_t number = entry_mfn(entry);

    return number.value < frame_count_max() && frame_put_writable_again(mfn_to_frame(number));
}

/*
 * The short way to store a value. False: nothing was done. `left` is 0, or the old entry, whose
 * references are still to be put (entry_put()).
 *
 * It is a plain store: under the lock only the processor changes the entry, and only its accessed
 * and dirty bits, which go.
 */
static inline __attribute__((always_inline)) bool
leaf_store_short(uint64_t *place, uint64_t wanted, const struct domain *owner, uint64_t *left)
{
    uint64_t old = READ_ONCE(*place), value = entry_for_ring3(wanted);

    *left = 0;
    if (!leaf_is_simple(old) || !leaf_is_simple(value))
        return false;
    /* What they can differ in is presence, frame and flags that concern no reference. */
    bool same = ((old ^ value) & (PTE_PRESENT | PTE_FRAME_MASK)) == 0;
    if (!same && (value & PTE_PRESENT) && !leaf_get_again(value, owner))
        return false;
    WRITE_ONCE(*place, value);
    if (!same && (old & PTE_PRESENT) && !leaf_put_again(old))
        *left = old;
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
