/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/grant_table.h"

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/grant.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/cpu.h"

/* A guest that changes an entry as fast as we read it is told so after that many tries. */
#define STATUS_TRIES 5

_Static_assert(sizeof(struct grant_table) <= PAGE_SIZE, "a table's head is one page");
_Static_assert(sizeof(struct grant_active) == 16, "");
_Static_assert(sizeof(struct grant_mapping) == 16, "");

/* A shared entry as it is read: all at once. */
union grant_word {
    uint64_t word;
    struct grant_entry_v1 entry;
};
_Static_assert(sizeof(union grant_word) == sizeof(uint64_t), "");

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
    return &table->active[ref / GRANT_ACTIVES_PER_PAGE][ref % GRANT_ACTIVES_PER_PAGE];
}

static bool has_writers(const struct grant_active *active)
{
    return active->writers[GRANT_HOST] | active->writers[GRANT_DEVICE];
}

bool grant_is_pinned(const struct grant_active *active)
{
    return active->readers[GRANT_HOST] | active->readers[GRANT_DEVICE] | has_writers(active);
}

/* Set GTF_reading, and GTF_writing if wanted, in an entry that grants this to `user`; the frame
 * that it named at that moment. */
static int16_t status_set(struct grant_entry_v1 *entry, domid_t user, bool readonly,
                          uint32_t *frame)
{
    const uint16_t wanted = readonly ? GTF_reading : GTF_reading | GTF_writing;
    uint64_t *word = (uint64_t *)entry;

    for (unsigned i = 0; i < STATUS_TRIES; i++) {
        union grant_word old = {.word = READ_ONCE(*word)}, new = old;
        if ((old.entry.flags & GTF_type_mask) != GTF_permit_access || old.entry.domid != user)
            return GNTST_general_error;
        if (!readonly && (old.entry.flags & GTF_readonly))
            return GNTST_general_error;
        new.entry.flags |= wanted;
        *frame = old.entry.frame;
        if (__atomic_compare_exchange_n(word, &old.word, new.word, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return GNTST_okay;
    }
    return GNTST_general_error;
}

/* What no pin needs any more is taken out of the shared entry, if that still exists. */
static void status_clear(struct grant_entry_v1 *entry, const struct grant_active *active)
{
    uint16_t unneeded = 0;

    if (!entry)
        return;
    if (!has_writers(active))
        unneeded |= GTF_writing;
    if (!grant_is_pinned(active))
        unneeded |= GTF_reading;
    if (unneeded)
        __atomic_fetch_and(&entry->flags, (uint16_t)~unneeded, __ATOMIC_SEQ_CST);
}

static inline void reference_put(struct frame *frame, bool readonly)
{
    if (readonly)
        frame_put(frame);
    else if (!frame_put_writable_again(frame))
        frame_put_typed(frame);
}

static inline bool reference_get(struct frame *frame, struct domain *owner, bool readonly)
{
    if (readonly)
        return frame_get(frame, owner);
    return frame_get_writable_again(frame, owner) ||
           frame_get_typed(frame, owner, FRAME_TYPE_WRITABLE) == 0;
}

/* One for each kind. */
static void references_put(struct frame *frame, unsigned kinds, bool readonly)
{
    for (; kinds; kinds &= kinds - 1)
        reference_put(frame, readonly);
}

static bool references_get(struct frame *frame, struct domain *owner, unsigned kinds, bool readonly)
{
    if (!reference_get(frame, owner, readonly))
        return false;
    if (!(kinds & (kinds - 1)) || reference_get(frame, owner, readonly))
        return true;
    reference_put(frame, readonly);
    return false;
}

static void pins_add(struct grant_active *active, unsigned kinds, bool readonly, uint16_t number)
{
    uint16_t *counters = readonly ? active->readers : active->writers;

    if (kinds & 1u << GRANT_HOST)
        counters[GRANT_HOST] += number;
    if (kinds & 1u << GRANT_DEVICE)
        counters[GRANT_DEVICE] += number;
}

static bool pins_full(const struct grant_active *active, bool readonly)
{
    const uint16_t *counters = readonly ? active->readers : active->writers;

    return counters[GRANT_HOST] == GRANT_PINS_MAX || counters[GRANT_DEVICE] == GRANT_PINS_MAX;
}

static inline __attribute__((always_inline)) int16_t
pin_locked(struct domain *granter, grant_ref_t ref, const struct domain *user, unsigned kinds,
           bool readonly, struct frame **frame)
{
    struct grant_table *table = granter->grants;

    if (table->released)
        return GNTST_general_error;
    struct grant_entry_v1 *entry = grant_entry_at(table, ref);
    struct grant_active *active = grant_active_at(table, ref);
    if (!entry || !active)
        return GNTST_bad_gntref;
    bool fresh = !grant_is_pinned(active);
    uint32_t number = active->frame, named;
    if (!fresh && (active->user != user->id || pins_full(active, readonly)))
        return GNTST_general_error;
    if (fresh || (!readonly && !has_writers(active))) {
        int16_t status = status_set(entry, user->id, readonly, &named);
        if (status != GNTST_okay)
            return status;
        if (fresh)
            number = named;
    }
    if (!mfn_is_ram(mfn(number)) ||
        !references_get(mfn_to_frame(mfn(number)), granter, kinds, readonly)) {
        status_clear(entry, active);
        return GNTST_general_error;
    }
    active->frame = number;
    active->user = user->id;
    pins_add(active, kinds, readonly, 1);
    *frame = mfn_to_frame(mfn(number));
    return GNTST_okay;
}

__attribute__((noinline)) int16_t grant_pin(struct domain *granter, grant_ref_t ref,
                                            const struct domain *user, unsigned kinds,
                                            bool readonly, struct frame **frame)
{
    spin_lock(&granter->grants->lock);
    int16_t status = pin_locked(granter, ref, user, kinds, readonly, frame);
    spin_unlock(&granter->grants->lock);
    return status;
}

void grant_unpin(struct domain *granter, grant_ref_t ref, unsigned kinds, bool readonly,
                 struct frame *frame)
{
    struct grant_table *table = granter->grants;

    spin_lock(&table->lock);
    struct grant_active *active = grant_active_at(table, ref);
    ASSERT(active);
    pins_add(active, kinds, readonly, (uint16_t)-1);
    status_clear(grant_entry_at(table, ref), active);
    spin_unlock(&table->lock);
    references_put(frame, kinds, readonly);
}

struct grant_mapping *grant_mapping_at(struct grant_table *table, grant_handle_t handle)
{
    if (handle >= __atomic_load_n(&table->mapping_count, __ATOMIC_ACQUIRE))
        return NULL;
    return &table->mappings[handle / MAPPINGS_PER_PAGE][handle % MAPPINGS_PER_PAGE];
}

/* A handle that there was not yet, on the list of free ones. */
static bool handle_make_locked(struct grant_table *table)
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

    spin_lock(&table->lock);
    if (table->mapping_free || handle_make_locked(table)) {
        *handle = table->mapping_free - 1;
        mapping = grant_mapping_at(table, *handle);
        table->mapping_free = mapping->next;
        mapping->flags = MAPPING_RESERVED;
    }
    spin_unlock(&table->lock);
    return mapping;
}

void grant_handle_free(struct domain *domain, grant_handle_t handle)
{
    struct grant_table *table = domain->grants;
    struct grant_mapping *mapping = grant_mapping_at(table, handle);

    spin_lock(&table->lock);
    mapping->next = table->mapping_free;
    table->mapping_free = handle + 1;
    WRITE_ONCE(mapping->flags, 0);
    spin_unlock(&table->lock);
}
