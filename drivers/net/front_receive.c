/* SPDX-License-Identifier: MIT */
#include "drivers/net/front_receive.h"

#include <xen/errno.h>

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

/* The answer that comes next, if the producer's index, read once per frame, covers it. */
static bool next(struct front_receive *receive, RING_IDX end, netif_rx_response_t *response)
{
    if (receive->ring.rsp_cons == end)
        return false;
    RING_COPY_RESPONSE(&receive->ring, receive->ring.rsp_cons, response);
    receive->ring.rsp_cons++;
    return true;
}

/* What follows the first slot of a big segment. Its size is of no interest to who receives it. */
static int skip_extra(struct front_receive *receive, RING_IDX end)
{
    netif_rx_response_t slot;
    netif_extra_info_t extra;

    do {
        if (!next(receive, end, &slot))
            return -XEN_EINVAL;
        memcpy(&extra, &slot, sizeof(extra));
        if (extra.type == XEN_NETIF_EXTRA_TYPE_NONE || extra.type >= XEN_NETIF_EXTRA_TYPE_MAX)
            return -XEN_EINVAL;
    } while ((extra.flags & XEN_NETIF_EXTRA_FLAG_MORE) != 0);
    return 0;
}

static int add_piece(const struct front_receive *receive, unsigned int slot,
                     const netif_rx_response_t *response, struct network_arrival *arrival)
{
    if (response->id != slot || arrival->count == NETWORK_PIECES_MAX)
        return -XEN_EINVAL;
    if (response->status < 0)
        return -XEN_EIO;
    if ((unsigned int)response->offset + (unsigned int)response->status > PAGE_SIZE)
        return -XEN_EINVAL;
    arrival->pieces[arrival->count++] = (struct network_piece){
        .data = receive->buffers[slot].page + response->offset, .size = (size_t)response->status};
    arrival->size += (size_t)response->status;
    return 0;
}

int front_receive_take(struct front_receive *receive, struct network_arrival *arrival)
{
    RING_IDX end = READ_ONCE(receive->ring.sring->rsp_prod);
    netif_rx_response_t response;
    int result = 1;

    read_barrier();
    if (end - receive->ring.rsp_cons > receive->ring.req_prod_pvt - receive->ring.rsp_cons)
        return -XEN_EINVAL;
    if (end == receive->ring.rsp_cons)
        return 0;
    arrival->count = 0;
    arrival->size = 0;
    do {
        unsigned int slot = receive->ring.rsp_cons % FRONT_RECEIVE_SLOTS;
        int error;

        if (!next(receive, end, &response))
            return -XEN_EINVAL;
        if (arrival->count == 0)
            arrival->checksum_good =
                (response.flags & (NETRXF_data_validated | NETRXF_csum_blank)) != 0;
        error = add_piece(receive, slot, &response, arrival);
        if (error == 0 && (response.flags & NETRXF_extra_info) != 0)
            error = skip_extra(receive, end);
        if (error == -XEN_EINVAL)
            return error;
        if (error != 0)
            result = error;
    } while ((response.flags & NETRXF_more_data) != 0);
    return arrival->size > NETWORK_FRAME_MAX ? -XEN_EIO : result;
}

bool front_receive_offer(struct front_receive *receive)
{
    bool notify;

    fill(receive);
    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&receive->ring, notify);
    return notify;
}
