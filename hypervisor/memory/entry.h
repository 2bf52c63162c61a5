/* SPDX-License-Identifier: MIT */
/*
 * One page-table entry of a guest: what it may hold at each level, and the references it stands
 * for. Pure decisions and reference counting; the tables themselves are memory/table.c's.
 *
 * A present level-1 entry holds a reference to the frame it names and, if writable, a writable type
 * reference; none if it names device memory. It may name a frame of another domain only if the
 * caller's `frame_owner` says so. Entries of the upper levels hold a reference and a reference to
 * the next lower type, of the table's owner. A level-1 entry with ENTRY_GRANT was installed for a
 * grant mapping, whose owner (memory/grant.c) holds the references.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/memory/map.h"
#include "hypervisor/memory/mfn.h"
#include "hypervisor/memory/type.h"

struct domain;

/* Software bits, as Xen's: a guest kernel's page (user bit forced on), a grant mapping. */
#define ENTRY_GUEST_KERNEL (1UL << 52)
#define ENTRY_GRANT        (1UL << 62)
#define ENTRIES_PER_TABLE  512

/* What may differ between two entries for the same frame without a look at references. */
#define ENTRY_HARMLESS                                                                       \
    (PTE_NX | 0x7ff0000000000000UL | PTE_AVAILABLE | PTE_GLOBAL | PTE_DIRTY | PTE_ACCESSED | \
     PTE_USER)

enum table_update_mode {
    TABLE_STORE,       /* the value as it is                                             */
    TABLE_PRESERVE_AD, /* keep the accessed and dirty bits that the processor has set    */
    TABLE_COMPARE      /* only if the entry is `expected`; else that becomes what it was */
};

struct table_level {
    enum frame_type type, child;
    uint64_t disallowed;                     /* bits that no guest may set in a present entry */
    uint64_t disallowed_caches;              /* nor one without devices                       */
    uint64_t added;                          /* bits that every present entry gets            */
    uint64_t harmless;                       /* see ENTRY_HARMLESS                            */
    unsigned reserved_first, reserved_count; /* slots that are the hypervisor's */
};

/* The description of a table type. */
const struct table_level *table_level_of(enum frame_type type);

static inline mfn_t entry_mfn(uint64_t entry)
{
    return mfn((entry & PTE_FRAME_MASK) >> PAGE_SHIFT);
}

/* The descriptor of what an entry names. False: it lies behind the last frame of RAM. */
static inline bool entry_frame(uint64_t entry, struct frame **frame)
{
    uint64_t offset = (entry & PTE_FRAME_MASK) / (PAGE_SIZE / sizeof(struct frame));
    uintptr_t base = frame_table_base;

    /* Or else the compiler makes a constant for each member of the descriptor. */
    asm("" : "+r"(base));
    *frame = (struct frame *)(base + offset);
    return offset < frame_table_size;
}

/* Whether the slot is the hypervisor's. */
bool entry_slot_reserved(const struct table_level *level, unsigned slot);

/* Whether a table of `owner` may have the entry's flags. */
bool entry_flags_ok(const struct table_level *level, uint64_t entry, const struct domain *owner);

/* The entry as it is stored: with the bits that direct paging in ring 3 needs. */
uint64_t entry_adjust(const struct table_level *level, uint64_t entry);

/*
 * Take the references of an entry (flags are checked too) in a table of `table_owner`, naming a
 * frame of `frame_owner`. 0; -XEN_EINVAL: flags, frame number, not a valid table of the next level;
 * -XEN_EBUSY: level 1, not the frame owner's, or wanted writable and a table; -XEN_EPERM: device
 * memory, and the domain has none.
 */
int entry_get(const struct table_level *level, uint64_t entry, struct domain *table_owner,
              struct domain *frame_owner);
/* The same for one whose flags have been found right. */
int entry_get_checked(const struct table_level *level, uint64_t entry, struct domain *table_owner,
                      struct domain *frame_owner);
void entry_put(const struct table_level *level, uint64_t entry);

/* Guest kernel and guest user both run in ring 3: the user bit is set, and its lack remembered. */
static inline uint64_t entry_for_ring3(uint64_t entry)
{
    bool kernel = (entry & (PTE_PRESENT | PTE_USER)) == PTE_PRESENT;

    return kernel ? entry | PTE_USER | ENTRY_GUEST_KERNEL : entry;
}

/*
 * All checks of a value that is to replace `old`: it becomes what is stored, and has its
 * references, or (`same`) shares those of the old entry. Errors as entry_get().
 */
int entry_take(const struct table_level *level, uint64_t *value, uint64_t old, struct domain *owner,
               struct domain *frame_owner, bool *same);
/*
 * Store it; what was there by `old`, which is what was seen before or is expected. False:
 * TABLE_COMPARE failed. Only the processor changes accessed and dirty bits meanwhile.
 */
bool entry_write(uint64_t *place, uint64_t value, enum table_update_mode mode, uint64_t *old);
