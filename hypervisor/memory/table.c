/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/table.h"

#include <stddef.h>

#include <xen/errno.h>

#include "hypervisor/debug.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/io/console.h"
#include "hypervisor/memory/entry.h"
#include "hypervisor/memory/map.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"

static uint64_t *table_entries(const struct frame *frame)
{
    return mfn_to_virtual(frame_to_mfn(frame));
}

static void put_entries(const struct table_level *level, uint64_t *entries, unsigned count)
{
    bool leaves = level->type == FRAME_TYPE_L1;

    for (unsigned slot = 0; slot < count; slot++) {
        uint64_t entry = READ_ONCE(entries[slot]);
        if (leaves && (!(entry & PTE_PRESENT) || (leaf_is_plain(entry) && leaf_put_again(entry))))
            continue;
        if (entry_slot_reserved(level, slot))
            continue;
        /* A mark that a guest may not set must not be there when the frame becomes writable. */
        if ((entry & PTE_PRESENT) && (entry & ENTRY_GRANT & level->disallowed))
            WRITE_ONCE(entries[slot], 0);
        entry_put(level, entry);
    }
}

/*
 * Nobody writes the frame meanwhile: it has the type already, without being valid, and the
 * processor does not walk it, for no entry names it.
 */
int table_validate(struct frame *frame, enum frame_type type)
{
    const struct table_level *level = table_level_of(type);
    uint64_t *entries = table_entries(frame);
    const struct domain *owner = frame->owner;
    bool leaves = type == FRAME_TYPE_L1;

    for (unsigned slot = 0; slot < ENTRIES_PER_TABLE; slot++) {
        uint64_t entry = READ_ONCE(entries[slot]);
        if (leaves &&
            (!(entry & PTE_PRESENT) || (leaf_is_plain(entry) && leaf_get_again(entry, owner))))
            continue;
        if (entry_slot_reserved(level, slot))
            continue;
        entry = entry_adjust(level, entry);
        int rc = entry_get(level, entry, frame->owner, frame->owner);
        if (rc) {
            printk_refusal("d%u: table %#lx of level %u: slot %u holds %#lx\n", frame->owner->id,
                           frame_to_mfn(frame).value, type - FRAME_TYPE_L1 + 1, slot,
                           entries[slot]);
            put_entries(level, entries, slot);
            return rc;
        }
        if (entry != entries[slot])
            WRITE_ONCE(entries[slot], entry);
    }
    if (level->reserved_count)
        map_install_slots(entries);
    preempt_point();
    return 0;
}

void table_invalidate(struct frame *frame, enum frame_type type)
{
    put_entries(table_level_of(type), table_entries(frame), ENTRIES_PER_TABLE);
    preempt_point();
}

/* Store the entry; what was there by `old`. False: TABLE_COMPARE failed. Only the processor changes
 * accessed and dirty bits meanwhile. */
static inline __attribute__((always_inline)) bool
entry_write(uint64_t *entry, uint64_t value, enum table_update_mode mode, uint64_t *old)
{
    switch (mode) {
    case TABLE_STORE:
        WRITE_ONCE(*entry, value);
        return true;
    case TABLE_COMPARE:
        return __atomic_compare_exchange_n(entry, old, value, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    default:
        while (!__atomic_compare_exchange_n(entry, old, value | (*old & (PTE_ACCESSED | PTE_DIRTY)),
                                            false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            ;
        return true;
    }
}

/* Whether a change from `old` to `new` leaves all references as they are. */
static bool same_references(const struct table_level *level, uint64_t old, uint64_t new)
{
    return (old & PTE_PRESENT) && (new &PTE_PRESENT) && !((old ^ new) & ~level->harmless);
}

/* The complete way: all checks of the value, which becomes what is stored, and its references. */
static int value_take(const struct table_level *level, uint64_t *value, uint64_t old,
                      struct domain *owner, struct domain *frame_owner, bool *same)
{
    if (!entry_flags_ok(level, *value, owner))
        return -XEN_EINVAL;
    *value = entry_adjust(level, *value);
    *same = same_references(level, old, *value);
    return *same ? 0 : entry_get_checked(level, *value, owner, frame_owner);
}

/* A level-1 entry, the complete way. 1: TABLE_COMPARE failed. */
static int leaf_update(uint64_t *place, uint64_t value, enum table_update_mode mode,
                       uint64_t *expected, struct domain *owner, struct domain *frame_owner)
{
    const struct table_level *level = table_level_of(FRAME_TYPE_L1);
    uint64_t old = READ_ONCE(*place);
    bool same;

    if ((old & PTE_PRESENT) && (old & ENTRY_GRANT))
        return -XEN_EBUSY;
    int rc = value_take(level, &value, old, owner, frame_owner, &same);
    if (rc)
        return rc;
    uint64_t seen = mode == TABLE_COMPARE ? *expected : old;
    bool written = entry_write(place, value, mode, &seen);
    if (!same)
        entry_put(level, written ? old : value);
    if (!written)
        *expected = seen;
    return !written;
}

/*
 * The short path is what a guest's kernel mostly does: an own frame that has other writable
 * mappings comes or goes, or flags change that concern no reference.
 */
int table_store_leaf(uint64_t *place, uint64_t wanted, struct domain *owner,
                     struct domain *frame_owner)
{
    uint64_t old = READ_ONCE(*place), value = leaf_for_ring3(wanted);

    ASSERT(!debug_build || mutex_held(&owner->mmu_lock));
    if (leaf_is_simple(old) && leaf_is_simple(value) && frame_owner == owner) {
        /* Both are plain or absent: what they can differ in is presence, frame and harmless flags.
         */
        if (((old ^ value) & (PTE_PRESENT | PTE_FRAME_MASK)) == 0) {
            WRITE_ONCE(*place, value);
            return 0;
        }
        if (!(value & PTE_PRESENT) || leaf_get_again(value, owner)) {
            WRITE_ONCE(*place, value);
            if ((old & PTE_PRESENT) && !leaf_put_again(old))
                entry_put(table_level_of(FRAME_TYPE_L1), old);
            return 0;
        }
    }
    return leaf_update(place, wanted, TABLE_STORE, NULL, owner, frame_owner);
}

static int upper_update(struct table_update *update, const struct table_level *level,
                        uint64_t *place)
{
    struct domain *owner = update->table->owner;
    uint64_t old = READ_ONCE(*place), value = update->value;
    bool same;

    if (entry_slot_reserved(level, update->slot)) {
        printk_refusal("d%u: slot %u is the hypervisor's\n", owner->id, update->slot);
        return -XEN_EINVAL;
    }
    if (update->frame_owner != owner)
        return -XEN_EINVAL;
    int rc = value_take(level, &value, old, owner, owner, &same);
    if (rc)
        return rc;
    uint64_t seen = update->mode == TABLE_COMPARE ? update->expected : old;
    bool written = entry_write(place, value, update->mode, &seen);
    if (!same)
        entry_put(level, written ? old : value);
    if (!written)
        update->expected = seen;
    update->unlinked = written && !same && (old & PTE_PRESENT);
    return !written;
}

int table_update(struct table_update *update)
{
    enum frame_type type = frame_type_of(update->table);
    struct domain *owner = update->table->owner;
    uint64_t *place = &table_entries(update->table)[update->slot];

    ASSERT(mutex_held(&owner->mmu_lock));
    update->mismatch = update->unlinked = false;
    if (!frame_type_is_table(type))
        return -XEN_EINVAL;
    int rc;
    if (type != FRAME_TYPE_L1)
        rc = upper_update(update, table_level_of(type), place);
    else if (update->mode == TABLE_STORE)
        rc = table_store_leaf(place, update->value, owner, update->frame_owner);
    else
        rc = leaf_update(place, update->value, update->mode, &update->expected, owner,
                         update->frame_owner);
    update->mismatch = rc == 1;
    return update->mismatch ? 0 : rc;
}
