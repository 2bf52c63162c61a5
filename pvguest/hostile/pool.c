/* SPDX-License-Identifier: MIT */
/*
 * Several virtual CPUs change the use of the same few frames at once: tables of every level, pages,
 * descriptor tables, grants, frames given back and taken anew. `seed=` and `rounds=` choose the
 * run. No call need succeed; afterwards every count must be right, which an audit shows.
 */
#include "pvguest/hostile/attack.h"
#include "pvguest/hostile/racer.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/grant.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/table.h"

#include <xen/grant_table.h>
#include <xen/memory.h>

#define POOL    12
#define WINDOW  8 /* pages of address space to map them in */
#define SLOTS   4 /* entries of a table that are used */
#define HANDLES 24

static volatile xen_pfn_t pool[POOL];
static char *window;
static uint64_t window_entries[WINDOW]; /* machine addresses */
static grant_ref_t grants[POOL];        /* of the frames that were there first, to ourselves */
static domid_t self;
static uint64_t states[RACERS + 1];

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 8;
}

static xen_pfn_t any_frame(uint64_t *state)
{
    return pool[next(state) % POOL];
}

/* Now and then the shared info page: its type never ends. */
static uint64_t any_entry(uint64_t *state)
{
    static const uint64_t flags[] = {0, PTE_PRESENT, PTE_PRESENT | PTE_USER, PTE_DATA, PTE_TABLE};
    uint64_t address = next(state) % 8 ? any_frame(state) << PAGE_SHIFT : start_info->shared_info;

    return address | flags[next(state) % 5];
}

static void use_as_table(uint64_t *state)
{
    struct mmuext_op operation = {.cmd = MMUEXT_PIN_L1_TABLE + (unsigned int)next(state) % 5,
                                  .arg1.mfn = any_frame(state)};

    hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
}

static void change_entry(uint64_t *state)
{
    struct mmu_update update = {.ptr = (any_frame(state) << PAGE_SHIFT) +
                                       next(state) % SLOTS * sizeof(uint64_t),
                                .val = any_entry(state)};

    hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
}

static void change_window(uint64_t *state)
{
    unsigned int page = (unsigned int)next(state) % WINDOW;

    hypercall_update_va_mapping((uint64_t)window + page * PAGE_SIZE, any_entry(state),
                                next(state) % 2 ? UVMF_INVLPG | UVMF_ALL : UVMF_NONE);
}

static void change_contents(uint64_t *state)
{
    struct mmuext_op operation = {.cmd = next(state) % 2 ? MMUEXT_CLEAR_PAGE : MMUEXT_COPY_PAGE,
                                  .arg1.mfn = any_frame(state)};

    operation.arg2.src_mfn = any_frame(state);
    hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
}

static void use_as_base(uint64_t *state)
{
    struct mmuext_op operation = {.cmd = MMUEXT_NEW_USER_BASEPTR,
                                  .arg1.mfn = next(state) % 3 ? any_frame(state) : 0};

    hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
}

static void use_as_descriptors(uint64_t *state)
{
    xen_pfn_t frame = any_frame(state);

    if (next(state) % 2)
        hypercall_update_descriptor((frame << PAGE_SHIFT) + 8, next(state));
    else
        hypercall_set_gdt(&frame, next(state) % 3 ? 512 : 0);
}

static void use_as_local_descriptors(uint64_t *state)
{
    struct mmuext_op operation = {.cmd = MMUEXT_SET_LDT,
                                  .arg1.linear_addr = (uint64_t)window,
                                  .arg2.nr_ents = (unsigned int)next(state) % 3 * 512};

    hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF);
}

/* One frame is given back and another taken for it. */
static void renew(uint64_t *state)
{
    volatile xen_pfn_t *place = &pool[next(state) % POOL];
    xen_pfn_t frame = *place;
    struct xen_memory_reservation one = {.nr_extents = 1, .domid = DOMID_SELF};
    struct xen_memory_exchange exchange = {.in = one, .out = one};

    set_xen_guest_handle(exchange.in.extent_start, &frame);
    set_xen_guest_handle(exchange.out.extent_start, &frame);
    set_xen_guest_handle(one.extent_start, &frame);
    if (next(state) % 2) {
        if (!hypercall_memory_op(XENMEM_exchange, &exchange))
            *place = frame;
    } else if (hypercall_memory_op(XENMEM_decrease_reservation, &one) == 1 &&
               hypercall_memory_op(XENMEM_populate_physmap, &one) == 1) {
        *place = frame;
    }
}

static void copy_granted(uint64_t *state)
{
    struct gnttab_copy copy = {.len = 4096};

    copy.source.domid = copy.dest.domid = DOMID_SELF;
    copy.source.u.gmfn = any_frame(state);
    copy.dest.u.gmfn = any_frame(state);
    hypercall_grant_table_op(GNTTABOP_copy, &copy, 1);
}

static void map_granted(uint64_t *state)
{
    struct gnttab_map_grant_ref map = {
        .dom = self, .ref = grants[next(state) % POOL], .flags = GNTMAP_host_map};

    map.flags |= next(state) % 2 ? GNTMAP_readonly : 0;
    map.flags |= next(state) % 2 ? GNTMAP_contains_pte : 0;
    map.host_addr = map.flags & GNTMAP_contains_pte
                        ? window_entries[next(state) % WINDOW]
                        : (uint64_t)window + next(state) % WINDOW * PAGE_SIZE;
    hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
}

static void unmap_granted(uint64_t *state)
{
    unsigned int page = (unsigned int)next(state) % WINDOW;
    struct gnttab_unmap_grant_ref unmap = {.handle = (grant_handle_t)next(state) % HANDLES};

    unmap.host_addr = next(state) % 2 ? window_entries[page] : (uint64_t)window + page * PAGE_SIZE;
    hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
}

static void step(uint64_t *state)
{
    static void (*const steps[])(uint64_t *) = {
        use_as_table, use_as_table,  change_entry,       change_entry,
        change_entry, change_window, change_window,      change_contents,
        use_as_base,  renew,         use_as_descriptors, use_as_local_descriptors,
        copy_granted, map_granted,   unmap_granted,
    };

    steps[next(state) % (sizeof(steps) / sizeof(steps[0]))](state);
}

static void steps_for_ever(void)
{
    static volatile uint32_t taken;
    uint64_t *state = &states[1 + __atomic_fetch_add(&taken, 1, __ATOMIC_SEQ_CST)];

    for (;;)
        step(state);
}

static bool pool_race(void)
{
    uint64_t rounds = attack_number("rounds", 1000), seed = attack_number("seed", 1);

    if (event_own_domain(&self))
        return false;
    window = window_reserve(WINDOW);
    for (unsigned int i = 0; i < WINDOW; i++)
        if (table_entry_address((uint64_t)window + i * PAGE_SIZE, true, &window_entries[i]))
            return false;
    for (unsigned int i = 0; i < POOL; i++) {
        void *page = page_allocate(0);

        pool[i] = page_mfn(page);
        if (table_map_own((uint64_t)page, 0) || grant_access(self, pool[i], false, &grants[i]))
            return false;
    }
    for (unsigned int i = 0; i < RACERS + 1; i++)
        states[i] = (seed * 8 + i) * 0x9e3779b97f4a7c15UL + 1;
    if (!racers_start(steps_for_ever))
        return false;
    while (rounds--)
        step(&states[0]);
    return true;
}

const struct attack pool_attacks[] = {
    {"pool-race", HARMLESS, pool_race},
    {NULL, REFUSED, NULL},
};
