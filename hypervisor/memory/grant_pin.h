/* SPDX-License-Identifier: MIT */
/*
 * The steps of pinning an entry of a grant table, inline for the paths that need them often; all
 * under the table's lock. grant_pin() and grant_unpin() (memory/grant_table.h) are made of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/grant_table.h>

#include "hypervisor/memory/grant_table.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/processor/cpu.h"

/* An entry that may be pinned, and the number of the frame that it names. */
struct grant_place {
    struct grant_active *active;
    uint32_t frame;
};

/* Of an entry that exists; the actives of an entry stay where they are. */
static inline struct grant_active *grant_active_of(struct grant_table *table, grant_ref_t ref)
{
    return &table->active[ref / GRANT_ACTIVES_PER_PAGE][ref % GRANT_ACTIVES_PER_PAGE];
}

/*
 * Set GTF_reading, and GTF_writing if wanted, in an entry that grants this to `user`; the frame
 * that it named at that moment. The entry is read at once. GNTST_eagain: it changed meanwhile.
 */
static inline int16_t grant_status_try(struct grant_entry_v1 *entry, domid_t user, bool readonly,
                                       uint32_t *frame)
{
    _Static_assert(sizeof(*entry) == sizeof(uint64_t) &&
                       offsetof(struct grant_entry_v1, domid) == 2 &&
                       offsetof(struct grant_entry_v1, frame) == 4,
                   "flags, domid and frame as one word");
    uint64_t *word = (uint64_t *)(void *)entry, seen = READ_ONCE(*word);
    uint32_t looked_at = 0xffffU << 16 | GTF_type_mask | (readonly ? 0 : GTF_readonly);

    if (((uint32_t)seen & looked_at) != ((uint32_t)user << 16 | GTF_permit_access))
        return GNTST_general_error;
    *frame = (uint32_t)(seen >> 32);
    uint64_t wanted = seen | GTF_reading | (readonly ? 0 : GTF_writing);
    return exchange_if(word, seen, wanted) ? GNTST_okay : GNTST_eagain;
}

/* The further tries: a guest that changes an entry as fast as we read it is told so. */
int16_t grant_status_set_again(struct grant_entry_v1 *entry, domid_t user, bool readonly,
                               uint32_t *frame);

/*
 * All checks of a pin but for the frame itself, and the flags in the shared entry. If it is not
 * pinned after that, grant_status_clear() takes them back.
 */
static inline __attribute__((always_inline)) int16_t
grant_prepare_locked(struct grant_table *table, grant_ref_t ref, domid_t user, bool readonly,
                     struct grant_place *place)
{
    uint32_t page = ref / GRANT_ENTRIES_PER_FRAME, named;

    if (table->released)
        return GNTST_general_error;
    if (page >= table->frame_count)
        return GNTST_bad_gntref;
    struct grant_entry_v1 *entry = &table->shared[page][ref % GRANT_ENTRIES_PER_FRAME];
    struct grant_active *active = place->active = grant_active_of(table, ref);
    uint64_t pins = grant_pins(active);
    if (pins) {
        const uint16_t *counters = readonly ? active->readers : active->writers;
        if (active->user != user || counters[GRANT_HOST] == GRANT_PINS_MAX ||
            counters[GRANT_DEVICE] == GRANT_PINS_MAX)
            return GNTST_general_error;
    }
    if (!pins || (!readonly && !(pins >> 32))) {
        int16_t status = grant_status_try(entry, user, readonly, &named);
        if (__builtin_expect(status == GNTST_eagain, 0))
            status = grant_status_set_again(entry, user, readonly, &named);
        if (status != GNTST_okay)
            return status;
        /* It cannot change while it is pinned. */
        if (!pins) {
            active->frame = named;
            active->user = user;
        }
    }
    place->frame = active->frame;
    return GNTST_okay;
}

static inline void grant_pins_add(struct grant_active *active, unsigned kinds, bool readonly,
                                  uint16_t number)
{
    uint16_t *counters = readonly ? active->readers : active->writers;

    if (kinds & 1u << GRANT_HOST)
        counters[GRANT_HOST] += number;
    if (kinds & 1u << GRANT_DEVICE)
        counters[GRANT_DEVICE] += number;
}

/* What no pin needs any more is taken out of the shared entry, if that still exists. A reader that
 * leaves others behind changes nothing. */
static inline void grant_status_clear(struct grant_table *table, grant_ref_t ref,
                                      const struct grant_active *active, bool was_reader)
{
    struct grant_entry_v1 *entries = table->shared[ref / GRANT_ENTRIES_PER_FRAME];
    uint64_t pins = grant_pins(active);

    if (!entries || pins >> 32 || (pins && was_reader))
        return;
    uint16_t unneeded = pins ? GTF_writing : GTF_writing | GTF_reading;
    __atomic_fetch_and(&entries[ref % GRANT_ENTRIES_PER_FRAME].flags, (uint16_t)~unneeded,
                       __ATOMIC_SEQ_CST);
}
