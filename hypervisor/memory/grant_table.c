/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/grant_table.h"

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/grant.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/processor/cpu.h"

/* A guest that changes an entry as fast as we read it is told so after that many tries. */
#define STATUS_TRIES 5

_Static_assert(sizeof(struct grant_table) <= PAGE_SIZE, "a table's head is one page");
_Static_assert(sizeof(struct grant_active) == 16, "");
_Static_assert(sizeof(struct grant_mapping) == 16, "");

/* Flags and domain of a shared entry, which change together. */
union grant_header {
    uint32_t word;
    struct {
        uint16_t flags;
        domid_t domid;
    };
};

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
    return active->writers[GRANT_HOST] || active->writers[GRANT_DEVICE];
}

bool grant_is_pinned(const struct grant_active *active)
{
    return has_writers(active) || active->readers[GRANT_HOST] || active->readers[GRANT_DEVICE];
}

/* Set GTF_reading, and GTF_writing if wanted, in an entry that grants this to `user`. */
static int16_t status_set(struct grant_entry_v1 *entry, domid_t user, bool readonly)
{
    uint32_t *word = (uint32_t *)entry;

    for (unsigned i = 0; i < STATUS_TRIES; i++) {
        union grant_header old = {.word = READ_ONCE(*word)}, new = old;
        if ((old.flags & GTF_type_mask) != GTF_permit_access || old.domid != user)
            return GNTST_general_error;
        if (!readonly && (old.flags & GTF_readonly))
            return GNTST_general_error;
        new.flags |= readonly ? GTF_reading : GTF_reading | GTF_writing;
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

static void references_put(struct frame *frame, unsigned kinds, bool readonly)
{
    for (; kinds; kinds &= kinds - 1) {
        if (readonly)
            frame_put(frame);
        else
            frame_put_typed(frame);
    }
}

/* One reference for each kind, or none. */
static bool references_get(struct frame *frame, struct domain *owner, unsigned kinds, bool readonly)
{
    unsigned taken = 0;

    for (unsigned kind = 0; kind < GRANT_KINDS; kind++) {
        if (!(kinds >> kind & 1))
            continue;
        bool done = readonly ? frame_get(frame, owner)
                             : frame_get_typed(frame, owner, FRAME_TYPE_WRITABLE) == 0;
        if (!done) {
            references_put(frame, taken, readonly);
            return false;
        }
        taken |= 1u << kind;
    }
    return true;
}

static uint16_t *pin_counter(struct grant_active *active, unsigned kind, bool readonly)
{
    return readonly ? &active->readers[kind] : &active->writers[kind];
}

static bool pins_full(struct grant_active *active, bool readonly)
{
    return *pin_counter(active, GRANT_HOST, readonly) == GRANT_PINS_MAX ||
           *pin_counter(active, GRANT_DEVICE, readonly) == GRANT_PINS_MAX;
}

static int16_t pin_locked(struct domain *granter, struct grant_table *table, grant_ref_t ref,
                          const struct domain *user, unsigned kinds, bool readonly,
                          struct frame **frame)
{
    struct grant_entry_v1 *entry = grant_entry_at(table, ref);
    struct grant_active *active = grant_active_at(table, ref);

    if (table->released)
        return GNTST_general_error;
    if (!entry)
        return GNTST_bad_gntref;
    bool fresh = !grant_is_pinned(active);
    if (!fresh && (active->user != user->id || pins_full(active, readonly)))
        return GNTST_general_error;
    if (fresh || (!readonly && !has_writers(active))) {
        int16_t status = status_set(entry, user->id, readonly);
        if (status != GNTST_okay)
            return status;
    }
    uint32_t number = fresh ? READ_ONCE(entry->frame) : active->frame;
    if (!mfn_is_ram(mfn(number)) ||
        !references_get(mfn_to_frame(mfn(number)), granter, kinds, readonly)) {
        status_clear(entry, active);
        return GNTST_general_error;
    }
    active->frame = number;
    active->user = user->id;
    for (unsigned kind = 0; kind < GRANT_KINDS; kind++)
        *pin_counter(active, kind, readonly) += kinds >> kind & 1;
    *frame = mfn_to_frame(mfn(number));
    return GNTST_okay;
}

int16_t grant_pin(struct domain *granter, grant_ref_t ref, const struct domain *user,
                  unsigned kinds, bool readonly, struct frame **frame)
{
    struct grant_table *table = granter->grants;

    spin_lock(&table->lock);
    int16_t status = pin_locked(granter, table, ref, user, kinds, readonly, frame);
    spin_unlock(&table->lock);
    return status;
}

void grant_unpin(struct domain *granter, grant_ref_t ref, unsigned kinds, bool readonly,
                 struct frame *frame)
{
    struct grant_table *table = granter->grants;

    spin_lock(&table->lock);
    struct grant_active *active = grant_active_at(table, ref);
    for (unsigned kind = 0; kind < GRANT_KINDS; kind++)
        *pin_counter(active, kind, readonly) -= kinds >> kind & 1;
    status_clear(grant_entry_at(table, ref), active);
    spin_unlock(&table->lock);
    references_put(frame, kinds, readonly);
}

struct grant_mapping *grant_mapping_at(struct grant_table *table, grant_handle_t handle)
{
    if (handle >= table->mapping_count)
        return NULL;
    return &table->mappings[handle / MAPPINGS_PER_PAGE][handle % MAPPINGS_PER_PAGE];
}

static bool handle_allocate_locked(struct grant_table *table, grant_handle_t *handle)
{
    if (table->mapping_free) {
        *handle = table->mapping_free - 1;
        table->mapping_free = grant_mapping_at(table, *handle)->next;
    } else {
        uint32_t page = table->mapping_count / MAPPINGS_PER_PAGE;
        if (table->mapping_count >= table->mapping_limit)
            return false;
        if (!table->mappings[page])
            table->mappings[page] = frame_allocate_hypervisor(0);
        if (!table->mappings[page])
            return false;
        *handle = table->mapping_count++;
    }
    grant_mapping_at(table, *handle)->flags = MAPPING_RESERVED;
    return true;
}

bool grant_handle_allocate(struct domain *domain, grant_handle_t *handle)
{
    spin_lock(&domain->grants->lock);
    bool done = handle_allocate_locked(domain->grants, handle);
    spin_unlock(&domain->grants->lock);
    return done;
}

void grant_handle_free(struct domain *domain, grant_handle_t handle)
{
    struct grant_table *table = domain->grants;

    spin_lock(&table->lock);
    struct grant_mapping *mapping = grant_mapping_at(table, handle);
    *mapping = (struct grant_mapping){.next = table->mapping_free};
    table->mapping_free = handle + 1;
    spin_unlock(&table->lock);
}
