/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/buddy.h"

#include "lib/list.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"

#define HEAD_OF_FREE 0x80 /* | order, in the state byte of a free block's first pfn */

static uint8_t *states;
static uint64_t pfn_count, free_pages;
static struct list blocks[PAGE_ORDER_MAX + 1];

void buddy_start(uint8_t *state, uint64_t count)
{
    states = state;
    pfn_count = count;
    for (unsigned int order = 0; order <= PAGE_ORDER_MAX; order++)
        list_init(&blocks[order]);
}

static void block_insert(uint64_t pfn, unsigned int order)
{
    states[pfn] = (uint8_t)(HEAD_OF_FREE | order);
    list_push_front(&blocks[order], page_of_pfn(pfn));
}

static void block_remove(uint64_t pfn)
{
    states[pfn] = 0;
    list_remove(page_of_pfn(pfn));
}

uint64_t buddy_take(unsigned int order)
{
    unsigned int found = order;
    uint64_t pfn;

    while (found <= PAGE_ORDER_MAX && list_empty(&blocks[found]))
        found++;
    if (found > PAGE_ORDER_MAX)
        return BUDDY_NONE;
    pfn = page_pfn(list_first(&blocks[found]));
    block_remove(pfn);
    while (found > order) {
        found--;
        block_insert(pfn + (1UL << found), found);
    }
    free_pages -= 1UL << order;
    return pfn;
}

void buddy_release(uint64_t pfn, unsigned int order)
{
    ASSERT(pfn + (1UL << order) <= pfn_count && !(pfn & ((1UL << order) - 1)));
    ASSERT(!states[pfn]);
    free_pages += 1UL << order;
    for (; order < PAGE_ORDER_MAX; order++) {
        uint64_t buddy = pfn ^ (1UL << order);

        if (buddy + (1UL << order) > pfn_count || states[buddy] != (HEAD_OF_FREE | order))
            break;
        block_remove(buddy);
        pfn &= ~(1UL << order);
    }
    block_insert(pfn, order);
}

void buddy_release_range(uint64_t first, uint64_t end)
{
    while (first < end) {
        unsigned int order = 0;

        while (order < PAGE_ORDER_MAX && !(first & (1UL << order)) && first + (2UL << order) <= end)
            order++;
        buddy_release(first, order);
        first += 1UL << order;
    }
}

uint64_t buddy_free_pages(void)
{
    return free_pages;
}
