/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/reservation.h"

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/io/console.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/heap.h"
#include "hypervisor/memory/m2p.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/processor/scheduler.h"

/* Of an unprivileged domain: 2 MiB. */
#define ORDER_MAX_UNPRIVILEGED 9
/* Beyond this Xen does nothing (it could not encode its progress). */
#define EXTENTS_MAX (UINT32_MAX >> 6)

struct extents {
    struct domain *domain;
    guest_ptr_t list;
    uint64_t count;
    unsigned order, address_bits;
};

unsigned reservation_order_max(void)
{
    return current_domain()->privileged ? FRAME_ORDER_MAX : ORDER_MAX_UNPRIVILEGED;
}

/* What a reservation asks for, with a reference to its domain. False: nothing can be done. */
static bool extents_begin(struct extents *extents, const struct xen_memory_reservation *reservation)
{
    int error;

    extents->list = guest_ptr_of_handle(reservation->extent_start);
    extents->count = reservation->nr_extents;
    extents->order = reservation->extent_order;
    extents->address_bits = XENMEMF_get_address_bits(reservation->mem_flags);
    if (extents->count > EXTENTS_MAX || extents->order > reservation_order_max())
        return false;
    if (extents->address_bits != 0 && extents->address_bits <= PAGE_SHIFT)
        return false;
    if (!guest_array_ok(extents->list, extents->count, sizeof(xen_pfn_t)))
        return false;
    if (reservation->domid == DOMID_SELF)
        extents->domain = current_domain(); /* stays as long as the call */
    else
        extents->domain = domain_get_for(reservation->domid, &error);
    return extents->domain != NULL;
}

static void extents_end(const struct extents *extents,
                        const struct xen_memory_reservation *reservation)
{
    if (reservation->domid != DOMID_SELF)
        domain_put(extents->domain);
}

/* The list's range has been checked. */
static int list_read(const struct extents *extents, uint64_t index, xen_pfn_t *value)
{
    return words_from_guest(value, guest_ptr_at(extents->list, index, sizeof(*value)), 1);
}

static int list_write(const struct extents *extents, uint64_t index, xen_pfn_t value)
{
    return words_to_guest(guest_ptr_at(extents->list, index, sizeof(value)), &value, 1);
}

static int populate_extent(const struct extents *extents, uint64_t index)
{
    xen_pfn_t pfn;
    mfn_t first;

    if (list_read(extents, index, &pfn))
        return -XEN_EFAULT;
    int rc = frame_allocate_domain(extents->domain, extents->order, extents->address_bits, &first);
    if (rc)
        return rc;
    for (uint64_t i = 0; i < 1UL << extents->order; i++)
        m2p_set(mfn(first.value + i), pfn + i);
    return list_write(extents, index, first.value);
}

static int increase_extent(const struct extents *extents, uint64_t index)
{
    mfn_t first;
    int rc = frame_allocate_domain(extents->domain, extents->order, extents->address_bits, &first);

    if (rc || extents->list.address == 0)
        return rc;
    return list_write(extents, index, first.value);
}

/* Under the mmu_lock: a pinned frame stays. */
static int remove_frame(struct domain *domain, mfn_t number)
{
    struct frame *frame = frame_get_by_mfn(number, domain);
    int rc = -XEN_EINVAL;

    if (!frame)
        return rc;
    if (frame->state == FRAME_STATE_DOMAIN && !frame_is_pinned(frame) &&
        frame_release_and_put(frame))
        return 0;
    frame_put(frame);
    return rc;
}

static int decrease_extent(const struct extents *extents, uint64_t index)
{
    xen_pfn_t first;
    int rc = 0;

    if (list_read(extents, index, &first))
        return -XEN_EFAULT;
    mutex_lock(&extents->domain->mmu_lock);
    for (uint64_t i = 0; i < 1UL << extents->order && rc == 0; i++) {
        rc = remove_frame(extents->domain, mfn(first + i));
        if (i % 32 == 31)
            preempt_point();
    }
    mutex_unlock(&extents->domain->mmu_lock);
    if (rc)
        printk_refusal("d%u: frames from %#lx cannot be given back\n", extents->domain->id, first);
    return rc;
}

static inline __attribute__((always_inline)) long
for_each_extent(const struct xen_memory_reservation *reservation,
                int (*operate)(const struct extents *extents, uint64_t index))
{
    struct extents extents;
    uint64_t done = 0;

    if (!extents_begin(&extents, reservation))
        return 0;
    while (done < extents.count && operate(&extents, done) == 0)
        if (++done < extents.count)
            preempt_point();
    extents_end(&extents, reservation);
    return (long)done;
}

long reservation_populate(struct xen_memory_reservation *reservation)
{
    return for_each_extent(reservation, populate_extent);
}

long reservation_increase(struct xen_memory_reservation *reservation)
{
    return for_each_extent(reservation, increase_extent);
}

long reservation_decrease(struct xen_memory_reservation *reservation)
{
    return for_each_extent(reservation, decrease_extent);
}

/* The claim is for the pages beyond those that the domain has. */
static int claim(struct domain *domain, uint64_t pages)
{
    uint64_t have = domain->frame_count;

    if (pages == 0) {
        heap_claim_use(&domain->claimed_frames, domain->claimed_frames);
        return 0;
    }
    if (domain->claimed_frames != 0 || pages <= have || pages > domain->frame_max ||
        domain->life != DOMAIN_ALIVE)
        return -XEN_EINVAL;
    return heap_claim(&domain->claimed_frames, pages - have);
}

long reservation_claim(struct xen_memory_reservation *reservation)
{
    int rc;

    if (guest_ptr_of_handle(reservation->extent_start).address != 0 ||
        reservation->extent_order != 0 || reservation->mem_flags != 0)
        return -XEN_EINVAL;
    if (!current_domain()->privileged)
        return -XEN_EPERM;
    struct domain *domain = domain_get_for(reservation->domid, &rc);
    if (!domain)
        return -XEN_EINVAL;
    rc = claim(domain, reservation->nr_extents);
    domain_put(domain);
    return rc;
}
