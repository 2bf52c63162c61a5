/* SPDX-License-Identifier: MIT */
/* Page-table entries and tables: updates, flushes, pins, base pointers, emulated stores. */
#include "pvguest/kernel/table.h"
#include "pvguest/bench/bench.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"

#define BATCH 32

static char *window;
static uint64_t *pages[2];
static uint64_t entries[2], entry_address;
static struct mmu_update updates[BATCH];
static unsigned int results;
static uint64_t *table;

/* A place with a level-1 entry, and two own pages to show there in turn. */
static bool place_make(void)
{
    window = window_reserve(1);
    for (unsigned int i = 0; i < 2; i++) {
        pages[i] = page_allocate(0);
        if (!window || !pages[i])
            return false;
        pages[i][0] = i + 1;
        entries[i] = page_mfn(pages[i]) << PAGE_SHIFT | PTE_DATA;
    }
    return !table_entry_address((uint64_t)window, true, &entry_address);
}

static void place_end(void)
{
    table_map_own((uint64_t)window, 0);
    window_release(window, 1);
    page_free(pages[0], 0);
    page_free(pages[1], 0);
}

static void update_va(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++)
        hypercall_update_va_mapping((uint64_t)window, entries[i & 1], 0);
}

static void update_va_flush(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++)
        hypercall_update_va_mapping((uint64_t)window, entries[i & 1], UVMF_INVLPG);
}

static void update_single(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        struct mmu_update update = {entry_address, entries[i & 1]};
        hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
    }
}

static void update_batch(unsigned int count)
{
    for (unsigned int done = 0; done < count; done += BATCH) {
        for (unsigned int i = 0; i < BATCH; i++)
            updates[i] = (struct mmu_update){entry_address, entries[i & 1]};
        hypercall_mmu_update(updates, BATCH, NULL, DOMID_SELF);
    }
}

/* An even number of updates leaves the second page there. */
static bool second_page_shows(unsigned int count)
{
    (void)count;
    __asm__ __volatile__("" ::: "memory");
    hypercall_update_va_mapping((uint64_t)window, table_entry((uint64_t)window), UVMF_INVLPG);
    return *(volatile uint64_t *)window == 2;
}

static bool mapped_place_make(void)
{
    return place_make() && !table_map_own((uint64_t)window, entries[0]);
}

/* A guest asks for it first, as it must on Xen; the first domain there has it anyway. */
static bool written_place_make(void)
{
    hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
    return mapped_place_make();
}

/* The table is mapped read-only at its own address: each store traps and is emulated. */
static void store(unsigned int count)
{
    volatile uint64_t *entry =
        (uint64_t *)page_of_mfn(entry_address >> PAGE_SHIFT) + (entry_address & ~PAGE_MASK) / 8;

    for (unsigned int i = 0; i < count; i++)
        *entry = entries[i & 1];
}

static void mmuext(unsigned int command, uint64_t argument)
{
    struct mmuext_op operation = {.cmd = command, .arg1.mfn = argument};

    results += hypercall_mmuext_op(&operation, 1, NULL, DOMID_SELF) == 0;
}

static void flush(unsigned int count)
{
    results = 0;
    for (unsigned int i = 0; i < count; i++)
        mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0);
}

static void flush_page(unsigned int count)
{
    results = 0;
    for (unsigned int i = 0; i < count; i++)
        mmuext(MMUEXT_INVLPG_LOCAL, (uint64_t)window);
}

/* What the page's translation was before is gone after one more. */
static bool shows_after(void (*one_flush)(unsigned int count), unsigned int count)
{
    bool all = results == count;

    (void)*(volatile uint64_t *)window;
    hypercall_update_va_mapping((uint64_t)window, entries[1], 0);
    one_flush(1);
    return all && *(volatile uint64_t *)window == 2;
}

static bool flush_shows(unsigned int count)
{
    return shows_after(flush, count);
}

static bool page_flush_shows(unsigned int count)
{
    return shows_after(flush_page, count);
}

static void base_pointer(unsigned int count)
{
    results = 0;
    for (unsigned int i = 0; i < count; i++)
        mmuext(MMUEXT_NEW_BASEPTR, table_root_mfn());
}

static bool results_count(unsigned int count)
{
    return results == count;
}

/* A level-1 table with 512 mappings of one page. */
static bool full_table_make(void)
{
    pages[0] = page_allocate(0);
    table = page_allocate(0);
    if (!pages[0] || !table)
        return false;
    for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
        table[i] = page_mfn(pages[0]) << PAGE_SHIFT | PTE_DATA;
    return !table_protect(table);
}

static void pin_unpin(unsigned int count)
{
    results = 0;
    for (unsigned int i = 0; i < count; i++) {
        mmuext(MMUEXT_PIN_L1_TABLE, page_mfn(table));
        mmuext(MMUEXT_UNPIN_TABLE, page_mfn(table));
    }
}

static bool pins_and_unpins(unsigned int count)
{
    return results == 2 * count;
}

static void full_table_end(void)
{
    table_unprotect(table);
    page_free(table, 0);
    page_free(pages[0], 0);
}

const struct row table_rows[] = {
    {"update_va_mapping", 10000, place_make, update_va, second_page_shows, place_end},
    {"update_va_mapping_flush", 5000, place_make, update_va_flush, second_page_shows, place_end},
    {"mmu_update_single", 10000, place_make, update_single, second_page_shows, place_end},
    {"mmu_update_entry", 10000 / BATCH *BATCH, place_make, update_batch, second_page_shows,
     place_end},
    {"emulated_table_write", 2000, written_place_make, store, second_page_shows, place_end},
    {"tlb_flush", 5000, mapped_place_make, flush, flush_shows, place_end},
    {"invlpg", 5000, mapped_place_make, flush_page, page_flush_shows, place_end},
    {"new_base_pointer", 5000, NULL, base_pointer, results_count, NULL},
    {"pin_unpin_full_l1", 50, full_table_make, pin_unpin, pins_and_unpins, full_table_end},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
