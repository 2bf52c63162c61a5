/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/table.h"

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/io/console.h"
#include "hypervisor/memory/known_table.h"
#include "hypervisor/memory/leaf.h"
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
    known_tables_forget_all(frame->owner);
    put_entries(table_level_of(type), table_entries(frame), ENTRIES_PER_TABLE);
    preempt_point();
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
    int rc = entry_take(level, &value, old, owner, owner, &same);
    if (rc)
        return rc;
    uint64_t seen = update->mode == TABLE_COMPARE ? update->expected : old;
    bool written = entry_write(place, value, update->mode, &seen);
    update->unlinked = written && !same && (old & PTE_PRESENT);
    if (update->unlinked)
        known_tables_forget_all(owner);
    if (!same)
        entry_put(level, written ? old : value);
    if (!written)
        update->expected = seen;
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
        rc = leaf_store(place, update->value, owner, update->frame_owner);
    else
        rc = leaf_update(place, update->value, update->mode, &update->expected, owner,
                         update->frame_owner);
    update->mismatch = rc == 1;
    return update->mismatch ? 0 : rc;
}
