/* SPDX-License-Identifier: MIT */
/*
 * The grant table of a domain, under its lock (LOCK_LEVEL_GRANT; never two at once):
 *
 *   shared    the entries that the domain writes; what is read there is read once and checked
 *   active    for each entry in use: who uses it, which frame it named then, and how often it is
 *             pinned (a mapping for the host, one for devices, a copy under way), by rights
 *   mappings  the handles of this domain's own mappings of other domains' entries; who holds one
 *             that is reserved or busy, which is one compare-and-swap of its flags, changes it
 *             without the lock
 *
 * Every pin holds one reference to the frame, and one to its writable type if it may write; the
 * frame of an entry cannot change while it is pinned. GTF_reading and GTF_writing are set in the
 * shared entry before the first pin and cleared after the last.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/grant_table.h>
#include <xen/xen.h>

#include "hypervisor/memory/frame.h"
#include "hypervisor/processor/lock.h"

struct domain;

#define GRANT_FRAMES_MAX        64
#define GRANT_ENTRIES_PER_FRAME (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define GRANT_ACTIVES_PER_PAGE  (PAGE_SIZE / sizeof(struct grant_active))
#define GRANT_ACTIVE_PAGES      (GRANT_FRAMES_MAX * GRANT_ENTRIES_PER_FRAME / GRANT_ACTIVES_PER_PAGE)
#define MAPPING_PAGES_MAX       256
#define MAPPINGS_PER_PAGE       (PAGE_SIZE / sizeof(struct grant_mapping))
#define GRANT_PINS_MAX          0xffff
#define GRANT_KINDS             2 /* host, device */

enum grant_kind { GRANT_HOST, GRANT_DEVICE };

struct grant_active {
    uint16_t readers[GRANT_KINDS], writers[GRANT_KINDS];
    uint32_t frame;
    domid_t user;
    uint16_t reserved;
} __attribute__((aligned(8)));

struct grant_mapping {
    uint32_t ref;
    domid_t granter;
    uint16_t flags; /* GNTMAP_device_map, host_map, readonly; MAPPING_*; 0 = free */
    uint32_t next;  /* next free handle + 1 */
    uint32_t frame; /* what it shows, for unmapping */
};

#define MAPPING_RESERVED (1u << 14) /* being made */
#define MAPPING_BUSY     (1u << 15) /* being undone */

struct grant_table {
    struct spinlock lock;
    bool released; /* the domain died: shared frames are gone, no new pins */
    uint32_t frame_count, frame_limit;
    uint32_t mapping_count, mapping_limit; /* handles that exist; may exist */
    uint32_t mapping_free;                 /* first free handle + 1, 0 = none */
    struct grant_entry_v1 *shared[GRANT_FRAMES_MAX];
    struct grant_active *active[GRANT_ACTIVE_PAGES];
    struct grant_mapping *mappings[MAPPING_PAGES_MAX];
};

/* Grow to `count` frames: 0, -XEN_EINVAL, -XEN_ENOMEM. Takes the lock itself. */
int grant_table_grow(struct domain *domain, uint32_t count);

/* NULL beyond the table's size. */
struct grant_entry_v1 *grant_entry_at(struct grant_table *table, grant_ref_t ref);
struct grant_active *grant_active_at(struct grant_table *table, grant_ref_t ref);
/* All counters of pins; those of writers are the upper half. */
static inline uint64_t grant_pins(const struct grant_active *active);

/*
 * Pin entry `ref` of `granter` for `user`, once for each kind in `kinds` (bits 1 << GRANT_*): all
 * references and flags, or none. GNTST_okay and the frame; GNTST_bad_gntref, GNTST_general_error
 * (not granted to the user, or not with these rights; not a frame of the granter's own).
 */
int16_t grant_pin(struct domain *granter, grant_ref_t ref, const struct domain *user,
                  unsigned kinds, bool readonly, struct frame **frame);
void grant_unpin(struct domain *granter, grant_ref_t ref, unsigned kinds, bool readonly,
                 struct frame *frame);

/* A fresh handle, MAPPING_RESERVED: the caller's own until it has set other flags. NULL when there
 * are no more. */
struct grant_mapping *grant_handle_allocate(struct domain *domain, grant_handle_t *handle);
void grant_handle_free(struct grant_table *table, struct grant_mapping *mapping,
                       grant_handle_t handle);
/* NULL if the handle never existed. Needs no lock: mappings stay, and their number only grows. */
static inline struct grant_mapping *grant_mapping_at(struct grant_table *table,
                                                     grant_handle_t handle)
{
    if (handle >= __atomic_load_n(&table->mapping_count, __ATOMIC_ACQUIRE))
        return NULL;
    return &table->mappings[handle / MAPPINGS_PER_PAGE][handle % MAPPINGS_PER_PAGE];
}

static inline uint64_t grant_pins(const struct grant_active *active)
{
    typedef uint64_t __attribute__((may_alias)) counters_t;

    _Static_assert(offsetof(struct grant_active, readers) == 0 &&
                       offsetof(struct grant_active, writers) == sizeof(uint64_t) / 2 &&
                       offsetof(struct grant_active, frame) == sizeof(uint64_t),
                   "the counters are one word");
    return *(const counters_t *)(const void *)active;
}
