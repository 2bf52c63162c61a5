/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/entry.h"

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/io/console.h"
#include "hypervisor/memory/device_memory.h"
#include "hypervisor/memory/leaf.h"
#include "hypervisor/panic.h"

#define CACHE_FLAGS    (PTE_PWT | PTE_PCD)
#define UPPER_REFUSED  (CACHE_FLAGS | PTE_LARGE | PTE_GLOBAL)
#define UPPER_HARMLESS (ENTRY_HARMLESS | PTE_WRITABLE)

/* clang-format off */
static const struct table_level levels[] = {
    /* type           child                refused        without devices        added
       harmless        hypervisor's slots */
    {FRAME_TYPE_L1, FRAME_TYPE_WRITABLE, ENTRY_GRANT, CACHE_FLAGS | PTE_PAT, 0,
     ENTRY_HARMLESS, 0, 0},
    {FRAME_TYPE_L2, FRAME_TYPE_L1, UPPER_REFUSED, 0, PTE_USER,
     UPPER_HARMLESS, 0, 0},
    {FRAME_TYPE_L3, FRAME_TYPE_L2, UPPER_REFUSED, 0, PTE_USER,
     UPPER_HARMLESS, 0, 0},
    {FRAME_TYPE_L4, FRAME_TYPE_L3, UPPER_REFUSED, 0, PTE_USER | PTE_ACCESSED,
     UPPER_HARMLESS, HYPERVISOR_SLOT_FIRST, HYPERVISOR_SLOT_COUNT},
};
/* clang-format on */

const struct table_level *table_level_of(enum frame_type type)
{
    ASSERT(frame_type_is_table(type));
    return &levels[type - FRAME_TYPE_L1];
}

bool entry_slot_reserved(const struct table_level *level, unsigned slot)
{
    return slot - level->reserved_first < level->reserved_count;
}

bool entry_flags_ok(const struct table_level *level, uint64_t entry, const struct domain *owner)
{
    uint64_t refused = level->disallowed;

    if (!owner->privileged)
        refused |= level->disallowed_caches;
    if (!(entry & PTE_PRESENT) || !(entry & refused))
        return true;
    printk_refusal("d%u: flags %#lx in an entry of level %u\n", owner->id, entry & refused,
                   level->type - FRAME_TYPE_L1 + 1);
    return false;
}

uint64_t entry_adjust(const struct table_level *level, uint64_t entry)
{
    if (!(entry & PTE_PRESENT))
        return entry;
    if (level->type != FRAME_TYPE_L1)
        return entry | level->added;
    entry = entry_for_ring3(entry);
    /* Taken silently, as Xen does: Linux maps all registers writable, also those it only reads. */
    if (device_memory_read_only(entry_mfn(entry)))
        entry &= ~PTE_WRITABLE;
    /* Else a translation would outlive the CR3 load that ends a domain's turn on a processor. */
    return entry & ~PTE_GLOBAL;
}

/* Device memory has no owner and no count: who may have it may have all of it. */
static __attribute__((noinline)) int device_get(uint64_t entry, const struct domain *table_owner,
                                                const struct domain *frame_owner)
{
    mfn_t number = entry_mfn(entry);

    if (!device_memory_exists(number))
        return -XEN_EINVAL;
    if (frame_owner == &domain_io)
        frame_owner = table_owner;
    if (!frame_owner->privileged || !table_owner->privileged || !device_memory_allowed(number) ||
        ((entry & PTE_WRITABLE) && device_memory_read_only(number))) {
        printk_refusal("d%u: no right to device frame %#lx\n", table_owner->id, number.value);
        return -XEN_EPERM;
    }
    return 0;
}

/* Level 1: any frame of frame_owner; only a frame that is no table may be writable. */
static int leaf_get(uint64_t entry, struct domain *table_owner, struct domain *frame_owner)
{
    if (frame_owner == table_owner && leaf_is_plain(entry) && leaf_get_again(entry, frame_owner))
        return 0;
    if (!mfn_is_ram(entry_mfn(entry)))
        return device_get(entry, table_owner, frame_owner);
    struct frame *frame = mfn_to_frame(entry_mfn(entry));
    if (!frame_get(frame, frame_owner)) {
        printk_refusal("d%u: frame %#lx is not of d%u\n", table_owner->id, entry_mfn(entry).value,
                       frame_owner->id);
        return -XEN_EBUSY;
    }
    if (!(entry & PTE_WRITABLE))
        return 0;
    if ((frame->flags & FRAME_FLAG_READ_ONLY) || frame_type_get(frame, FRAME_TYPE_WRITABLE)) {
        frame_put(frame);
        return -XEN_EBUSY;
    }
    if (frame_owner != table_owner)
        frame_mark_foreign(frame);
    return 0;
}

int entry_get_checked(const struct table_level *level, uint64_t entry, struct domain *table_owner,
                      struct domain *frame_owner)
{
    if (!(entry & PTE_PRESENT))
        return 0;
    if (level->type == FRAME_TYPE_L1)
        return leaf_get(entry, table_owner, frame_owner);
    if (frame_owner != table_owner || !mfn_is_ram(entry_mfn(entry)))
        return -XEN_EINVAL;
    return frame_get_typed(mfn_to_frame(entry_mfn(entry)), table_owner, level->child);
}

int entry_get(const struct table_level *level, uint64_t entry, struct domain *table_owner,
              struct domain *frame_owner)
{
    if (!entry_flags_ok(level, entry, table_owner))
        return -XEN_EINVAL;
    return entry_get_checked(level, entry, table_owner, frame_owner);
}

void entry_put(const struct table_level *level, uint64_t entry)
{
    if (level->type == FRAME_TYPE_L1 && leaf_is_plain(entry) && leaf_put_again(entry))
        return;
    if (!(entry & PTE_PRESENT) || !mfn_is_ram(entry_mfn(entry)))
        return;
    struct frame *frame = mfn_to_frame(entry_mfn(entry));
    if (level->type != FRAME_TYPE_L1) {
        frame_put_typed(frame);
    } else if (!(entry & ENTRY_GRANT)) {
        if (entry & PTE_WRITABLE)
            frame_type_put(frame);
        frame_put(frame);
    }
}

bool entry_write(uint64_t *place, uint64_t value, enum table_update_mode mode, uint64_t *old)
{
    if (mode == TABLE_STORE) {
        WRITE_ONCE(*place, value);
        return true;
    }
    if (mode == TABLE_COMPARE)
        return __atomic_compare_exchange_n(place, old, value, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(place, old, value | (*old & (PTE_ACCESSED | PTE_DIRTY)),
                                        false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        ;
    return true;
}

/* Whether a change from `old` to `new` leaves all references as they are. */
static bool same_references(const struct table_level *level, uint64_t old, uint64_t new)
{
    return (old & PTE_PRESENT) && (new &PTE_PRESENT) && !((old ^ new) & ~level->harmless);
}

int entry_take(const struct table_level *level, uint64_t *value, uint64_t old, struct domain *owner,
               struct domain *frame_owner, bool *same)
{
    if (!entry_flags_ok(level, *value, owner))
        return -XEN_EINVAL;
    *value = entry_adjust(level, *value);
    *same = same_references(level, old, *value);
    return *same ? 0 : entry_get_checked(level, *value, owner, frame_owner);
}
