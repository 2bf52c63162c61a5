/* SPDX-License-Identifier: MIT */
/* memory_op: reservations, maps of memory, exchange. */
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/table.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>
#include <xen/memory.h>

static long reservation(unsigned int command, domid_t domain)
{
    return hypercall_memory_op(command, &domain);
}

static void maximum_ram_page(void)
{
    long page = hypercall_memory_op(XENMEM_maximum_ram_page, NULL);

    EXPECT(page > 0 && (unsigned long)page < 1UL << 40);
    EXPECT(page_mfn(start_info) <= (unsigned long)page);
}

static void reservations(void)
{
    long current = reservation(XENMEM_current_reservation, DOMID_SELF);

    EXPECT(current > 0);
    EXPECT(reservation(XENMEM_maximum_reservation, DOMID_SELF) >= current);
    EXPECT(is_refusal(reservation(XENMEM_current_reservation, UNUSED_DOMAIN)));
    EXPECT_VALUE(-XEN_EFAULT,
                 hypercall_memory_op(XENMEM_current_reservation, (void *)UNMAPPED_ADDRESS));
}

static long extents_change(unsigned int command, xen_pfn_t *extents, unsigned long count,
                           unsigned int order)
{
    struct xen_memory_reservation request = {
        .nr_extents = count, .extent_order = order, .domid = DOMID_SELF};

    set_xen_guest_handle(request.extent_start, extents);
    return hypercall_memory_op(command, &request);
}

/* Give a page's frame away and get another one for the same pfn. */
static void decrease_and_populate(void)
{
    long before = reservation(XENMEM_current_reservation, DOMID_SELF);
    uint64_t *page = page_allocate(0);
    xen_pfn_t extent = page_mfn(page);

    EXPECT(page);
    EXPECT_VALUE(0, table_map_own((uint64_t)page, 0));
    EXPECT_VALUE(1, extents_change(XENMEM_decrease_reservation, &extent, 1, 0));
    EXPECT_VALUE(before - 1, reservation(XENMEM_current_reservation, DOMID_SELF));
    extent = page_pfn(page);
    EXPECT_VALUE(1, extents_change(XENMEM_populate_physmap, &extent, 1, 0));
    EXPECT_VALUE(before, reservation(XENMEM_current_reservation, DOMID_SELF));
    EXPECT_VALUE(page_pfn(page), machine_to_phys_mapping[extent]);
    page_set_mfn(page_pfn(page), extent);
    EXPECT_VALUE(0, table_unprotect(page));
    for (size_t i = 0; i < PAGE_SIZE / sizeof(*page); i++)
        EXPECT_VALUE(0, page[i]); /* nothing of its former owner */
    page_free(page, 0);
}

static void increase(void)
{
    long before = reservation(XENMEM_current_reservation, DOMID_SELF);
    xen_pfn_t extent = 0;
    long done = extents_change(XENMEM_increase_reservation, &extent, 1, 0);

    SKIP_UNLESS(done != 0, "the reservation is at its maximum");
    EXPECT_VALUE(1, done);
    EXPECT(extent != 0);
    EXPECT_VALUE(before + 1, reservation(XENMEM_current_reservation, DOMID_SELF));
    EXPECT_VALUE(1, extents_change(XENMEM_decrease_reservation, &extent, 1, 0));
    EXPECT_VALUE(before, reservation(XENMEM_current_reservation, DOMID_SELF));
}

static void reservation_refusals(void)
{
    xen_pfn_t extent = 1UL << 40;
    struct xen_memory_reservation other = {.nr_extents = 1, .domid = UNUSED_DOMAIN};

    EXPECT_VALUE(0, extents_change(XENMEM_decrease_reservation, &extent, 1, 0));
    extent = 0;
    EXPECT(extents_change(XENMEM_populate_physmap, &extent, 1, 60) <= 0);
    EXPECT(extents_change(XENMEM_increase_reservation, &extent, 1, 60) <= 0);
    EXPECT(extents_change(XENMEM_populate_physmap, (void *)HYPERVISOR_ADDRESS, 1, 0) <= 0);
    EXPECT(extents_change(XENMEM_populate_physmap, &extent, ~0UL, 0) <= 0);
    set_xen_guest_handle(other.extent_start, &extent);
    EXPECT(hypercall_memory_op(XENMEM_populate_physmap, &other) <= 0);
    EXPECT(hypercall_memory_op(XENMEM_populate_physmap, (void *)UNMAPPED_ADDRESS) <= 0);
}

/* Every node and flag bit set: no node that there is not may be believed. */
static void reservation_flags(void)
{
    long before = reservation(XENMEM_current_reservation, DOMID_SELF);
    xen_pfn_t extent = 0;
    struct xen_memory_reservation request = {
        .nr_extents = 1, .mem_flags = 0x2ff00, .domid = DOMID_SELF};
    long done;

    set_xen_guest_handle(request.extent_start, &extent);
    done = hypercall_memory_op(XENMEM_increase_reservation, &request);
    EXPECT(done <= 1);
    if (done == 1)
        EXPECT_VALUE(1, extents_change(XENMEM_decrease_reservation, &extent, 1, 0));
    EXPECT_VALUE(before, reservation(XENMEM_current_reservation, DOMID_SELF));
}

static void exchange(void)
{
    uint64_t machine_address;
    char *pages;

    EXPECT_VALUE(0, dma_allocate(3, (void **)&pages, &machine_address));
    for (unsigned int i = 0; i < 8; i++) {
        uint64_t mfn = (machine_address >> PAGE_SHIFT) + i;

        EXPECT_VALUE(mfn, page_mfn(pages + i * PAGE_SIZE));
        EXPECT_VALUE(page_pfn(pages) + i, machine_to_phys_mapping[mfn]);
        pages[i * PAGE_SIZE] = 1;
    }
    dma_free(pages, 3);
}

static long exchange_try(unsigned long in_count, unsigned int in_order, unsigned long out_count,
                         unsigned int out_order, xen_pfn_t *in, xen_pfn_t *out)
{
    struct xen_memory_exchange request = {
        .in = {.nr_extents = in_count, .extent_order = in_order, .domid = DOMID_SELF},
        .out = {.nr_extents = out_count, .extent_order = out_order, .domid = DOMID_SELF},
    };

    set_xen_guest_handle(request.in.extent_start, in);
    set_xen_guest_handle(request.out.extent_start, out);
    return hypercall_memory_op(XENMEM_exchange, &request);
}

static void exchange_refusals(void)
{
    xen_pfn_t in = 1UL << 40, out = 0;

    EXPECT(is_refusal(exchange_try(1, 0, 1, 0, &in, &out)));
    EXPECT(is_refusal(exchange_try(2, 0, 1, 0, &in, &out)));
    EXPECT(is_refusal(exchange_try(1, 63, 1, 63, &in, &out)));
    in = table_root_mfn();
    EXPECT(is_refusal(exchange_try(1, 0, 1, 0, &in, &out)));
    EXPECT(is_refusal(exchange_try(1, 0, 1, 0, (void *)HYPERVISOR_ADDRESS, &out)));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_memory_op(XENMEM_exchange, (void *)UNMAPPED_ADDRESS));
}

static void machphys_mapping(void)
{
    struct xen_machphys_mapping mapping = {0};

    EXPECT_VALUE(0, hypercall_memory_op(XENMEM_machphys_mapping, &mapping));
    EXPECT_VALUE(MACH2PHYS_VIRT_START, mapping.v_start);
    EXPECT(mapping.v_end > mapping.v_start);
    EXPECT(mapping.max_mfn > 0);
    EXPECT_VALUE(page_pfn(start_info), machine_to_phys_mapping[page_mfn(start_info)]);
}

static void machphys_list(void)
{
    xen_pfn_t frames[2];
    struct xen_machphys_mfn_list list = {.max_extents = 2};

    set_xen_guest_handle(list.extent_start, frames);
    EXPECT_VALUE(0, hypercall_memory_op(XENMEM_machphys_mfn_list, &list));
    EXPECT(list.nr_extents >= 1 && list.nr_extents <= 2);
    EXPECT(frames[0] != 0);
}

static void memory_map(void)
{
    static uint8_t entries[128 * 20];
    struct xen_memory_map map = {.nr_entries = 128};
    long result;

    set_xen_guest_handle(map.buffer, (void *)entries);
    result = hypercall_memory_op(XENMEM_memory_map, &map);
    SKIP_UNLESS(result != -XEN_ENOSYS, "the domain's builder gave no map");
    EXPECT_VALUE(0, result);
    EXPECT(map.nr_entries > 0 && map.nr_entries <= 128);
}

static void machine_memory_map(void)
{
    static uint8_t entries[128 * 20];
    struct xen_memory_map map = {.nr_entries = 128};
    long result;

    set_xen_guest_handle(map.buffer, (void *)entries);
    result = hypercall_memory_op(XENMEM_machine_memory_map, &map);
    if (guest_is_initial_domain()) {
        EXPECT_VALUE(0, result);
        EXPECT(map.nr_entries > 0 && map.nr_entries <= 128);
    } else {
        EXPECT_VALUE(-XEN_EPERM, result);
    }
}

/* Only translated domains have a physical map that this could change. */
static void add_to_physmap(void)
{
    struct xen_add_to_physmap request = {.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info};

    EXPECT(is_refusal(hypercall_memory_op(XENMEM_add_to_physmap, &request)));
}

static void unknown_command(void)
{
    EXPECT_VALUE(-XEN_ENOSYS, hypercall_memory_op(63, NULL));
}

static void maximum_gpfn(void)
{
    EXPECT(reservation(XENMEM_maximum_gpfn, DOMID_SELF) > 0);
    EXPECT(is_refusal(reservation(XENMEM_maximum_gpfn, UNUSED_DOMAIN)));
}

static void remove_from_physmap(void)
{
    struct xen_remove_from_physmap request = {.domid = UNUSED_DOMAIN};

    EXPECT(is_refusal(hypercall_memory_op(XENMEM_remove_from_physmap, &request)));
    EXPECT(is_refusal(hypercall_memory_op(XENMEM_remove_from_physmap, (void *)UNMAPPED_ADDRESS)));
}

static void claim_pages(void)
{
    struct xen_memory_reservation request = {.nr_extents = 1, .domid = UNUSED_DOMAIN};

    EXPECT(is_refusal(hypercall_memory_op(XENMEM_claim_pages, &request)));
}

static void acquire_resource(void)
{
    struct xen_mem_acquire_resource request = {
        .domid = UNUSED_DOMAIN, .type = XENMEM_resource_grant_table, .nr_frames = 1};
    xen_pfn_t frame = 0;

    set_xen_guest_handle(request.frame_list, &frame);
    EXPECT(is_refusal(hypercall_memory_op(XENMEM_acquire_resource, &request)));
}

const struct check memory_checks[] = {
    {"memory_op: maximum_ram_page", maximum_ram_page},
    {"memory_op: current and maximum reservation", reservations},
    {"memory_op: decrease_reservation, populate_physmap", decrease_and_populate},
    {"memory_op: increase_reservation", increase},
    {"memory_op: reservation refusals", reservation_refusals},
    {"memory_op: reservation flags", reservation_flags},
    {"memory_op: exchange", exchange},
    {"memory_op: exchange refusals", exchange_refusals},
    {"memory_op: machphys_mapping", machphys_mapping},
    {"memory_op: machphys_mfn_list", machphys_list},
    {"memory_op: memory_map", memory_map},
    {"memory_op: machine_memory_map", machine_memory_map},
    {"memory_op: add_to_physmap", add_to_physmap},
    {"memory_op: unknown command", unknown_command},
    {"memory_op: maximum_gpfn", maximum_gpfn},
    {"memory_op: remove_from_physmap refusals", remove_from_physmap},
    {"memory_op: claim_pages refusals", claim_pages},
    {"memory_op: acquire_resource refusals", acquire_resource},
    {NULL, NULL},
};
