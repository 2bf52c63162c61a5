/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/page.h"

#include "lib/string.h"
#include "pvguest/kernel/buddy.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/lock.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/table.h"

#include <stdbool.h>
#include <stddef.h>

#define IMAGE_BASE  0xffffffff80000000UL
#define DIRECT_BASE 0xffff880000000000UL

extern char image_start[], text_end[], rodata_end[], image_end[]; /* pvguest.ld */

static uint64_t *map;      /* pfn to mfn */
static uint64_t map_count; /* pfns in it */
static uint64_t boundary;  /* pfns below it lie in the initial mapping, others in the direct map */

/* Before the buddies run: what the initial mapping left over, and the direct map so far. */
struct span {
    uint64_t next, end;
};
static struct span image_span, direct_span;
static bool buddies_ready;
static struct spinlock buddy_lock;

void *page_of_pfn(uint64_t pfn)
{
    return (void *)((pfn < boundary ? IMAGE_BASE : DIRECT_BASE) + (pfn << PAGE_SHIFT));
}

uint64_t page_pfn(const void *address)
{
    uint64_t virtual = (uint64_t)address;

    return (virtual - (virtual >= IMAGE_BASE ? IMAGE_BASE : DIRECT_BASE)) >> PAGE_SHIFT;
}

uint64_t page_mfn_of_pfn(uint64_t pfn)
{
    ASSERT(pfn < map_count);
    return map[pfn];
}

uint64_t page_mfn(const void *address)
{
    return page_mfn_of_pfn(page_pfn(address));
}

/* The machine's table may say anything for a foreign frame; only a pfn that agrees counts. */
void *page_of_mfn(uint64_t mfn)
{
    uint64_t pfn;

    if (mfn >= MACH2PHYS_NR_ENTRIES)
        return NULL;
    pfn = machine_to_phys_mapping[mfn];
    return pfn < map_count && map[pfn] == mfn ? page_of_pfn(pfn) : NULL;
}

void page_set_mfn(uint64_t pfn, uint64_t mfn)
{
    struct mmu_update update = {.ptr = mfn << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, .val = pfn};

    ASSERT(pfn < map_count);
    map[pfn] = mfn;
    hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
}

unsigned int page_order(uint64_t size)
{
    unsigned int order = 0;

    while ((PAGE_SIZE << order) < size)
        order++;
    return order;
}

static void *span_take(struct span *span, uint64_t pages)
{
    void *address = page_of_pfn(span->next);

    if (span->end - span->next < pages)
        return NULL;
    span->next += pages;
    return address;
}

/* Memory for ever, contiguous in virtual addresses. */
static void *early_allocate(uint64_t pages)
{
    void *address = span_take(&image_span, pages);

    if (!address)
        address = span_take(&direct_span, pages);
    if (!address)
        panic("no memory to start with: %lu pages wanted", pages);
    memset(address, 0, pages << PAGE_SHIFT);
    return address;
}

void *page_allocate(unsigned int order)
{
    unsigned long masked;
    uint64_t pfn;
    void *address;

    if (order > PAGE_ORDER_MAX)
        return NULL;
    if (!buddies_ready)
        return early_allocate(1UL << order);
    masked = spin_lock(&buddy_lock);
    pfn = buddy_take(order);
    spin_unlock(&buddy_lock, masked);
    if (pfn == BUDDY_NONE)
        return NULL;
    address = page_of_pfn(pfn);
    memset(address, 0, PAGE_SIZE << order);
    return address;
}

void page_free(void *address, unsigned int order)
{
    unsigned long masked = spin_lock(&buddy_lock);

    buddy_release(page_pfn(address), order);
    spin_unlock(&buddy_lock, masked);
}

uint64_t page_free_count(void)
{
    return buddy_free_pages();
}

static uint64_t later(uint64_t left, uint64_t right)
{
    return left > right ? left : right;
}

/* The builder puts, in this order: image, module, map, start info, rings, tables, boot stack. */
static uint64_t first_unused_address(uint64_t boot_stack_end)
{
    uint64_t end = boot_stack_end;

    end = later(end, start_info->pt_base + (start_info->nr_pt_frames << PAGE_SHIFT));
    end = later(end, (uint64_t)start_info + PAGE_SIZE);
    end = later(end, start_info->mfn_list + start_info->nr_pages * sizeof(uint64_t));
    if (start_info->mod_len)
        end = later(end, start_info->mod_start + start_info->mod_len);
    return (end + PAGE_SIZE - 1) & PAGE_MASK;
}

/* How far the initial mapping goes: page by page, as its tables say. */
static uint64_t initial_mapping_end(uint64_t pfn)
{
    while (pfn < map_count) {
        uint64_t entry = table_entry(IMAGE_BASE + (pfn << PAGE_SHIFT));

        if (!(entry & PTE_PRESENT) || (entry & PTE_FRAME_MASK) != map[pfn] << PAGE_SHIFT)
            break;
        pfn++;
    }
    return pfn;
}

/* Tables of the direct map come out of what is mapped already: 512 pages cost one. */
static void direct_map_make(void)
{
    uint64_t chunk = boundary & ~(TABLE_ENTRIES - 1UL);

    for (; chunk < map_count; chunk += TABLE_ENTRIES) {
        uint64_t *level1 = early_allocate(1);
        int error;

        for (uint64_t i = 0; i < TABLE_ENTRIES && chunk + i < map_count; i++)
            if (chunk + i >= boundary)
                level1[i] = map[chunk + i] << PAGE_SHIFT | PTE_DATA;
        error = table_install(DIRECT_BASE + (chunk << PAGE_SHIFT), level1);
        if (error)
            panic("direct map refused at pfn %#lx: %d", chunk, error);
        direct_span.end = chunk + TABLE_ENTRIES < map_count ? chunk + TABLE_ENTRIES : map_count;
    }
}

static void span_protect(uint64_t first, uint64_t end, uint64_t flags)
{
    for (uint64_t address = first; address < end; address += PAGE_SIZE)
        if (table_map_own(address, page_mfn((void *)address) << PAGE_SHIFT | flags))
            panic("image page %#lx not protected", address);
}

/*
 * Nothing of the image is both writable and executable. One of its pages shows shared info, which
 * is not ours to map here.
 */
static void image_protect(void)
{
    span_protect((uint64_t)image_start, (uint64_t)text_end, PTE_PRESENT | PTE_ACCESSED);
    span_protect((uint64_t)text_end, (uint64_t)rodata_end,
                 PTE_PRESENT | PTE_ACCESSED | PTE_NO_EXECUTE);
    span_protect((uint64_t)rodata_end, (uint64_t)shared_info, PTE_DATA);
    span_protect((uint64_t)shared_info + PAGE_SIZE, (uint64_t)image_end, PTE_DATA);
}

void page_start(uint64_t boot_stack_end)
{
    uint64_t unused;
    void *states;

    map = (uint64_t *)start_info->mfn_list;
    map_count = start_info->nr_pages;
    boundary = map_count; /* while only the initial mapping exists */
    unused = page_pfn((void *)first_unused_address(boot_stack_end));
    boundary = initial_mapping_end(unused);
    image_span = (struct span){.next = unused, .end = boundary};
    direct_span = (struct span){.next = boundary, .end = boundary};

    image_protect();
    direct_map_make();
    states = early_allocate((map_count + PAGE_SIZE - 1) >> PAGE_SHIFT);
    buddy_start(states, map_count);
    /* A block across the boundary would not be contiguous: one page less keeps them apart. */
    if (image_span.end & ((1UL << PAGE_ORDER_MAX) - 1) && image_span.next < image_span.end)
        image_span.end--;
    buddy_release_range(image_span.next, image_span.end);
    buddy_release_range(direct_span.next, direct_span.end);
    buddies_ready = true;
    shared_info->arch.max_pfn = map_count;
}
