/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/grant_table.h"

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/grant.h"
#include "hypervisor/memory/grant_pin.h"
#include "hypervisor/processor/cpu.h"

/* A guest that changes an entry as fast as we read it is told so after that many tries. */
#define STATUS_TRIES 5

_Static_assert(sizeof(struct grant_table) <= PAGE_SIZE, "a table's head is one page");
_Static_assert(sizeof(struct grant_active) == 16, "");
_Static_assert(sizeof(struct grant_mapping) == 16, "");

static uint32_t smaller(uint32_t left, uint32_t right)
{
    return left < right ? left : right;
}

int grant_table_create(struct domain *domain, uint32_t max_frames, uint32_t max_maptrack_frames)
{
    struct grant_table *table = frame_allocate_hypervisor(0);

    if (!table)
        return -XEN_ENOMEM;
    spinlock_init(&table->lock, LOCK_LEVEL_GRANT);
    table->frame_limit = smaller(max_frames, GRANT_FRAMES_MAX);
    table->mapping_limit = smaller(max_maptrack_frames, MAPPING_PAGES_MAX) * MAPPINGS_PER_PAGE;
    domain->grants = table;
    return 0;
}

void grant_table_set_limits(struct domain *domain, int32_t max_frames, int32_t max_maptrack_frames)
{
    struct grant_table *table = domain->grants;

    if (max_frames >= 0)
        table->frame_limit = smaller((uint32_t)max_frames, GRANT_FRAMES_MAX);
    if (max_maptrack_frames >= 0)
        table->mapping_limit =
            smaller((uint32_t)max_maptrack_frames, MAPPING_PAGES_MAX) * MAPPINGS_PER_PAGE;
}

void grant_table_release(struct domain *domain)
{
    struct grant_table *table = domain->grants;

    spin_lock(&table->lock);
    table->released = true;
    spin_unlock(&table->lock);
    for (unsigned i = 0; i < table->frame_count; i++) {
        /* Under the lock: who unpins at this moment still clears a flag in there. */
        spin_lock(&table->lock);
        mfn_t frame = virtual_to_mfn(table->shared[i]);
        table->shared[i] = NULL;
        spin_unlock(&table->lock);
        frame_release(mfn_to_frame(frame));
    }
}

void grant_table_free(struct domain *domain)
{
    struct grant_table *table = domain->grants;

    if (!table)
        return;
    for (unsigned i = 0; i < GRANT_ACTIVE_PAGES; i++)
        if (table->active[i])
            frame_free_hypervisor(table->active[i], 0);
    for (unsigned i = 0; i < MAPPING_PAGES_MAX; i++)
        if (table->mappings[i])
            frame_free_hypervisor(table->mappings[i], 0);
    frame_free_hypervisor(table, 0);
    domain->grants = NULL;
}

/* The active entries of one more shared frame; pages that are there already are kept. */
static int active_grow(struct grant_table *table)
{
    unsigned per_frame = GRANT_ENTRIES_PER_FRAME / GRANT_ACTIVES_PER_PAGE;
    unsigned first = table->frame_count * per_frame;

    for (unsigned page = first; page < first + per_frame; page++) {
        if (table->active[page])
            continue;
        table->active[page] = frame_allocate_hypervisor(0);
        if (!table->active[page])
            return -XEN_ENOMEM;
    }
    return 0;
}

static int grow_locked(struct domain *domain, struct grant_table *table, uint32_t count)
{
    if (table->released || count > table->frame_limit)
        return -XEN_EINVAL;
    while (table->frame_count < count) {
        mfn_t frame;
        int status = active_grow(table);
        if (!status)
            status = frame_allocate_shared(domain, &frame);
        if (status)
            return status;
        table->shared[table->frame_count++] = mfn_to_virtual(frame);
    }
    return 0;
}

int grant_table_grow(struct domain *domain, uint32_t count)
{
    spin_lock(&domain->grants->lock);
    int status = grow_locked(domain, domain->grants, count);
    spin_unlock(&domain->grants->lock);
    return status;
}

int grant_table_frame(struct domain *domain, unsigned index, mfn_t *frame)
{
    if (index >= GRANT_FRAMES_MAX)
        return -XEN_EINVAL;
    spin_lock(&domain->grants->lock);
    int status = grow_locked(domain, domain->grants, index + 1);
    if (!status)
        *frame = virtual_to_mfn(domain->grants->shared[index]);
    spin_unlock(&domain->grants->lock);
    return status;
}

struct grant_entry_v1 *grant_entry_at(struct grant_table *table, grant_ref_t ref)
{
    uint32_t frame = ref / GRANT_ENTRIES_PER_FRAME;

    if (frame >= table->frame_count || !table->shared[frame])
        return NULL;
    return &table->shared[frame][ref % GRANT_ENTRIES_PER_FRAME];
}

struct grant_active *grant_active_at(struct grant_table *table, grant_ref_t ref)
{
    if (ref / GRANT_ENTRIES_PER_FRAME >= table->frame_count)
        return NULL;
    return grant_active_of(table, ref);
}

int16_t grant_status_set_again(struct grant_entry_v1 *entry, domid_t user, bool readonly,
                               uint32_t *frame)
{
    int16_t status = GNTST_eagain;

    for (unsigned i = 1; i < STATUS_TRIES && status == GNTST_eagain; i++)
        status = grant_status_try(entry, user, readonly, frame);
    return status == GNTST_eagain ? GNTST_general_error : status;
}

static inline bool reference_get(struct frame *frame, struct domain *owner, bool readonly)
{
    return readonly ? frame_get(frame, owner)
                    : frame_get_typed(frame, owner, FRAME_TYPE_WRITABLE) == 0;
}

static inline void reference_put(struct frame *frame, bool readonly)
{
    if (readonly)
        frame_put(frame);
    else
        frame_put_typed(frame);
}

/* One for each kind. */
static bool references_get(struct frame *frame, struct domain *owner, unsigned kinds, bool readonly)
{
    if (!reference_get(frame, owner, readonly))
        return false;
    if (!(kinds & (kinds - 1)) || reference_get(frame, owner, readonly))
        return true;
    reference_put(frame, readonly);
    return false;
}

__attribute__((noinline)) int16_t grant_pin(struct domain *granter, grant_ref_t ref,
                                            const struct domain *user, unsigned kinds,
                                            bool readonly, struct frame **frame)
{
    struct grant_table *table = granter->grants;
    struct grant_place place;

    spin_take(&table->lock);
    int16_t status = grant_prepare_locked(table, ref, user->id, readonly, &place);
    if (status == GNTST_okay) {
        *frame = &frame_table[place.frame];
        if (place.frame < frame_count_max() && references_get(*frame, granter, kinds, readonly)) {
            grant_pins_add(place.active, kinds, readonly, 1);
        } else {
            grant_status_clear(table, ref, place.active, false);
            status = GNTST_general_error;
        }
    }
    spin_give(&table->lock);
    return status;
}

void grant_unpin(struct domain *granter, grant_ref_t ref, unsigned kinds, bool readonly,
                 struct frame *frame)
{
    struct grant_table *table = granter->grants;
    struct grant_active *active = grant_active_of(table, ref);

    spin_take(&table->lock);
    grant_pins_add(active, kinds, readonly, (uint16_t)-1);
    grant_status_clear(table, ref, active, readonly);
    spin_give(&table->lock);
    for (; kinds; kinds &= kinds - 1)
        reference_put(frame, readonly);
}

/* A handle that there was not yet, on the list of free ones. */
static __attribute__((noinline)) bool handle_make_locked(struct grant_table *table)
{
    uint32_t number = table->mapping_count, page = number / MAPPINGS_PER_PAGE;

    if (number >= table->mapping_limit)
        return false;
    if (!table->mappings[page])
        table->mappings[page] = frame_allocate_hypervisor(0);
    if (!table->mappings[page])
        return false;
    table->mappings[page][number % MAPPINGS_PER_PAGE].next = table->mapping_free;
    table->mapping_free = number + 1;
    __atomic_store_n(&table->mapping_count, number + 1, __ATOMIC_RELEASE);
    return true;
}

struct grant_mapping *grant_handle_allocate(struct domain *domain, grant_handle_t *handle)
{
    struct grant_table *table = domain->grants;
    struct grant_mapping *mapping = NULL;

    spin_take(&table->lock);
    if (table->mapping_free || handle_make_locked(table)) {
        uint32_t number = table->mapping_free - 1;
        *handle = number;
        mapping = &table->mappings[number / MAPPINGS_PER_PAGE][number % MAPPINGS_PER_PAGE];
        table->mapping_free = mapping->next;
        mapping->flags = MAPPING_RESERVED;
    }
    spin_give(&table->lock);
    return mapping;
}

void grant_handle_free(struct grant_table *table, struct grant_mapping *mapping,
                       grant_handle_t handle)
{
    spin_take(&table->lock);
    mapping->next = table->mapping_free;
    table->mapping_free = handle + 1;
    WRITE_ONCE(mapping->flags, 0);
    spin_give(&table->lock);
}
