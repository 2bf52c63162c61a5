/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/dma.h"

#include "lib/string.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/table.h"

#include <stddef.h>
#include <xen/errno.h>
#include <xen/memory.h>

/* Map each page again to the frame that the pfn has now. */
static void pages_map(char *pages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *page = pages + i * PAGE_SIZE;
        int error = table_map_own((uint64_t)page, page_mfn(page) << PAGE_SHIFT | PTE_DATA);

        if (error)
            panic("own page refused: %d", error);
    }
}

static void pages_unmap(char *pages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (table_map_own((uint64_t)pages + i * PAGE_SIZE, 0))
            panic("own page not unmapped");
}

/* Give count frames, get one run of the same length. */
static int frames_exchange(const char *pages, unsigned int order, uint64_t *mfns, uint64_t *first)
{
    size_t count = 1UL << order;
    xen_pfn_t extent = page_pfn(pages);
    struct xen_memory_exchange exchange = {
        .in = {.nr_extents = count, .extent_order = 0, .domid = DOMID_SELF},
        .out = {.nr_extents = 1, .extent_order = order, .domid = DOMID_SELF},
    };
    int error;

    for (size_t i = 0; i < count; i++)
        mfns[i] = page_mfn(pages + i * PAGE_SIZE);
    set_xen_guest_handle(exchange.in.extent_start, mfns);
    set_xen_guest_handle(exchange.out.extent_start, &extent);
    error = (int)hypercall_memory_op(XENMEM_exchange, &exchange);
    if (error)
        return error;
    if (exchange.nr_exchanged != count)
        return -XEN_ENOMEM;
    *first = extent;
    return 0;
}

int dma_allocate(unsigned int order, void **address, uint64_t *machine_address)
{
    size_t count = 1UL << order;
    uint64_t *mfns = heap_allocate(count * sizeof(*mfns));
    char *pages = page_allocate(order);
    uint64_t first = 0;
    int error = -XEN_ENOMEM;

    if (!mfns || !pages)
        goto free_all;
    if (order) {
        pages_unmap(pages, count);
        error = frames_exchange(pages, order, mfns, &first);
        for (size_t i = 0; !error && i < count; i++)
            page_set_mfn(page_pfn(pages) + i, first + i);
        pages_map(pages, count);
        if (error)
            goto free_all;
        memset(pages, 0, count * PAGE_SIZE);
    }
    heap_free(mfns);
    *address = pages;
    *machine_address = page_mfn(pages) << PAGE_SHIFT;
    return 0;

free_all:
    heap_free(mfns);
    if (pages)
        page_free(pages, order);
    return error;
}

void dma_free(void *address, unsigned int order)
{
    page_free(address, order);
}
