/* SPDX-License-Identifier: MIT */
/* mmu_update, update_va_mapping: what may be entered into a page table, and what may not. */
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/table.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>

#define PTE_SUPERPAGE (1UL << 7)
#define ABSURD_FRAME  (1UL << 39)
#define GUEST_SLOT    300 /* of the level-4 table; nobody uses it */

/* A place of the address space with a level-1 entry, and an own page to put there. */
struct place {
    char *address;
    uint64_t entry; /* machine address of the level-1 entry */
    uint64_t *page;
};

static bool place_make(struct place *place)
{
    place->address = window_reserve(1);
    place->page = page_allocate(0);
    return place->address && place->page &&
           !table_entry_address((uint64_t)place->address, true, &place->entry);
}

static void place_end(struct place *place)
{
    EXPECT_VALUE(0, table_map_own((uint64_t)place->address, 0));
    window_release(place->address, 1);
    page_free(place->page, 0);
}

static int entry_set(uint64_t pointer, uint64_t value)
{
    struct mmu_update update = {.ptr = pointer, .val = value};

    return hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
}

static uint64_t data_entry(const void *page)
{
    return page_mfn(page) << PAGE_SHIFT | PTE_DATA;
}

static void maps_own_frame(void)
{
    struct place place;
    uint64_t value;

    EXPECT(place_make(&place));
    place.page[0] = 4711;
    EXPECT_VALUE(0, entry_set(place.entry, data_entry(place.page)));
    EXPECT_VALUE(4711, *(volatile uint64_t *)place.address);
    EXPECT_VALUE(0, entry_set(place.entry, 0));
    EXPECT_VALUE(0, hypercall_update_va_mapping((uint64_t)place.address, 0, UVMF_INVLPG));
    EXPECT_VALUE(-XEN_EFAULT, fault_try_read(place.address, &value));
    place_end(&place);
}

/* All of a batch, and how far a batch came that met something refused. */
static void batches(void)
{
    struct mmu_update updates[3];
    unsigned int done = 77;
    struct place place;

    EXPECT(place_make(&place));
    updates[0] = (struct mmu_update){place.entry, data_entry(place.page)};
    updates[1] = (struct mmu_update){place.entry, 0};
    updates[2] = (struct mmu_update){place.entry, ABSURD_FRAME << PAGE_SHIFT | PTE_DATA};
    EXPECT_VALUE(0, hypercall_mmu_update(updates, 2, &done, DOMID_SELF));
    EXPECT_VALUE(2, done);
    EXPECT(is_refusal(hypercall_mmu_update(updates, 3, &done, DOMID_SELF)));
    EXPECT_VALUE(2, done);
    EXPECT_VALUE(0, hypercall_mmu_update(updates, 0, &done, DOMID_SELF));
    place_end(&place);
}

static void bad_frames(void)
{
    struct place place;

    EXPECT(place_make(&place));
    EXPECT(is_refusal(entry_set(place.entry, ABSURD_FRAME << PAGE_SHIFT | PTE_DATA)));
    EXPECT_VALUE(0, table_entry((uint64_t)place.address) & PTE_PRESENT);
    EXPECT(is_refusal(entry_set(place.entry, PTE_FRAME_MASK | PTE_DATA)));
    place_end(&place);
}

/* Addresses from which the hypervisor's own arithmetic, going round, comes to small ones. */
static void address_wraps(void)
{
    uint64_t slot = (table_root_mfn() << PAGE_SHIFT) + GUEST_SLOT * 8;
    uint64_t *level3 = page_allocate(0);

    EXPECT(level3);
    EXPECT_VALUE(0, table_protect(level3));
    for (unsigned int i = 0; i < 3; i++) {
        /* What was known of tables is forgotten. */
        EXPECT_VALUE(0, entry_set(slot, page_mfn(level3) << PAGE_SHIFT | PTE_TABLE));
        EXPECT_VALUE(0, entry_set(slot, 0));
        EXPECT(is_refusal(entry_set(i * 8 - HYPERVISOR_ADDRESS, 0)));
    }
    /* The same in a batch, with every command. */
    for (unsigned int i = 0; i < 16; i++) {
        const struct mmu_update updates[] = {{i - HYPERVISOR_ADDRESS, 0},
                                             {i - HYPERVISOR_ADDRESS, 0}};
        EXPECT(is_refusal(hypercall_mmu_update(updates, 2, NULL, DOMID_SELF)));
    }
    EXPECT_VALUE(0, table_unprotect(level3));
    page_free(level3, 0);
}

/* The hypervisor's own memory: the frames of the machine-to-physical table, mapped writable. */
static void hypervisor_frame(void)
{
    struct place place;
    uint64_t value;

    EXPECT(place_make(&place));
    EXPECT_VALUE(0, fault_try_read((void *)HYPERVISOR_VIRT_START, &value));
    EXPECT_VALUE(-XEN_EFAULT, fault_try_write((void *)HYPERVISOR_VIRT_START, value));
    EXPECT(is_refusal(entry_set(place.entry, 1UL << 51 | PTE_DATA)));
    place_end(&place);
}

static void writable_page_table(void)
{
    const uint64_t *root = table_root();
    struct place place;
    uint64_t level1;

    EXPECT(place_make(&place));
    level1 = place.entry & PAGE_MASK;
    EXPECT(is_refusal(entry_set(place.entry, level1 | PTE_DATA)));
    EXPECT(is_refusal(entry_set(place.entry, table_root_mfn() << PAGE_SHIFT | PTE_DATA)));
    EXPECT_VALUE(0, table_entry((uint64_t)place.address) & PTE_PRESENT);
    EXPECT_VALUE(0, entry_set(place.entry, (level1 | PTE_DATA) & ~PTE_WRITABLE));
    EXPECT(is_refusal(hypercall_update_va_mapping((uint64_t)root, data_entry(root), UVMF_INVLPG)));
    place_end(&place);
}

static void unpinned_tables_protected(void)
{
    uint64_t *table = page_allocate(0);
    uint64_t place;

    /* A page that is mapped writable cannot be hung in as a table. */
    EXPECT(table);
    EXPECT(is_refusal(entry_set((table_root_mfn() << PAGE_SHIFT) + GUEST_SLOT * 8,
                                page_mfn(table) << PAGE_SHIFT | PTE_TABLE)));
    /* Read-only it can, and then stays read-only until it is taken out. */
    EXPECT_VALUE(0, table_protect(table));
    place = (table_root_mfn() << PAGE_SHIFT) + GUEST_SLOT * 8;
    EXPECT_VALUE(0, entry_set(place, page_mfn(table) << PAGE_SHIFT | PTE_TABLE));
    EXPECT(is_refusal(table_unprotect(table)));
    EXPECT_VALUE(0, entry_set(place, 0));
    EXPECT_VALUE(0, table_unprotect(table));
    page_free(table, 0);
}

/* A page in one role cannot be given another. */
static void level_mixed(void)
{
    uint64_t *table = page_allocate(0);
    uint64_t slot = (table_root_mfn() << PAGE_SHIFT) + GUEST_SLOT * 8;
    struct place place;

    EXPECT(table && place_make(&place));
    EXPECT_VALUE(0, table_protect(table));
    EXPECT_VALUE(0, entry_set(slot, page_mfn(table) << PAGE_SHIFT | PTE_TABLE));
    /* The level-3 table as entry of itself would make it a level-2 table too. */
    EXPECT(is_refusal(
        entry_set((page_mfn(table) << PAGE_SHIFT) + 8, (place.entry & PAGE_MASK) | PTE_TABLE)));
    EXPECT_VALUE(0, table[1]);
    EXPECT_VALUE(0, entry_set(slot, 0));
    EXPECT_VALUE(0, table_unprotect(table));
    page_free(table, 0);
    place_end(&place);
}

static void reserved_slots(void)
{
    uint64_t root = table_root_mfn() << PAGE_SHIFT;
    uint64_t *table = page_allocate(0);

    EXPECT(table);
    EXPECT_VALUE(0, table_protect(table));
    for (unsigned int slot = 256; slot < 272; slot += 5) {
        EXPECT(is_refusal(entry_set(root + slot * 8, page_mfn(table) << PAGE_SHIFT | PTE_TABLE)));
        EXPECT(is_refusal(entry_set(root + slot * 8, 0)));
    }
    EXPECT_VALUE(0, table_unprotect(table));
    page_free(table, 0);
}

/* No superpages: the bit is refused above level 1, whatever frame it comes with. */
static void superpages(void)
{
    uint64_t slot = (table_root_mfn() << PAGE_SHIFT) + GUEST_SLOT * 8;
    uint64_t *level3 = page_allocate(0), *level2 = page_allocate(0);

    EXPECT(level3 && level2);
    EXPECT_VALUE(0, table_protect(level3));
    EXPECT_VALUE(0, table_protect(level2));
    EXPECT_VALUE(0, entry_set(slot, page_mfn(level3) << PAGE_SHIFT | PTE_TABLE));
    EXPECT_VALUE(
        0, entry_set(page_mfn(level3) << PAGE_SHIFT, page_mfn(level2) << PAGE_SHIFT | PTE_TABLE));
    EXPECT(is_refusal(entry_set(page_mfn(level2) << PAGE_SHIFT, PTE_SUPERPAGE | PTE_DATA)));
    EXPECT(is_refusal(
        entry_set(page_mfn(level2) << PAGE_SHIFT, PTE_FRAME_MASK | PTE_SUPERPAGE | PTE_DATA)));
    EXPECT_VALUE(0, level2[0]);
    EXPECT_VALUE(0, entry_set(slot, 0));
    EXPECT_VALUE(0, table_unprotect(level3));
    EXPECT_VALUE(0, table_unprotect(level2));
    page_free(level3, 0);
    page_free(level2, 0);
}

static void preserves_accessed_dirty(void)
{
    struct place place;

    EXPECT(place_make(&place));
    EXPECT_VALUE(0, entry_set(place.entry, data_entry(place.page)));
    *(volatile char *)place.address = 1;
    EXPECT_VALUE(0, entry_set(place.entry | MMU_PT_UPDATE_PRESERVE_AD,
                              data_entry(place.page) & ~(PTE_ACCESSED | PTE_DIRTY)));
    EXPECT_VALUE(PTE_ACCESSED | PTE_DIRTY,
                 table_entry((uint64_t)place.address) & (PTE_ACCESSED | PTE_DIRTY));
    EXPECT_VALUE(0, entry_set(place.entry | MMU_PT_UPDATE_NO_TRANSLATE, data_entry(place.page)));
    place_end(&place);
}

static void machphys_update(void)
{
    uint64_t *page = page_allocate(0);
    uint64_t mfn = page_mfn(page), pfn = page_pfn(page);

    EXPECT(page);
    EXPECT_VALUE(0, entry_set(mfn << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 0x12345));
    EXPECT_VALUE(0x12345, READ_ONCE(machine_to_phys_mapping[mfn]));
    EXPECT_VALUE(0, entry_set(mfn << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, pfn));
    EXPECT_VALUE(pfn, READ_ONCE(machine_to_phys_mapping[mfn]));
    EXPECT(is_refusal(entry_set(ABSURD_FRAME << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 0)));
    page_free(page, 0);
}

/* A page that is no table is written as the plain memory it is. */
static void plain_page(void)
{
    uint64_t *page = page_allocate(0);

    EXPECT(page);
    EXPECT_VALUE(0, entry_set((page_mfn(page) << PAGE_SHIFT) + 16, 0x1122334455667788UL));
    EXPECT_VALUE(0x1122334455667788UL, READ_ONCE(page[2]));
    page_free(page, 0);
}

static void update_refusals(void)
{
    struct mmu_update update = {.ptr = ABSURD_FRAME << PAGE_SHIFT, .val = 0};
    struct place place;

    EXPECT(place_make(&place));
    EXPECT(is_refusal(hypercall_mmu_update(&update, 1, NULL, DOMID_SELF)));
    EXPECT_VALUE(-XEN_ENOSYS, entry_set(place.entry | 4, 0));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_mmu_update((void *)UNMAPPED_ADDRESS, 1, NULL, DOMID_SELF));
    EXPECT_VALUE(-XEN_EFAULT,
                 hypercall_mmu_update((void *)HYPERVISOR_ADDRESS, 1, NULL, DOMID_SELF));
    update.ptr = place.entry;
    EXPECT_EITHER(-XEN_ESRCH, -XEN_EPERM, hypercall_mmu_update(&update, 1, NULL, UNUSED_DOMAIN));
    place_end(&place);
}

static void update_va_mapping(void)
{
    struct place place;
    uint64_t value;

    EXPECT(place_make(&place));
    place.page[0] = 99;
    EXPECT_VALUE(
        0, hypercall_update_va_mapping((uint64_t)place.address, data_entry(place.page), UVMF_NONE));
    EXPECT_VALUE(99, *(volatile uint64_t *)place.address);
    EXPECT_VALUE(
        0, hypercall_update_va_mapping((uint64_t)place.address, 0, UVMF_TLB_FLUSH | UVMF_ALL));
    EXPECT_VALUE(-XEN_EFAULT, fault_try_read(place.address, &value));
    EXPECT_VALUE(0, hypercall_update_va_mapping((uint64_t)place.address, data_entry(place.page),
                                                UVMF_INVLPG | UVMF_ALL));
    EXPECT_VALUE(0,
                 hypercall_update_va_mapping((uint64_t)place.address, 0, UVMF_INVLPG | UVMF_LOCAL));
    EXPECT_VALUE(-XEN_EFAULT, fault_try_read(place.address, &value));
    place_end(&place);
}

static void update_va_mapping_refusals(void)
{
    struct place place;

    EXPECT(place_make(&place));
    EXPECT(is_refusal(
        hypercall_update_va_mapping(UNMAPPED_ADDRESS, data_entry(place.page), UVMF_INVLPG)));
    EXPECT(is_refusal(
        hypercall_update_va_mapping(HYPERVISOR_ADDRESS, data_entry(place.page), UVMF_INVLPG)));
    EXPECT(is_refusal(
        hypercall_update_va_mapping(HYPERVISOR_VIRT_START, data_entry(place.page), UVMF_INVLPG)));
    EXPECT(is_refusal(
        hypercall_update_va_mapping(NONCANONICAL_ADDRESS, data_entry(place.page), UVMF_INVLPG)));
    EXPECT(is_refusal(hypercall_update_va_mapping(
        (uint64_t)place.address, ABSURD_FRAME << PAGE_SHIFT | PTE_DATA, UVMF_INVLPG)));
    place_end(&place);
}

static void update_va_mapping_otherdomain(void)
{
    struct place place;
    int error;

    EXPECT(place_make(&place));
    error = hypercall_update_va_mapping_otherdomain((uint64_t)place.address, data_entry(place.page),
                                                    UVMF_INVLPG, UNUSED_DOMAIN);
    EXPECT_EITHER(-XEN_ESRCH, -XEN_EPERM, error);
    if (guest_is_initial_domain())
        EXPECT_VALUE(-XEN_ESRCH, error);
    place_end(&place);
}

/* Entries may say anything while they are not present, if no cache can take it for a frame. */
static void not_present(void)
{
    struct place place;

    EXPECT(place_make(&place));
    EXPECT_VALUE(0, entry_set(place.entry, 0xfffabcdef0000UL));
    EXPECT_VALUE(0xfffabcdef0000UL, table_entry((uint64_t)place.address));
    place_end(&place);
}

const struct check mmu_checks[] = {
    {"mmu_update: maps an own frame", maps_own_frame},
    {"mmu_update: batches", batches},
    {"mmu_update: frames that do not exist", bad_frames},
    {"mmu_update: addresses that wrap", address_wraps},
    {"mmu_update: the hypervisor's memory", hypervisor_frame},
    {"mmu_update: a page table writable", writable_page_table},
    {"mmu_update: a writable page as table", unpinned_tables_protected},
    {"mmu_update: a table at the wrong level", level_mixed},
    {"mmu_update: reserved slots", reserved_slots},
    {"mmu_update: superpages", superpages},
    {"mmu_update: accessed and dirty preserved", preserves_accessed_dirty},
    {"mmu_update: machine-to-physical entry", machphys_update},
    {"mmu_update: plain page", plain_page},
    {"mmu_update: not-present entry", not_present},
    {"mmu_update: refusals", update_refusals},
    {"update_va_mapping: maps and flushes", update_va_mapping},
    {"update_va_mapping: refusals", update_va_mapping_refusals},
    {"update_va_mapping_otherdomain: refusals", update_va_mapping_otherdomain},
    {NULL, NULL},
};
