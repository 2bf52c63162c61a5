/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h>
#include <xen/memory.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/grant.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/machphys.h"
#include "hypervisor/memory/memory_map.h"
#include "hypervisor/memory/reservation.h"
#include "hypervisor/processor/cpu.h"

union memory_argument {
    struct xen_memory_reservation reservation;
    struct xen_memory_exchange exchange;
    struct xen_memory_domain domain;
    struct xen_machphys_mfn_list machphys_frames;
    struct xen_machphys_mapping machphys_mapping;
    struct xen_add_to_physmap add;
    struct xen_remove_from_physmap remove;
    struct xen_add_to_physmap_batch add_batch;
    struct xen_memory_map map;
    struct xen_foreign_memory_map foreign_map;
    struct xen_mem_acquire_resource resource;
};

typedef long memory_handler_t(union memory_argument *argument);

static long increase_reservation(union memory_argument *argument)
{
    return reservation_increase(&argument->reservation);
}

static long claim_pages(union memory_argument *argument)
{
    return reservation_claim(&argument->reservation);
}

static long exchange(union memory_argument *argument)
{
    return reservation_exchange(&argument->exchange);
}

static long maximum_ram_page(union memory_argument *argument)
{
    (void)argument;
    return (long)frame_count_max();
}

/* A number about the domain named in the argument. */
static long query(const union memory_argument *argument, long (*value)(const struct domain *domain))
{
    int error;
    struct domain *domain = domain_get_for(argument->domain.domid, &error);

    if (!domain)
        return error;
    long result = value(domain);
    domain_put(domain);
    return result;
}

static long frames_of(const struct domain *domain)
{
    return (long)(domain->frame_count + domain->outstanding_frames);
}

static long limit_of(const struct domain *domain)
{
    return (long)domain->frame_max;
}

/* What the domain itself says; it is its own matter. */
static long last_pfn_of(const struct domain *domain)
{
    unsigned long count = READ_ONCE(domain->shared_info->arch.max_pfn);

    return (long)(count ? count - 1 : 0);
}

static long current_reservation(union memory_argument *argument)
{
    return query(argument, frames_of);
}

static long maximum_reservation(union memory_argument *argument)
{
    return query(argument, limit_of);
}

static long maximum_gpfn(union memory_argument *argument)
{
    return query(argument, last_pfn_of);
}

static long memory_map(union memory_argument *argument)
{
    return memory_map_get(&argument->map);
}

static long machine_memory_map(union memory_argument *argument)
{
    return memory_map_get_machine(&argument->map);
}

static long set_memory_map(union memory_argument *argument)
{
    return memory_map_set(&argument->foreign_map);
}

static long machphys_mapping(union memory_argument *argument)
{
    return machphys_get_mapping(&argument->machphys_mapping);
}

static long machphys_frames(union memory_argument *argument)
{
    return machphys_get_frames(&argument->machphys_frames);
}

/* A paravirtualized domain has no map of physical memory that could be changed for it. */
static long refuse_physmap(domid_t id)
{
    int error;
    struct domain *domain = domain_get_for(id, &error);

    if (!domain)
        return error;
    domain_put(domain);
    return -XEN_EACCES;
}

static long add_to_physmap(union memory_argument *argument)
{
    if (argument->add.space == XENMAPSPACE_gmfn_foreign)
        return -XEN_ENOSYS;
    return refuse_physmap(argument->add.domid);
}

static long add_to_physmap_batch(union memory_argument *argument)
{
    return refuse_physmap(argument->add_batch.domid);
}

/* Nothing to undo; but the frame must be the domain's. */
static long remove_from_physmap(union memory_argument *argument)
{
    int error;
    struct domain *domain = domain_get_for(argument->remove.domid, &error);

    if (!domain)
        return error;
    struct frame *frame = frame_get_by_mfn(mfn(argument->remove.gpfn), domain);
    if (frame)
        frame_put(frame);
    domain_put(domain);
    return frame ? 0 : -XEN_ENOENT;
}

/* No frame is ever shared between domains by the hypervisor. */
static long sharing_pages(union memory_argument *argument)
{
    (void)argument;
    return 0;
}

static long give_grant_frames(const struct xen_mem_acquire_resource *resource,
                              struct domain *domain)
{
    guest_ptr_t list = guest_ptr_of_handle(resource->frame_list);

    if (!guest_array_ok(list, resource->nr_frames, sizeof(xen_pfn_t)) ||
        resource->frame > UINT32_MAX - resource->nr_frames)
        return -XEN_EINVAL;
    for (uint32_t i = 0; i < resource->nr_frames; i++) {
        mfn_t number;
        int rc = grant_table_frame(domain, (unsigned)resource->frame + i, &number);
        if (rc)
            return rc;
        xen_pfn_t value = number.value;
        if (copy_to_guest(guest_ptr_at(list, i, sizeof(value)), &value, sizeof(value)))
            return -XEN_EFAULT;
    }
    return 0;
}

/* The frames of another domain's grant table, for who builds it. */
static long acquire_resource(union memory_argument *argument)
{
    const struct xen_mem_acquire_resource *resource = &argument->resource;
    int error;

    if (resource->pad != 0)
        return -XEN_EINVAL;
    if (resource->type != XENMEM_resource_grant_table ||
        resource->id != XENMEM_resource_grant_table_id_shared)
        return -XEN_EOPNOTSUPP;
    if (!current_domain()->privileged)
        return -XEN_EPERM;
    struct domain *domain = domain_get_for(resource->domid, &error);
    if (!domain)
        return error;
    long rc = domain == current_domain() ? -XEN_EPERM : give_grant_frames(resource, domain);
    domain_put(domain);
    return rc;
}

static const struct {
    memory_handler_t *handler;
    size_t size;   /* of the argument, copied in    */
    bool copy_out; /* and back, if nothing went wrong or part was done */
} operations[] = {
    [XENMEM_increase_reservation] = {increase_reservation, sizeof(struct xen_memory_reservation),
                                     false},
    [XENMEM_exchange] = {exchange, sizeof(struct xen_memory_exchange), true},
    [XENMEM_maximum_ram_page] = {maximum_ram_page, 0, false},
    [XENMEM_current_reservation] = {current_reservation, sizeof(struct xen_memory_domain), false},
    [XENMEM_maximum_reservation] = {maximum_reservation, sizeof(struct xen_memory_domain), false},
    [XENMEM_maximum_gpfn] = {maximum_gpfn, sizeof(struct xen_memory_domain), false},
    [XENMEM_machphys_mfn_list] = {machphys_frames, sizeof(struct xen_machphys_mfn_list), true},
    [XENMEM_machphys_mapping] = {machphys_mapping, sizeof(struct xen_machphys_mapping), true},
    [XENMEM_add_to_physmap] = {add_to_physmap, sizeof(struct xen_add_to_physmap), false},
    [XENMEM_add_to_physmap_batch] = {add_to_physmap_batch, sizeof(struct xen_add_to_physmap_batch),
                                     false},
    [XENMEM_remove_from_physmap] = {remove_from_physmap, sizeof(struct xen_remove_from_physmap),
                                    false},
    [XENMEM_memory_map] = {memory_map, sizeof(struct xen_memory_map), true},
    [XENMEM_machine_memory_map] = {machine_memory_map, sizeof(struct xen_memory_map), true},
    [XENMEM_set_memory_map] = {set_memory_map, sizeof(struct xen_foreign_memory_map), false},
    [XENMEM_get_sharing_freed_pages] = {sharing_pages, 0, false},
    [XENMEM_get_sharing_shared_pages] = {sharing_pages, 0, false},
    [XENMEM_claim_pages] = {claim_pages, sizeof(struct xen_memory_reservation), false},
    [XENMEM_acquire_resource] = {acquire_resource, sizeof(struct xen_mem_acquire_resource), false},
};

static inline __attribute__((always_inline)) long
change_reservation(guest_ptr_t pointer, long (*change)(struct xen_memory_reservation *))
{
    union {
        struct xen_memory_reservation reservation;
        uint64_t words[4];
    } copy;

    _Static_assert(sizeof(copy.reservation) == sizeof(copy.words), "read as words");
    if (!guest_range_ok(pointer, sizeof(copy)) || words_from_guest(copy.words, pointer, 4))
        return -XEN_EFAULT;
    return change(&copy.reservation);
}

long do_memory_op(unsigned long command, unsigned long address)
{
    guest_ptr_t pointer = guest_ptr(address);
    union memory_argument copy;

    /* The two of every balloon. */
    if (command == XENMEM_decrease_reservation)
        return change_reservation(pointer, reservation_decrease);
    if (command == XENMEM_populate_physmap)
        return change_reservation(pointer, reservation_populate);
    if (command >= sizeof(operations) / sizeof(operations[0]) || !operations[command].handler)
        return -XEN_ENOSYS;
    size_t size = operations[command].size;
    if (size && copy_from_guest(&copy, pointer, size))
        return -XEN_EFAULT;
    long result = operations[command].handler(&copy);
    bool partly_done = command == XENMEM_exchange;
    if (operations[command].copy_out && (result >= 0 || partly_done) &&
        copy_to_guest(pointer, &copy, size))
        return -XEN_EFAULT;
    return result;
}
