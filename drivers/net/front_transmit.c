/* SPDX-License-Identifier: MIT */
#include "drivers/net/front_transmit.h"

#include <xen/errno.h>

#include "drivers/net/wire.h"
#include "lib/string.h"

int front_transmit_open(struct front_transmit *transmit, domid_t back_domain)
{
    int error = front_buffer_open(&transmit->shared, back_domain, false);

    if (error == 0)
        error = front_buffers_open(transmit->buffers, FRONT_TRANSMIT_BUFFERS, back_domain, true);
    if (error != 0)
        return error;
    XEN_FRONT_RING_INIT(&transmit->ring, (netif_tx_sring_t *)transmit->shared.page, PAGE_SIZE);
    transmit->extra_in_flight = 0;
    transmit->free_count = FRONT_TRANSMIT_BUFFERS;
    for (unsigned int i = 0; i < FRONT_TRANSMIT_BUFFERS; i++) {
        transmit->free[i] = (uint16_t)i;
        transmit->in_flight[i] = false;
    }
    return 0;
}

void front_transmit_close(struct front_transmit *transmit)
{
    front_buffers_close(transmit->buffers, FRONT_TRANSMIT_BUFFERS);
    front_buffers_close(&transmit->shared, 1);
}

static int finish(struct front_transmit *transmit, const netif_tx_response_t *response,
                  uint64_t *bad)
{
    if (response->status == NETIF_RSP_NULL) {
        if (transmit->extra_in_flight == 0)
            return -XEN_EINVAL;
        transmit->extra_in_flight--;
        return 0;
    }
    if (response->id >= FRONT_TRANSMIT_BUFFERS || !transmit->in_flight[response->id])
        return -XEN_EINVAL;
    transmit->in_flight[response->id] = false;
    transmit->free[transmit->free_count++] = response->id;
    *bad += response->status != NETIF_RSP_OKAY;
    return 0;
}

/*
 * Afterwards the back end notifies when half of what is in flight has been sent: nobody waits for
 * single frames, only for room.
 */
int front_transmit_take(struct front_transmit *transmit, uint64_t *bad)
{
    netif_tx_front_ring_t *ring = &transmit->ring;
    RING_IDX end;

    do {
        int answered = net_tx_answered(ring);

        if (answered < 0)
            return answered;
        end = ring->rsp_cons + (unsigned int)answered;
        while (ring->rsp_cons != end) {
            netif_tx_response_t response;

            RING_COPY_RESPONSE(ring, ring->rsp_cons, &response);
            ring->rsp_cons++;
            if (finish(transmit, &response, bad) != 0)
                return -XEN_EINVAL;
        }
        WRITE_ONCE(ring->sring->rsp_event, end + (ring->req_prod_pvt - end) / 2 + 1);
        memory_barrier();
    } while (READ_ONCE(ring->sring->rsp_prod) != end);
    return 0;
}

/* Where the next byte of a frame comes from. */
struct gather {
    const struct network_piece *piece;
    size_t done; /* of that piece */
};

static void gather_copy(struct gather *gather, char *destination, size_t size)
{
    while (size > 0) {
        size_t part = gather->piece->size - gather->done;

        if (part > size)
            part = size;
        memcpy(destination, (const char *)gather->piece->data + gather->done, part);
        destination += part;
        size -= part;
        gather->done += part;
        if (gather->done == gather->piece->size) {
            gather->piece++;
            gather->done = 0;
        }
    }
}

static void put_extra(struct front_transmit *transmit, const struct net_offload *offload)
{
    netif_extra_info_t extra;

    net_extra_fill(&extra, offload);
    memcpy(RING_GET_REQUEST(&transmit->ring, transmit->ring.req_prod_pvt), &extra, sizeof(extra));
    transmit->ring.req_prod_pvt++;
    transmit->extra_in_flight++;
}

/* The first slot tells the size of the whole frame, each other one that of its own part. */
static void put_slots(struct front_transmit *transmit, const struct network_frame *frame)
{
    struct gather gather = {.piece = frame->pieces};
    const struct net_offload offload = {.checksum_blank = frame->checksum_blank,
                                        .checksum_good = frame->checksum_blank,
                                        .segment_size = frame->segment_size};
    uint16_t flags = net_tx_flags(&offload);
    size_t left = frame->size;

    while (left > 0) {
        uint16_t id = transmit->free[--transmit->free_count];
        size_t part = left < PAGE_SIZE ? left : PAGE_SIZE;
        bool first = left == frame->size;

        gather_copy(&gather, transmit->buffers[id].page, part);
        transmit->in_flight[id] = true;
        left -= part;
        *RING_GET_REQUEST(&transmit->ring, transmit->ring.req_prod_pvt) = (netif_tx_request_t){
            .gref = transmit->buffers[id].ref,
            .flags = (uint16_t)((first ? flags : 0) | (left > 0 ? NETTXF_more_data : 0)),
            .id = id,
            .size = (uint16_t)(first ? frame->size : part)};
        transmit->ring.req_prod_pvt++;
        if (first && frame->segment_size != 0)
            put_extra(transmit, &offload);
    }
}

int front_transmit_put(struct front_transmit *transmit, const struct network_frame *frame)
{
    unsigned int slots = (unsigned int)((frame->size + PAGE_SIZE - 1) / PAGE_SIZE);

    if (frame->size == 0 || frame->size > NETWORK_FRAME_MAX || slots > XEN_NETIF_NR_SLOTS_MIN)
        return -XEN_EMSGSIZE;
    if (transmit->free_count < slots || RING_FREE_REQUESTS(&transmit->ring) < slots + 1)
        return -XEN_EAGAIN;
    put_slots(transmit, frame);
    return 0;
}

bool front_transmit_push(struct front_transmit *transmit)
{
    bool notify;

    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&transmit->ring, notify);
    return notify;
}
