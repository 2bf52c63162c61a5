/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/leaf.h"

#include <stddef.h>

#include <xen/errno.h>

#include "hypervisor/debug.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/panic.h"

int leaf_update(uint64_t *place, uint64_t value, enum table_update_mode mode, uint64_t *expected,
                struct domain *owner, struct domain *frame_owner)
{
    const struct table_level *level = table_level_of(FRAME_TYPE_L1);
    uint64_t old = READ_ONCE(*place);
    bool same;

    if ((old & PTE_PRESENT) && (old & ENTRY_GRANT))
        return -XEN_EBUSY;
    int rc = entry_take(level, &value, old, owner, frame_owner, &same);
    if (rc)
        return rc;
    uint64_t seen = mode == TABLE_COMPARE ? *expected : old;
    bool written = entry_write(place, value, mode, &seen);
    if (!same)
        entry_put(level, written ? old : value);
    if (mode == TABLE_COMPARE)
        *expected = seen;
    return !written;
}

int leaf_store(uint64_t *place, uint64_t value, struct domain *owner, struct domain *frame_owner)
{
    struct frame *stray = NULL;
    uint64_t old;

    ASSERT(!debug_build || mutex_held(&owner->mmu_lock));
    if (frame_owner != owner || !leaf_store_short(place, &value, owner, &old, &stray)) {
        if (stray)
            frame_put_typed(stray);
        return leaf_update(place, value, TABLE_STORE, NULL, owner, frame_owner);
    }
    if ((old & PTE_PRESENT) && !leaf_put_again(old))
        entry_put(table_level_of(FRAME_TYPE_L1), old);
    return 0;
}
