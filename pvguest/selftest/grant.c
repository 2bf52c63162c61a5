/* SPDX-License-Identifier: MIT */
/* grant_table_op, with this domain at both ends. */
#include "pvguest/kernel/grant.h"

#include "lib/string.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/table.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>

#define ABSURD_FRAME (1UL << 39)

/* This domain's own number: a grant names its receiver, and DOMID_SELF is no number. */
static domid_t own_domain;

static void own_number(void)
{
    EXPECT_VALUE(0, event_own_domain(&own_domain));
    if (guest_is_initial_domain())
        EXPECT_VALUE(0, own_domain);
    else
        EXPECT(own_domain != 0);
}

static int16_t ref_map(domid_t domain, grant_ref_t ref, uint32_t flags, const void *address,
                       grant_handle_t *handle)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = (uint64_t)address, .flags = flags, .ref = ref, .dom = domain};
    uint64_t entry;

    if ((uint64_t)address >= HYPERVISOR_VIRT_END)
        table_entry_address((uint64_t)address, true, &entry);
    if (hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1))
        return 1;
    *handle = map.handle;
    return map.status;
}

static int16_t handle_unmap(const void *address, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref unmap = {.host_addr = (uint64_t)address, .handle = handle};

    return hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1) ? 1 : unmap.status;
}

static void maps(void)
{
    uint64_t *page = page_allocate(0), value;
    struct grant_mapping mapping;
    grant_ref_t ref;

    EXPECT(page);
    EXPECT_VALUE(0, grant_access(own_domain, page_mfn(page), false, &ref));
    EXPECT_VALUE(0, grant_map(own_domain, &ref, 1, false, &mapping));
    page[0] = 5;
    EXPECT_VALUE(5, *(volatile uint64_t *)mapping.address);
    ((volatile uint64_t *)mapping.address)[1] = 6;
    EXPECT_VALUE(6, *(volatile uint64_t *)&page[1]);
    EXPECT_VALUE(-XEN_EBUSY, grant_end_access(ref));
    EXPECT_VALUE(0, grant_unmap(&mapping));
    EXPECT_VALUE(0, grant_end_access(ref));
    EXPECT(grant_map(own_domain, &ref, 1, false, &mapping) < 0);
    EXPECT_VALUE(0, fault_try_read(page, &value));
    page_free(page, 0);
}

static void several(void)
{
    uint64_t *pages = page_allocate(2);
    struct grant_mapping mapping;
    grant_ref_t refs[4];

    EXPECT(pages);
    for (unsigned int i = 0; i < 4; i++) {
        pages[i * 512] = i + 100;
        EXPECT_VALUE(0, grant_access(own_domain, page_mfn(pages + i * 512), true, &refs[i]));
    }
    EXPECT_VALUE(0, grant_map(own_domain, refs, 4, true, &mapping));
    for (unsigned int i = 0; i < 4; i++)
        EXPECT_VALUE(i + 100, ((volatile uint64_t *)mapping.address)[i * 512]);
    EXPECT_VALUE(0, grant_unmap(&mapping));
    for (unsigned int i = 0; i < 4; i++)
        EXPECT_VALUE(0, grant_end_access(refs[i]));
    page_free(pages, 2);
}

static void read_only(void)
{
    uint64_t *page = page_allocate(0), value;
    struct grant_mapping mapping;
    grant_ref_t ref;

    EXPECT(page);
    EXPECT_VALUE(0, grant_access(own_domain, page_mfn(page), true, &ref));
    EXPECT(grant_map(own_domain, &ref, 1, false, &mapping) < 0);
    EXPECT_VALUE(0, grant_map(own_domain, &ref, 1, true, &mapping));
    EXPECT_VALUE(0, fault_try_read(mapping.address, &value));
    EXPECT_VALUE(-XEN_EFAULT, fault_try_write(mapping.address, 1));
    EXPECT_VALUE(0, grant_unmap(&mapping));
    EXPECT_VALUE(0, grant_end_access(ref));
    page_free(page, 0);
}

/* Whether it was used or not: once undone, a mapping shows nothing, not even to a TLB. */
static void undone_mappings(void)
{
    char *place = window_reserve(1);
    uint64_t *page = page_allocate(0), value;
    grant_handle_t handle;
    grant_ref_t ref;

    EXPECT(place && page);
    EXPECT_VALUE(0, grant_access(own_domain, page_mfn(page), false, &ref));
    for (unsigned int use = 0; use < 4; use++) {
        EXPECT_VALUE(GNTST_okay, ref_map(own_domain, ref, GNTMAP_host_map, place, &handle));
        if (use & 1)
            EXPECT_VALUE(0, fault_try_read(place, &value));
        if (use & 2)
            EXPECT_VALUE(0, fault_try_write(place, 1));
        EXPECT_VALUE(GNTST_okay, handle_unmap(place, handle));
        EXPECT_VALUE(-XEN_EFAULT, fault_try_read(place, &value));
        EXPECT_VALUE(-XEN_EFAULT, fault_try_write(place, 1));
    }
    EXPECT_VALUE(0, grant_end_access(ref));
    page_free(page, 0);
    window_release(place, 1);
}

static void map_refusals(void)
{
    char *place = window_reserve(1);
    uint64_t *page = page_allocate(0);
    grant_handle_t handle;
    grant_ref_t ref;

    EXPECT(place && page);
    EXPECT_VALUE(GNTST_bad_gntref,
                 ref_map(own_domain, 0xfffffff0, GNTMAP_host_map, place, &handle));
    EXPECT(ref_map(own_domain, 9, GNTMAP_host_map, place, &handle) < 0); /* not granted */
    EXPECT_VALUE(GNTST_bad_domain, ref_map(UNUSED_DOMAIN, 9, GNTMAP_host_map, place, &handle));
    EXPECT_VALUE(0, grant_access(UNUSED_DOMAIN, page_mfn(page), false, &ref));
    EXPECT(ref_map(own_domain, ref, GNTMAP_host_map, place, &handle) < 0); /* for another */
    EXPECT_VALUE(0, grant_end_access(ref));
    EXPECT_VALUE(0, grant_access(own_domain, page_mfn(page), false, &ref));
    EXPECT(ref_map(own_domain, ref, 0, place, &handle) < 0); /* neither host nor device */
    EXPECT(ref_map(own_domain, ref, GNTMAP_host_map, (void *)HYPERVISOR_ADDRESS, &handle) < 0);
    EXPECT_VALUE(0, grant_end_access(ref));
    page_free(page, 0);
    window_release(place, 1);
}

/* A grant of a frame that is not the granter's is worth nothing. */
static void foreign_frame(void)
{
    char *place = window_reserve(1);
    grant_handle_t handle;
    grant_ref_t ref;

    EXPECT(place);
    EXPECT_VALUE(0, grant_access(own_domain, 0xfffffff0, false, &ref));
    EXPECT(ref_map(own_domain, ref, GNTMAP_host_map, place, &handle) < 0);
    EXPECT_VALUE(0, grant_end_access(ref));
    window_release(place, 1);
}

static void unmap_refusals(void)
{
    char *place = window_reserve(2);
    uint64_t *page = page_allocate(0);
    grant_handle_t handle;
    grant_ref_t ref;

    EXPECT(place && page);
    EXPECT_VALUE(GNTST_bad_handle, handle_unmap(place, 0xfffffff0));
    EXPECT_VALUE(0, grant_access(own_domain, page_mfn(page), false, &ref));
    EXPECT_VALUE(0, ref_map(own_domain, ref, GNTMAP_host_map, place, &handle));
    EXPECT(handle_unmap(place + PAGE_SIZE, handle) < 0); /* shows nothing there */
    EXPECT_VALUE(-XEN_EBUSY, grant_end_access(ref));
    EXPECT_VALUE(0, handle_unmap(place, handle));
    EXPECT(handle_unmap(place, handle) < 0);
    EXPECT_VALUE(0, grant_end_access(ref));
    page_free(page, 0);
    window_release(place, 2);
}

/* The entry by its machine address; a misaligned one is refused. */
static void map_by_entry(void)
{
    uint64_t *page = page_allocate(0), entry;
    char *place = window_reserve(1);
    grant_handle_t handle;
    grant_ref_t ref;

    EXPECT(page && place);
    EXPECT_VALUE(0, table_entry_address((uint64_t)place, true, &entry));
    EXPECT_VALUE(0, grant_access(own_domain, page_mfn(page), false, &ref));
    EXPECT(ref_map(own_domain, ref, GNTMAP_host_map | GNTMAP_contains_pte, (void *)(entry + 3),
                   &handle) < 0);
    EXPECT_VALUE(
        0, ref_map(own_domain, ref, GNTMAP_host_map | GNTMAP_contains_pte, (void *)entry, &handle));
    page[0] = 31;
    EXPECT_VALUE(31, *(volatile uint64_t *)place);
    EXPECT_VALUE(0, handle_unmap((void *)entry, handle));
    EXPECT_VALUE(0, grant_end_access(ref));
    page_free(page, 0);
    window_release(place, 1);
}

static struct gnttab_copy segment_make(grant_ref_t ref, const void *page, bool to_ref)
{
    struct gnttab_copy segment = {.len = 100};
    struct gnttab_copy_ptr granted = {.u.ref = ref, .domid = own_domain, .offset = 8};
    struct gnttab_copy_ptr local = {.u.gmfn = page_mfn(page), .domid = DOMID_SELF, .offset = 16};

    segment.flags = to_ref ? GNTCOPY_dest_gref : GNTCOPY_source_gref;
    segment.source = to_ref ? local : granted;
    segment.dest = to_ref ? granted : local;
    return segment;
}

static void copies(void)
{
    char *granted = page_allocate(0), *local = page_allocate(0);
    struct gnttab_copy segment;
    grant_ref_t ref;

    EXPECT(granted && local);
    EXPECT_VALUE(0, grant_access(own_domain, page_mfn(granted), false, &ref));
    memset(granted + 8, 'x', 100);
    segment = segment_make(ref, local, false);
    EXPECT_VALUE(0, grant_copy(&segment, 1));
    EXPECT_VALUE(0, memcmp(granted + 8, local + 16, 100));
    EXPECT_VALUE(0, local[15] | local[116]);
    memset(local + 16, 'y', 100);
    segment = segment_make(ref, local, true);
    EXPECT_VALUE(0, grant_copy(&segment, 1));
    EXPECT_VALUE(0, memcmp(granted + 8, local + 16, 100));
    EXPECT_VALUE(0, grant_end_access(ref));
    page_free(granted, 0);
    page_free(local, 0);
}

static void copy_refusals(void)
{
    char *granted = page_allocate(0), *local = page_allocate(0);
    struct gnttab_copy segment;
    grant_ref_t ref;

    EXPECT(granted && local);
    EXPECT_VALUE(0, grant_access(own_domain, page_mfn(granted), true, &ref));
    segment = segment_make(ref, local, true);
    EXPECT(grant_copy(&segment, 1) < 0 && segment.status < 0); /* read-only grant */
    segment = segment_make(ref, local, false);
    segment.len = PAGE_SIZE;
    EXPECT(grant_copy(&segment, 1) < 0);
    EXPECT_VALUE(GNTST_bad_copy_arg, segment.status);
    segment = segment_make(ref, local, false);
    segment.source.u.ref = 0xfffffff0;
    EXPECT(grant_copy(&segment, 1) < 0);
    EXPECT_VALUE(GNTST_bad_gntref, segment.status);
    segment = segment_make(ref, local, false);
    segment.dest.u.gmfn = table_root_mfn();
    EXPECT(grant_copy(&segment, 1) < 0); /* a page table is no plain memory */
    segment = segment_make(ref, local, false);
    segment.source.domid = UNUSED_DOMAIN;
    EXPECT(grant_copy(&segment, 1) < 0);
    EXPECT_VALUE(GNTST_bad_domain, segment.status);
    EXPECT_VALUE(0, grant_end_access(ref));
    page_free(granted, 0);
    page_free(local, 0);
}

static void query_size(void)
{
    struct gnttab_query_size query = {.dom = DOMID_SELF};

    EXPECT_VALUE(0, hypercall_grant_table_op(GNTTABOP_query_size, &query, 1));
    EXPECT_VALUE(GNTST_okay, query.status);
    EXPECT(query.nr_frames >= 1 && query.nr_frames <= query.max_nr_frames);
    query.dom = UNUSED_DOMAIN;
    EXPECT_VALUE(0, hypercall_grant_table_op(GNTTABOP_query_size, &query, 1));
    EXPECT(query.status < 0);
}

static void setup_refusals(void)
{
    xen_pfn_t frames[1];
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1000000};

    set_xen_guest_handle(setup.frame_list, frames);
    EXPECT_EITHER(0, -XEN_EINVAL, hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1));
    setup = (struct gnttab_setup_table){.dom = UNUSED_DOMAIN, .nr_frames = 1};
    set_xen_guest_handle(setup.frame_list, frames);
    EXPECT_VALUE(0, hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1));
    EXPECT(setup.status < 0);
}

static void versions(void)
{
    struct gnttab_get_version version = {.dom = DOMID_SELF};
    int error = hypercall_grant_table_op(GNTTABOP_get_version, &version, 1);

    SKIP_UNLESS(error != -XEN_ENOSYS, "only version 1 exists");
    EXPECT_VALUE(0, error);
    EXPECT_VALUE(1, version.version);
}

static void refusals(void)
{
    EXPECT_VALUE(-XEN_ENOSYS, hypercall_grant_table_op(UNUSED_COMMAND, NULL, 1));
    EXPECT_VALUE(-XEN_EFAULT,
                 hypercall_grant_table_op(GNTTABOP_map_grant_ref, (void *)UNMAPPED_ADDRESS, 1));
    EXPECT_VALUE(-XEN_EFAULT,
                 hypercall_grant_table_op(GNTTABOP_copy, (void *)HYPERVISOR_ADDRESS, 1));
    EXPECT(is_refusal(hypercall_grant_table_op(GNTTABOP_copy, (void *)UNMAPPED_ADDRESS, ~0U)));
}

/* A mapping takes the place of another one in a single step. */
static void unmap_and_replace(void)
{
    struct gnttab_unmap_and_replace request;
    uint64_t *granted = page_allocate(0), *other = page_allocate(0);
    char *place = window_reserve(2);
    uint64_t mfn = page_mfn(other);
    grant_ref_t ref;
    void *spare;

    EXPECT(granted && other && place);
    granted[0] = 1;
    other[0] = 2;
    EXPECT_VALUE(0, grant_access(own_domain, page_mfn(granted), false, &ref));
    request = (struct gnttab_unmap_and_replace){.host_addr = (uint64_t)place};
    EXPECT_VALUE(0, ref_map(own_domain, ref, GNTMAP_host_map, place, &request.handle));
    EXPECT_VALUE(0, foreign_map(DOMID_SELF, &mfn, 1, true, &spare));
    request.new_addr = (uint64_t)spare;
    EXPECT_VALUE(0, hypercall_grant_table_op(GNTTABOP_unmap_and_replace, &request, 1));
    EXPECT_VALUE(GNTST_okay, request.status);
    EXPECT_VALUE(2, *(volatile uint64_t *)place);
    EXPECT_VALUE(0, table_entry((uint64_t)spare) & PTE_PRESENT);
    EXPECT_VALUE(0, grant_end_access(ref));
    EXPECT_VALUE(0, table_map_own((uint64_t)place, 0));
    window_release(spare, 1);
    window_release(place, 2);
    page_free(granted, 0);
    page_free(other, 0);
}

static void transfer_refusals(void)
{
    struct gnttab_transfer transfer = {.mfn = ABSURD_FRAME, .domid = UNUSED_DOMAIN};

    EXPECT_EITHER(0, -XEN_ENOSYS, hypercall_grant_table_op(GNTTABOP_transfer, &transfer, 1));
    EXPECT(transfer.status <= 0);
}

static void swap_refusals(void)
{
    struct gnttab_swap_grant_ref swap = {.ref_a = 9, .ref_b = 0xfffffff0};
    int error = hypercall_grant_table_op(GNTTABOP_swap_grant_ref, &swap, 1);

    SKIP_UNLESS(error != -XEN_ENOSYS, "no swapping");
    EXPECT_VALUE(0, error);
    EXPECT_VALUE(GNTST_bad_gntref, swap.status);
}

static void set_version(void)
{
    struct gnttab_set_version version = {.version = 1};
    int error = hypercall_grant_table_op(GNTTABOP_set_version, &version, 1);

    EXPECT_EITHER(0, -XEN_ENOSYS, error);
    version.version = 77;
    EXPECT(is_refusal(hypercall_grant_table_op(GNTTABOP_set_version, &version, 1)));
}

static void cache_flush_refusals(void)
{
    struct gnttab_cache_flush flush = {
        .a.dev_bus_addr = ABSURD_FRAME << PAGE_SHIFT, .length = 64, .op = GNTTAB_CACHE_CLEAN};

    EXPECT(is_refusal(hypercall_grant_table_op(GNTTABOP_cache_flush, &flush, 1)));
    flush.op = ~0U;
    EXPECT(is_refusal(hypercall_grant_table_op(GNTTABOP_cache_flush, &flush, 1)));
}

const struct check grant_checks[] = {
    {"grant_table_op: own domain number", own_number},
    {"grant_table_op: map and unmap", maps},
    {"grant_table_op: several pages", several},
    {"grant_table_op: read-only grant", read_only},
    {"grant_table_op: undone mappings", undone_mappings},
    {"grant_table_op: map refusals", map_refusals},
    {"grant_table_op: grant of a foreign frame", foreign_frame},
    {"grant_table_op: unmap refusals", unmap_refusals},
    {"grant_table_op: map by page-table entry", map_by_entry},
    {"grant_table_op: copy", copies},
    {"grant_table_op: copy refusals", copy_refusals},
    {"grant_table_op: query_size", query_size},
    {"grant_table_op: setup_table refusals", setup_refusals},
    {"grant_table_op: get_version", versions},
    {"grant_table_op: refusals", refusals},
    {"grant_table_op: unmap_and_replace", unmap_and_replace},
    {"grant_table_op: transfer refusals", transfer_refusals},
    {"grant_table_op: swap_grant_ref refusals", swap_refusals},
    {"grant_table_op: set_version", set_version},
    {"grant_table_op: cache_flush refusals", cache_flush_refusals},
    {NULL, NULL},
};
