/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/grant.h"

#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/lock.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/table.h"

#include <xen/errno.h>

#define FRAMES_WANTED  8
#define ENTRIES        (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define FIRST_FREE_REF 8 /* those below belong to console and store, by the ABI */
#define NO_REF         0

static struct grant_entry_v1 *entries; /* NULL: this domain has no grant table */
static grant_ref_t next_free[FRAMES_WANTED * ENTRIES];
static grant_ref_t first_free;
static struct spinlock free_lock;

static unsigned int frames_allowed(void)
{
    struct gnttab_query_size query = {.dom = DOMID_SELF};

    if (hypercall_grant_table_op(GNTTABOP_query_size, &query, 1) || query.status != GNTST_okay)
        return 0;
    return query.max_nr_frames < FRAMES_WANTED ? query.max_nr_frames : FRAMES_WANTED;
}

/* Without a table the domain still runs; whoever wants to grant is told. */
void grant_start(void)
{
    uint64_t mfns[FRAMES_WANTED];
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = frames_allowed()};
    void *address;

    set_xen_guest_handle(setup.frame_list, mfns);
    if (!setup.nr_frames || hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1) ||
        setup.status != GNTST_okay)
        return;
    if (foreign_map(DOMID_SELF, mfns, setup.nr_frames, true, &address))
        return;
    entries = address;
    for (grant_ref_t ref = (grant_ref_t)(setup.nr_frames * ENTRIES) - 1; ref >= FIRST_FREE_REF;
         ref--) {
        next_free[ref] = first_free;
        first_free = ref;
    }
}

static grant_ref_t ref_take(void)
{
    unsigned long masked = spin_lock(&free_lock);
    grant_ref_t ref = first_free;

    if (ref != NO_REF)
        first_free = next_free[ref];
    spin_unlock(&free_lock, masked);
    return ref;
}

static void ref_put(grant_ref_t ref)
{
    unsigned long masked = spin_lock(&free_lock);

    next_free[ref] = first_free;
    first_free = ref;
    spin_unlock(&free_lock, masked);
}

int grant_access(domid_t domain, uint64_t mfn, bool readonly, grant_ref_t *ref)
{
    grant_ref_t taken;

    if (!entries)
        return -XEN_ENOSYS;
    if (mfn > UINT32_MAX)
        return -XEN_ERANGE;
    taken = ref_take();
    if (taken == NO_REF)
        return -XEN_ENOSPC;
    entries[taken].domid = domain;
    entries[taken].frame = (uint32_t)mfn;
    write_barrier();
    WRITE_ONCE(entries[taken].flags, (uint16_t)(GTF_permit_access | (readonly ? GTF_readonly : 0)));
    *ref = taken;
    return 0;
}

int grant_end_access(grant_ref_t ref)
{
    uint16_t flags = READ_ONCE(entries[ref].flags);

    do {
        if (flags & (GTF_reading | GTF_writing))
            return -XEN_EBUSY;
    } while (!__atomic_compare_exchange_n(&entries[ref].flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    ref_put(ref);
    return 0;
}

int grant_status_error(int16_t status)
{
    switch (status) {
    case GNTST_okay:
        return 0;
    case GNTST_permission_denied:
        return -XEN_EPERM;
    case GNTST_no_device_space:
        return -XEN_ENOSPC;
    case GNTST_eagain:
        return -XEN_EAGAIN;
    default:
        return -XEN_EINVAL;
    }
}

static int handle_unmap(void *address, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref unmap = {.host_addr = (uint64_t)address, .handle = handle};
    int error = hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);

    return error ? error : grant_status_error(unmap.status);
}

static int ref_map(domid_t domain, grant_ref_t ref, bool readonly, void *address,
                   grant_handle_t *handle, uint64_t *machine_address)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = (uint64_t)address,
        .flags = GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0),
        .ref = ref,
        .dom = domain,
    };
    uint64_t entry;
    int error = table_entry_address((uint64_t)address, true, &entry);

    if (!error)
        error = hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
    if (!error)
        error = grant_status_error(map.status);
    if (!error) {
        *handle = map.handle;
        *machine_address = map.dev_bus_addr;
    }
    return error;
}

int grant_map(domid_t domain, const grant_ref_t *refs, size_t count, bool readonly,
              struct grant_mapping *mapping)
{
    char *address = window_reserve(count);
    grant_handle_t *handles = heap_allocate(count * sizeof(*handles));
    uint64_t *machine = heap_allocate(count * sizeof(*machine));
    size_t done = 0;
    int error = -XEN_ENOMEM;

    if (!address || !handles || !machine)
        goto release;
    for (; done < count; done++) {
        error = ref_map(domain, refs[done], readonly, address + done * PAGE_SIZE, &handles[done],
                        &machine[done]);
        if (error)
            goto unmap;
    }
    *mapping = (struct grant_mapping){
        .address = address, .count = count, .handles = handles, .machine_addresses = machine};
    return 0;

unmap:
    while (done--)
        handle_unmap(address + done * PAGE_SIZE, handles[done]);
release:
    heap_free(machine);
    heap_free(handles);
    if (address)
        window_release(address, count);
    return error;
}

/* An address that could not be unmapped stays reserved, so that nothing else is put there. */
int grant_unmap(struct grant_mapping *mapping)
{
    int error = 0;

    for (size_t i = 0; i < mapping->count; i++) {
        char *address = (char *)mapping->address + i * PAGE_SIZE;
        int failed = handle_unmap(address, mapping->handles[i]);

        if (failed)
            error = failed;
        else
            window_release(address, 1);
    }
    heap_free(mapping->machine_addresses);
    heap_free(mapping->handles);
    *mapping = (struct grant_mapping){.address = NULL};
    return error;
}

int grant_copy(struct gnttab_copy *segments, size_t count)
{
    int error = hypercall_grant_table_op(GNTTABOP_copy, segments, (unsigned int)count);

    if (error)
        return error;
    for (size_t i = 0; i < count; i++)
        if (segments[i].status != GNTST_okay)
            return -XEN_EIO;
    return 0;
}
