/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_exchange: a domain gives frames and gets as many others, contiguous or below an address
 * limit. Chunk by chunk, each as large as the larger of the two extent sizes: the chunk's frames
 * are taken from the domain, new ones allocated, and only then the old ones let go.
 */
#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/m2p.h"
#include "hypervisor/memory/reservation.h"
#include "hypervisor/processor/scheduler.h"

struct exchange {
    struct domain *domain;
    guest_ptr_t in_list, out_list;
    unsigned in_order, out_order, address_bits;
    uint64_t in_per_chunk, out_per_chunk; /* extents */
    uint32_t taken_first;                 /* frames of this chunk, linked by `next` */
};

static int take_frame(struct exchange *exchange, mfn_t number)
{
    struct frame *frame = frame_get_by_mfn(number, exchange->domain);

    if (!frame)
        return -XEN_EINVAL;
    int rc = frame_steal(frame, exchange->domain);
    if (rc) {
        frame_put(frame);
        return rc;
    }
    frame->next = exchange->taken_first;
    exchange->taken_first = (uint32_t)number.value;
    return 0;
}

static int take_chunk(struct exchange *exchange, uint64_t chunk)
{
    for (uint64_t i = 0; i < exchange->in_per_chunk; i++) {
        uint64_t index = chunk * exchange->in_per_chunk + i;
        xen_pfn_t first;
        if (copy_from_guest(&first, guest_ptr_at(exchange->in_list, index, sizeof(first)),
                            sizeof(first)))
            return -XEN_EFAULT;
        for (uint64_t j = 0; j < 1UL << exchange->in_order; j++) {
            int rc = take_frame(exchange, mfn(first + j));
            if (rc)
                return rc;
            if (j % 32 == 31)
                preempt_point();
        }
    }
    return 0;
}

/* The taken frames: back to the domain, or to the machine. */
static void end_chunk(struct exchange *exchange, bool give_back)
{
    while (exchange->taken_first) {
        struct frame *frame = &frame_table[exchange->taken_first];
        uint64_t pfn = m2p_get(frame_to_mfn(frame));
        exchange->taken_first = frame->next;
        frame->next = 0;
        if (!give_back || frame_assign(frame, exchange->domain))
            frame_discard(frame);
        else
            m2p_set(frame_to_mfn(frame), pfn);
        preempt_point();
    }
}

static void release_new(struct exchange *exchange, mfn_t first)
{
    for (uint64_t i = 0; i < 1UL << exchange->out_order; i++)
        frame_release(mfn_to_frame(mfn(first.value + i)));
}

static int give_extent(struct exchange *exchange, uint64_t index)
{
    guest_ptr_t place = guest_ptr_at(exchange->out_list, index, sizeof(xen_pfn_t));
    xen_pfn_t pfn;
    mfn_t first;

    if (copy_from_guest(&pfn, place, sizeof(pfn)))
        return -XEN_EFAULT;
    int rc = frame_allocate_domain(exchange->domain, exchange->out_order, exchange->address_bits,
                                   &first);
    if (rc)
        return rc;
    xen_pfn_t result = first.value;
    if (copy_to_guest(place, &result, sizeof(result))) {
        release_new(exchange, first);
        return -XEN_EFAULT;
    }
    for (uint64_t i = 0; i < 1UL << exchange->out_order; i++)
        m2p_set(mfn(first.value + i), pfn + i);
    return 0;
}

static int exchange_chunk(struct exchange *exchange, uint64_t chunk)
{
    uint64_t given = 0;
    int rc = take_chunk(exchange, chunk);

    for (; rc == 0 && given < exchange->out_per_chunk; given++)
        rc = give_extent(exchange, chunk * exchange->out_per_chunk + given);
    end_chunk(exchange, rc != 0);
    return rc;
}

static int check(struct exchange *exchange, const struct xen_memory_exchange *request)
{
    const struct xen_memory_reservation *in = &request->in, *out = &request->out;

    exchange->in_list = guest_ptr_of_handle(in->extent_start);
    exchange->out_list = guest_ptr_of_handle(out->extent_start);
    exchange->in_order = in->extent_order;
    exchange->out_order = out->extent_order;
    exchange->address_bits = XENMEMF_get_address_bits(out->mem_flags);
    if (!guest_array_ok(exchange->in_list, in->nr_extents, sizeof(xen_pfn_t)) ||
        !guest_array_ok(exchange->out_list, out->nr_extents, sizeof(xen_pfn_t)))
        return -XEN_EFAULT;
    if (in->extent_order > reservation_order_max() || out->extent_order > reservation_order_max())
        return -XEN_EPERM;
    if (request->nr_exchanged > in->nr_extents || in->domid != out->domid ||
        in->nr_extents > ~0UL >> in->extent_order || out->nr_extents > ~0UL >> out->extent_order ||
        in->nr_extents << in->extent_order != out->nr_extents << out->extent_order ||
        (exchange->address_bits != 0 && exchange->address_bits <= PAGE_SHIFT))
        return -XEN_EINVAL;
    bool in_smaller = in->extent_order <= out->extent_order;
    exchange->in_per_chunk = in_smaller ? 1UL << (out->extent_order - in->extent_order) : 1;
    exchange->out_per_chunk = in_smaller ? 1 : 1UL << (in->extent_order - out->extent_order);
    return request->nr_exchanged % exchange->in_per_chunk ? -XEN_EINVAL : 0;
}

long reservation_exchange(struct xen_memory_exchange *request)
{
    struct exchange exchange = {0};
    int rc = check(&exchange, request);

    if (rc)
        return rc;
    while (rc == 0 && request->nr_exchanged < request->in.nr_extents) {
        exchange.domain = domain_get_for(request->in.domid, &rc);
        if (!exchange.domain)
            return rc;
        rc = exchange_chunk(&exchange, request->nr_exchanged / exchange.in_per_chunk);
        if (rc == 0)
            request->nr_exchanged += exchange.in_per_chunk;
        domain_put(exchange.domain);
        rest_point();
    }
    return rc;
}
