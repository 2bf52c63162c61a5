/* SPDX-License-Identifier: MIT */
/* The reservation: one page given back and taken again. */
#include "pvguest/bench/bench.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/table.h"

#include <xen/memory.h>

static void *page;
static uint64_t pfn;
static unsigned int results;

static int mapping_set(uint64_t entry)
{
    return hypercall_update_va_mapping((uint64_t)page, entry, UVMF_INVLPG);
}

static bool page_take_out(void)
{
    page = page_allocate(0);
    if (!page)
        return false;
    pfn = page_pfn(page);
    return !mapping_set(0);
}

static void decrease_and_populate(unsigned int count)
{
    xen_pfn_t frame = page_mfn_of_pfn(pfn), number = pfn;
    struct xen_memory_reservation reservation = {.nr_extents = 1, .domid = DOMID_SELF};

    results = 0;
    for (unsigned int i = 0; i < count; i++) {
        set_xen_guest_handle(reservation.extent_start, &frame);
        if (hypercall_memory_op(XENMEM_decrease_reservation, &reservation) != 1)
            break;
        frame = number;
        if (hypercall_memory_op(XENMEM_populate_physmap, &reservation) != 1)
            break;
        results++;
    }
    page_set_mfn(pfn, frame);
}

static bool all_came_back(unsigned int count)
{
    return results == count;
}

static void page_put_back(void)
{
    mapping_set(page_mfn_of_pfn(pfn) << PAGE_SHIFT | PTE_DATA);
    page_free(page, 0);
}

const struct row memory_rows[] = {
    {"reservation_change_pair", 500, page_take_out, decrease_and_populate, all_came_back,
     page_put_back},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
