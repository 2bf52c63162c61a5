/* SPDX-License-Identifier: MIT */
/* Attacks on page tables and on memory that is not the guest's. */
#include "pvguest/hostile/attack.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/grant.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/table.h"

#include <xen/memory.h>

#define SHARED_GRANT_FRAMES 64
#define SLOT_KERNEL         511
#define SLOT_UNUSED         300
#define PTE_SUPERPAGE       (1UL << 7)

static uint64_t root_slot(unsigned int slot)
{
    return (table_root_mfn() << PAGE_SHIFT) + slot * sizeof(uint64_t);
}

static int entry_set(uint64_t pointer, uint64_t value)
{
    struct mmu_update update = {.ptr = pointer, .val = value};

    return hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
}

/* No handler for the fault, so nobody can be told. */
static bool null_pointer(void)
{
    hypercall_set_trap_table(NULL);
    __asm__ __volatile__("movq $1, 8" ::: "memory");
    return false;
}

/* The kernel's own text and stack vanish under it. */
static bool own_tables(void)
{
    struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    entry_set(root_slot(SLOT_KERNEL), 0);
    hypercall_mmuext_op(&flush, 1, NULL, DOMID_SELF);
    return false;
}

/* A level-4 table as its own level-3 table, and then with more rights through that name. */
static bool self_reference(void)
{
    uint64_t mfn = table_root_mfn();
    int readable = entry_set(root_slot(SLOT_UNUSED), mfn << PAGE_SHIFT | PTE_PRESENT | PTE_USER);
    int writable = entry_set(root_slot(SLOT_UNUSED), mfn << PAGE_SHIFT | PTE_TABLE);

    if (!readable)
        entry_set(root_slot(SLOT_UNUSED), 0);
    return writable < 0;
}

/* What is this domain's without being one of its pages: shared info and grant table. */
static uint64_t shared_frames[1 + SHARED_GRANT_FRAMES];

static void shared_frames_find(void)
{
    struct gnttab_query_size query = {.dom = DOMID_SELF};
    struct gnttab_setup_table setup = {.dom = DOMID_SELF};

    shared_frames[0] = start_info->shared_info >> PAGE_SHIFT;
    hypercall_grant_table_op(GNTTABOP_query_size, &query, 1);
    setup.nr_frames = query.nr_frames < SHARED_GRANT_FRAMES ? query.nr_frames : SHARED_GRANT_FRAMES;
    set_xen_guest_handle(setup.frame_list, &shared_frames[1]);
    hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1);
}

static bool frame_is_ours(uint64_t mfn)
{
    for (size_t i = 0; i <= SHARED_GRANT_FRAMES; i++)
        if (mfn == shared_frames[i])
            return true;
    return page_of_mfn(mfn);
}

/* Every frame there could be, as ours and writable. */
static bool every_frame(void)
{
    char *place = window_reserve(1);
    uint64_t last = (uint64_t)hypercall_memory_op(XENMEM_maximum_ram_page, NULL), entry, got = 0;

    if (guest_is_initial_domain())
        return true; /* it may map devices and others */
    shared_frames_find();
    if (table_entry_address((uint64_t)place, true, &entry))
        return false;
    for (uint64_t mfn = 0; mfn <= last + 16; mfn++)
        if (!frame_is_ours(mfn) && !entry_set(entry, mfn << PAGE_SHIFT | PTE_DATA))
            got++;
    entry_set(entry, 0);
    return got == 0;
}

/* The same frames as page tables, granted to ourselves, copied from and cleared. */
static bool foreign_frames(void)
{
    uint64_t last = (uint64_t)hypercall_memory_op(XENMEM_maximum_ram_page, NULL), got = 0;

    shared_frames_find();
    for (uint64_t mfn = 0; mfn <= last + 16; mfn += 7) {
        struct mmuext_op operations[] = {
            {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn},
            {.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = mfn},
            {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn},
            {.cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = mfn},
            {.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = mfn},
            {.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = mfn},
        };

        if (frame_is_ours(mfn))
            continue;
        for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
            if (mfn && !hypercall_mmuext_op(&operations[i], 1, NULL, DOMID_SELF))
                got++;
    }
    return got == 0;
}

/* Superpages at frames that do not exist, at every level. */
static bool superpages(void)
{
    uint64_t *level3 = page_allocate(0), *level2 = page_allocate(0);
    uint64_t flags = PTE_DATA | PTE_SUPERPAGE;
    bool held = true;

    table_protect(level3);
    table_protect(level2);
    entry_set(root_slot(SLOT_UNUSED), page_mfn(level3) << PAGE_SHIFT | PTE_TABLE);
    entry_set(page_mfn(level3) << PAGE_SHIFT, page_mfn(level2) << PAGE_SHIFT | PTE_TABLE);
    for (unsigned int bit = 12; bit < 52; bit++) {
        held &= entry_set((page_mfn(level3) << PAGE_SHIFT) + 8, 1UL << bit | flags) < 0;
        held &= entry_set(page_mfn(level2) << PAGE_SHIFT, 1UL << bit | flags) < 0;
        held &= entry_set(root_slot(SLOT_UNUSED + 1), 1UL << bit | flags) < 0;
    }
    return held;
}

/* Keep a writable mapping of a page while it becomes a table; by order, by alias, by grant. */
static bool writable_table(void)
{
    uint64_t *table = page_allocate(0), mfn = page_mfn(table);
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn};
    struct mmu_update updates[3];
    void *alias;
    bool held;

    if (foreign_map(DOMID_SELF, &mfn, 1, true, &alias) || table_protect(table))
        return false;
    held = hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF) < 0;
    updates[0] = (struct mmu_update){root_slot(SLOT_UNUSED), mfn << PAGE_SHIFT | PTE_TABLE};
    updates[1] = (struct mmu_update){root_slot(SLOT_UNUSED + 1), mfn << PAGE_SHIFT | PTE_TABLE};
    updates[2] = (struct mmu_update){mfn << PAGE_SHIFT, mfn << PAGE_SHIFT | PTE_DATA};
    held &= hypercall_mmu_update(updates, 3, NULL, DOMID_SELF) < 0;
    foreign_unmap(alias, 1);
    return held;
}

/* Rights widened on a table that hangs in two places; the upper table swapped within a batch. */
static bool swapped_tables(void)
{
    uint64_t *first = page_allocate(0), *second = page_allocate(0);
    uint64_t first_entry = page_mfn(first) << PAGE_SHIFT | PTE_TABLE;
    uint64_t second_entry = page_mfn(second) << PAGE_SHIFT | PTE_TABLE;
    struct mmu_update updates[] = {
        {root_slot(SLOT_UNUSED), first_entry},
        {page_mfn(first) << PAGE_SHIFT, second_entry},
        {root_slot(SLOT_UNUSED), second_entry},
        {page_mfn(first) << PAGE_SHIFT, second_entry},
        {root_slot(SLOT_UNUSED), 0},
    };

    table_protect(first);
    table_protect(second);
    hypercall_mmu_update(updates, 5, NULL, DOMID_SELF);
    entry_set(root_slot(SLOT_UNUSED), 0);
    /* As level 2 in one place the second page cannot be level 3 in another at that time. */
    return !table_root()[SLOT_UNUSED];
}

/* Arrays that begin in the guest and end in the hypervisor, or wrap around. */
static bool long_arrays(void)
{
    static const unsigned long starts[] = {0x00007ffffffffff0UL, 0xffff7ffffffffff0UL,
                                           0xffff87fffffffff0UL, 0xfffffffffffffff0UL,
                                           HYPERVISOR_ADDRESS};
    bool held = true;

    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        void *start = (void *)starts[i];
        struct xen_memory_reservation reservation = {.nr_extents = 1UL << 60, .domid = DOMID_SELF};

        set_xen_guest_handle(reservation.extent_start, start);
        held &= hypercall_mmu_update(start, 0x10000000, NULL, DOMID_SELF) != 0;
        held &= hypercall_mmuext_op(start, 0x10000000, NULL, DOMID_SELF) != 0;
        held &= hypercall_multicall(start, 0x1000000) != 0;
        held &= hypercall_grant_table_op(GNTTABOP_copy, start, 0x1000000) != 0;
        held &= hypercall_memory_op(XENMEM_decrease_reservation, &reservation) <= 0;
        held &= hypercall_memory_op(XENMEM_increase_reservation, &reservation) <= 1;
        held &= hypercall_set_trap_table(start) != 0;
    }
    return held;
}

/* An exchange that claims to have done so much already that it would go on in the hypervisor. */
static bool exchange_far(void)
{
    static xen_pfn_t extent;
    uint64_t distance = (HYPERVISOR_ADDRESS - (uint64_t)&extent) / sizeof(extent);
    struct xen_memory_exchange request = {
        .in = {.nr_extents = distance + 1, .domid = DOMID_SELF},
        .out = {.nr_extents = distance + 1, .domid = DOMID_SELF},
        .nr_exchanged = distance,
    };

    extent = page_mfn(page_allocate(0));
    set_xen_guest_handle(request.in.extent_start, &extent);
    set_xen_guest_handle(request.out.extent_start, &extent);
    return hypercall_memory_op(XENMEM_exchange, &request) < 0;
}

/*
 * Look for what an earlier domain of this kind has left in the memory that is ours now, then leave
 * the same for the next one.
 */
static bool stale_memory(void)
{
    uint64_t mark = clock_monotonic_ns() ? 0x5ca1ab1e00000000UL : 0, found = 0;
    uint64_t *page;

    mark |= ~mark >> 32; /* made here, so that the image does not hold it */
    for (uint64_t pfn = 0; pfn < start_info->nr_pages; pfn++) {
        page = page_of_pfn(pfn);
        for (unsigned int i = 0; page && i < TABLE_ENTRIES; i++)
            found += page[i] == mark;
    }
    while ((page = page_allocate(0)))
        for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
            page[i] = mark;
    return found == 0;
}

/* Read all of the hypervisor's half, a page in each two megabytes; a byte read is a leak. */
static bool read_hypervisor(void)
{
    uint64_t step = 1UL << 30, value, seen = 0;

    for (uint64_t at = HYPERVISOR_VIRT_START + (1UL << 40); at < HYPERVISOR_VIRT_END; at += step)
        if (!fault_try_read((void *)at, &value))
            seen++;
    return seen == 0;
}

/* Take all the memory there is. */
static bool take_memory(void)
{
    xen_pfn_t extent = 0;
    struct xen_memory_reservation reservation = {.nr_extents = 1, .domid = DOMID_SELF};
    uint64_t got = 0;

    if (guest_is_initial_domain())
        return true; /* nobody limits it */
    set_xen_guest_handle(reservation.extent_start, &extent);
    while (got < 10000 && hypercall_memory_op(XENMEM_increase_reservation, &reservation) == 1)
        got++;
    return got < 10000;
}

const struct attack memory_attacks[] = {
    {"null", ENDED, null_pointer},
    {"pagetables", ENDED, own_tables},
    {"self-reference", REFUSED, self_reference},
    {"every-frame", REFUSED, every_frame},
    {"foreign-frames", REFUSED, foreign_frames},
    {"superpages", REFUSED, superpages},
    {"writable-table", REFUSED, writable_table},
    {"swapped-tables", REFUSED, swapped_tables},
    {"long-arrays", REFUSED, long_arrays},
    {"read-hypervisor", REFUSED, read_hypervisor},
    {"take-memory", REFUSED, take_memory},
    {"exchange-far", REFUSED, exchange_far},
    {"stale-memory", REFUSED, stale_memory},
    {NULL, REFUSED, NULL},
};
