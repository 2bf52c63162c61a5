/* SPDX-License-Identifier: MIT */
/* Grants, with this domain at both ends. */
#include "pvguest/kernel/grant.h"
#include "lib/string.h"
#include "pvguest/bench/bench.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/table.h"

static domid_t self;
static grant_ref_t ref;
static uint64_t *source, *target;
static char *window;
static unsigned int results;

static bool grant_make(void)
{
    uint64_t entry;

    window = window_reserve(1);
    source = page_allocate(0);
    target = page_allocate(0);
    return window && source && target && !event_own_domain(&self) &&
           !grant_access(self, page_mfn(source), false, &ref) &&
           !table_entry_address((uint64_t)window, true, &entry);
}

static void grant_end(void)
{
    grant_end_access(ref);
    window_release(window, 1);
    page_free(source, 0);
    page_free(target, 0);
}

static void copy(unsigned int count)
{
    struct gnttab_copy segment = {
        .source.u.ref = ref,
        .source.domid = self,
        .dest.u.gmfn = page_mfn(target),
        .dest.domid = DOMID_SELF,
        .len = PAGE_SIZE,
        .flags = GNTCOPY_source_gref,
    };
    source[511] = 4711;
    results = 0;
    for (unsigned int i = 0; i < count; i++) {
        hypercall_grant_table_op(GNTTABOP_copy, &segment, 1);
        results += segment.status == GNTST_okay;
    }
}

static bool copied(unsigned int count)
{
    return results == count && target[511] == 4711;
}

static void map_and_unmap(unsigned int count)
{
    results = 0;
    for (unsigned int i = 0; i < count; i++) {
        struct gnttab_map_grant_ref map = {
            .host_addr = (uint64_t)window, .flags = GNTMAP_host_map, .ref = ref, .dom = self};
        hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
        if (map.status != GNTST_okay)
            return;
        struct gnttab_unmap_grant_ref unmap = {.host_addr = (uint64_t)window, .handle = map.handle};
        hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
        results += unmap.status == GNTST_okay;
    }
}

static bool all_mapped(unsigned int count)
{
    return results == count;
}

const struct row grant_rows[] = {
    {"grant_copy_4k", 1000, grant_make, copy, copied, grant_end},
    {"grant_map_unmap", 1000, grant_make, map_and_unmap, all_mapped, grant_end},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
