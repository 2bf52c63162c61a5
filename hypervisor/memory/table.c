/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/table.h"

#include <xen/errno.h>

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
    for (unsigned slot = 0; slot < count; slot++) {
        if (entry_slot_reserved(level, slot))
            continue;
        uint64_t entry = entries[slot];
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

    for (unsigned slot = 0; slot < ENTRIES_PER_TABLE; slot++) {
        if (entry_slot_reserved(level, slot))
            continue;
        uint64_t entry = entry_adjust(level, entries[slot]);
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

/* Store the entry; the old one by `old`. False: TABLE_COMPARE failed. Only the processor changes
 * accessed and dirty bits meanwhile. */
static bool entry_write(struct table_update *update, uint64_t value, uint64_t *old)
{
    uint64_t *entry = &table_entries(update->table)[update->slot];
    uint64_t seen = __atomic_load_n(entry, __ATOMIC_RELAXED);

    if (update->mode == TABLE_STORE) {
        *old = __atomic_exchange_n(entry, value, __ATOMIC_SEQ_CST);
        return true;
    }
    if (update->mode == TABLE_COMPARE) {
        *old = update->expected;
        return __atomic_compare_exchange_n(entry, old, value, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    }
    while (!__atomic_compare_exchange_n(entry, &seen, value | (seen & (PTE_ACCESSED | PTE_DIRTY)),
                                        false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        ;
    *old = seen;
    return true;
}

static void note_mismatch(struct table_update *update, uint64_t seen)
{
    update->mismatch = true;
    update->expected = seen;
}

/* Whether a change from `old` to `new` leaves all references as they are. */
static bool same_references(const struct table_level *level, uint64_t old, uint64_t new)
{
    return (old & PTE_PRESENT) && (new &PTE_PRESENT) && !((old ^ new) & ~level->harmless);
}

static int apply_update(struct table_update *update, const struct table_level *level, uint64_t old)
{
    struct domain *owner = update->table->owner;
    uint64_t value = entry_adjust(level, update->value);
    bool same = same_references(level, old, value);
    int rc = same ? 0 : entry_get_checked(level, value, owner, update->frame_owner);

    if (rc)
        return rc;
    if (!entry_write(update, value, &old)) {
        note_mismatch(update, old);
        if (!same)
            entry_put(level, value);
        return 0;
    }
    if (!same) {
        entry_put(level, old);
        update->unlinked = level->type != FRAME_TYPE_L1 && (old & PTE_PRESENT);
    }
    return 0;
}

int table_update(struct table_update *update)
{
    enum frame_type type = frame_type_of(update->table);

    ASSERT(mutex_held(&update->table->owner->mmu_lock));
    update->mismatch = update->unlinked = false;
    if (!frame_type_is_table(type))
        return -XEN_EINVAL;
    const struct table_level *level = table_level_of(type);
    uint64_t old = READ_ONCE(table_entries(update->table)[update->slot]);
    if (entry_slot_reserved(level, update->slot)) {
        printk_refusal("d%u: slot %u is the hypervisor's\n", update->table->owner->id,
                       update->slot);
        return -XEN_EINVAL;
    }
    if (level->type != FRAME_TYPE_L1 && update->frame_owner != update->table->owner)
        return -XEN_EINVAL;
    if (level->type == FRAME_TYPE_L1 && (old & PTE_PRESENT) && (old & ENTRY_GRANT))
        return -XEN_EBUSY;
    if (!entry_flags_ok(level, update->value, update->table->owner))
        return -XEN_EINVAL;
    return apply_update(update, level, old);
}
