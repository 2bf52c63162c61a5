/* SPDX-License-Identifier: MIT */
#include "drivers/net/front_receive.h"

#include <xen/errno.h>

#include "drivers/net/wire.h"
#include "lib/string.h"

/* Requests for all slots that hold none; the buffer of a slot is always the same. */
static void fill(struct front_receive *receive)
{
    netif_rx_front_ring_t *ring = &receive->ring;

    while (!RING_FULL(ring)) {
        unsigned int slot = ring->req_prod_pvt % FRONT_RECEIVE_SLOTS;

        *RING_GET_REQUEST(ring, ring->req_prod_pvt) =
            (netif_rx_request_t){.id = (uint16_t)slot, .gref = receive->buffers[slot].ref};
        ring->req_prod_pvt++;
    }
}

int front_receive_open(struct front_receive *receive, domid_t back_domain)
{
    int error = front_buffer_open(&receive->shared, back_domain, false);

    if (error == 0)
        error = front_buffers_open(receive->buffers, FRONT_RECEIVE_SLOTS, back_domain, false);
    if (error != 0)
        return error;
    XEN_FRONT_RING_INIT(&receive->ring, (netif_rx_sring_t *)receive->shared.page, PAGE_SIZE);
    fill(receive);
    RING_PUSH_REQUESTS(&receive->ring);
    return 0;
}

void front_receive_close(struct front_receive *receive)
{
    front_buffers_close(receive->buffers, FRONT_RECEIVE_SLOTS);
    front_buffers_close(&receive->shared, 1);
}

bool front_receive_pending(struct front_receive *receive)
{
    bool pending;

    RING_FINAL_CHECK_FOR_RESPONSES(&receive->ring, pending);
    return pending;
}

/* Where the parts of a chain lie: each slot's own buffer, whatever name the answer gives. */
static int find_pieces(const struct front_receive *receive, const struct net_chain *chain,
                       struct network_arrival *arrival)
{
    const struct net_part *part = chain->parts;

    arrival->count = 0;
    for (unsigned int i = 0; i < chain->slot_count; i++) {
        unsigned int slot = (receive->ring.rsp_cons + i) % FRONT_RECEIVE_SLOTS;

        if (net_chain_is_extra(chain, i))
            continue;
        if (part->id != slot)
            return -XEN_EINVAL;
        arrival->pieces[arrival->count++] =
            (struct network_piece){receive->buffers[slot].page + part->offset, part->size};
        part++;
    }
    arrival->size = chain->size;
    arrival->checksum_good = chain->offload.checksum_good;
    return 0;
}

int front_receive_take(struct front_receive *receive, struct network_arrival *arrival)
{
    int answered = net_rx_answered(&receive->ring);
    struct net_chain chain;
    const char *why;
    int error;

    if (answered <= 0)
        return answered;
    error = net_rx_chain_read(&receive->ring, (unsigned int)answered, &chain, &why);
    if (error == 0)
        error = find_pieces(receive, &chain, arrival);
    if (error != 0)
        return error;
    receive->ring.rsp_cons += chain.slot_count;
    return chain.refusal != NULL || chain.size > NETWORK_FRAME_MAX ? -XEN_EIO : 1;
}

bool front_receive_offer(struct front_receive *receive)
{
    bool notify;

    fill(receive);
    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&receive->ring, notify);
    return notify;
}
