/* SPDX-License-Identifier: MIT */
#include "drivers/net/wire.h"

#include <stddef.h>

#include <xen/errno.h>

static int refuse(const char *reason, const char **why)
{
    *why = reason;
    return -XEN_EINVAL;
}

int net_tx_pending(const netif_tx_back_ring_t *ring)
{
    RING_IDX produced = READ_ONCE(ring->sring->req_prod);

    read_barrier();
    if (RING_REQUEST_PROD_OVERFLOW(ring, produced) || produced - ring->req_cons > RING_SIZE(ring))
        return -XEN_EINVAL;
    return (int)(produced - ring->req_cons);
}

int net_rx_pending(const netif_rx_back_ring_t *ring)
{
    RING_IDX produced = READ_ONCE(ring->sring->req_prod);

    read_barrier();
    if (RING_REQUEST_PROD_OVERFLOW(ring, produced) || produced - ring->req_cons > RING_SIZE(ring))
        return -XEN_EINVAL;
    return (int)(produced - ring->req_cons);
}

int net_tx_answered(const netif_tx_front_ring_t *ring)
{
    RING_IDX produced = READ_ONCE(ring->sring->rsp_prod);

    read_barrier();
    if (produced - ring->rsp_cons > ring->req_prod_pvt - ring->rsp_cons)
        return -XEN_EINVAL;
    return (int)(produced - ring->rsp_cons);
}

int net_rx_answered(const netif_rx_front_ring_t *ring)
{
    RING_IDX produced = READ_ONCE(ring->sring->rsp_prod);

    read_barrier();
    if (produced - ring->rsp_cons > ring->req_prod_pvt - ring->rsp_cons)
        return -XEN_EINVAL;
    return (int)(produced - ring->rsp_cons);
}

bool net_chain_is_extra(const struct net_chain *chain, unsigned int index)
{
    return index > 0 && index <= 8 * sizeof(chain->extra_mask) &&
           (chain->extra_mask & 1u << (index - 1)) != 0;
}

/* A private copy of extra information. False for what was never offered. */
static bool take_extra(const netif_extra_info_t *extra, struct net_chain *chain)
{
    if (extra->type != XEN_NETIF_EXTRA_TYPE_GSO || chain->offload.segment_size != 0)
        return false;
    if (extra->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 || extra->u.gso.size == 0)
        return false;
    chain->offload.segment_size = extra->u.gso.size;
    return true;
}

/* The slots of extra information behind the first; `slot` finds and copies one. */
static int read_extras(netif_extra_info_t (*slot)(const void *ring, unsigned int index),
                       const void *ring, unsigned int there, struct net_chain *chain,
                       const char **why)
{
    netif_extra_info_t extra;

    do {
        if (chain->slot_count >= there)
            return refuse("extra information that is not there", why);
        if (chain->slot_count > NET_EXTRAS_MAX)
            return refuse("endless extra information", why);
        extra = slot(ring, chain->slot_count);
        barrier();
        chain->extra_mask |= (uint16_t)(1u << (chain->slot_count - 1));
        chain->slot_count++;
        if (!take_extra(&extra, chain))
            return refuse("extra information that was not offered", why);
    } while (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
    return 0;
}

static netif_tx_request_t tx_slot(const netif_tx_back_ring_t *ring, unsigned int index)
{
    netif_tx_request_t request;

    RING_COPY_REQUEST(ring, ring->req_cons + index, &request);
    barrier();
    return request;
}

static netif_extra_info_t tx_extra(const void *ring, unsigned int index)
{
    union {
        netif_tx_request_t request;
        netif_extra_info_t extra;
    } slot = {.request = tx_slot(ring, index)};

    return slot.extra;
}

static int add_tx_part(struct net_chain *chain, const netif_tx_request_t *request, const char **why)
{
    if (chain->part_count == NET_SLOTS_MAX)
        return refuse("a frame of endless slots", why);
    chain->parts[chain->part_count++] = (struct net_part){
        .ref = request->gref,
        .id = request->id,
        .offset = request->offset,
        .size = request->size,
    };
    chain->slot_count++;
    return 0;
}

/* The slots behind the first and its extras. The first part's size becomes what they leave. */
static int read_tx_parts(const netif_tx_back_ring_t *ring, unsigned int pending, bool more,
                         struct net_chain *chain, const char **why)
{
    uint32_t left = chain->size;

    while (more) {
        netif_tx_request_t request;
        int error;

        if (chain->slot_count >= pending)
            return refuse("a frame whose end is not there", why);
        request = tx_slot(ring, chain->slot_count);
        error = add_tx_part(chain, &request, why);
        if (error != 0)
            return error;
        if (request.size >= left)
            chain->refusal = "its parts are more than the whole";
        else
            left -= request.size;
        more = (request.flags & NETTXF_more_data) != 0;
    }
    chain->parts[0].size = (uint16_t)left;
    return 0;
}

/* A part that leaves its page can only be meant ill. */
static int check_tx_parts(const struct net_chain *chain, const char **why)
{
    for (unsigned int i = 0; chain->refusal == NULL && i < chain->part_count; i++) {
        const struct net_part *part = &chain->parts[i];

        if ((uint32_t)part->offset + part->size > NET_PAGE_SIZE)
            return refuse("a part that leaves its page", why);
    }
    return 0;
}

int net_tx_chain_read(const netif_tx_back_ring_t *ring, unsigned int pending,
                      struct net_chain *chain, const char **why)
{
    netif_tx_request_t first = tx_slot(ring, 0);
    int error;

    *chain = (struct net_chain){.size = first.size};
    chain->offload.checksum_blank = (first.flags & NETTXF_csum_blank) != 0;
    chain->offload.checksum_good = (first.flags & (NETTXF_csum_blank | NETTXF_data_validated)) != 0;
    error = add_tx_part(chain, &first, why);
    if (error == 0 && (first.flags & NETTXF_extra_info))
        error = read_extras(tx_extra, ring, pending, chain, why);
    if (error == 0)
        error = read_tx_parts(ring, pending, (first.flags & NETTXF_more_data) != 0, chain, why);
    if (error == 0)
        error = check_tx_parts(chain, why);
    if (error != 0)
        return error;
    if (chain->size < NET_FRAME_MIN)
        chain->refusal = "shorter than an Ethernet header";
    return 0;
}

static netif_rx_response_t rx_slot(const netif_rx_front_ring_t *ring, unsigned int index)
{
    netif_rx_response_t response =
        *(const volatile netif_rx_response_t *)RING_GET_RESPONSE(ring, ring->rsp_cons + index);

    barrier();
    return response;
}

static netif_extra_info_t rx_extra(const void *ring, unsigned int index)
{
    union {
        netif_rx_response_t response;
        netif_extra_info_t extra;
    } slot = {.response = rx_slot(ring, index)};

    return slot.extra;
}

static int add_rx_part(struct net_chain *chain, const netif_rx_response_t *response,
                       const char **why)
{
    if (chain->part_count == NET_SLOTS_MAX)
        return refuse("a frame of endless slots", why);
    if (response->status <= 0)
        chain->refusal = "the back end reports an error";
    else if ((uint32_t)response->offset + (uint32_t)response->status > NET_PAGE_SIZE)
        return refuse("a part that leaves its page", why);
    chain->parts[chain->part_count++] = (struct net_part){
        .id = response->id,
        .offset = response->offset,
        .size = response->status > 0 ? (uint16_t)response->status : 0,
    };
    chain->size += chain->parts[chain->part_count - 1].size;
    chain->slot_count++;
    return 0;
}

int net_rx_chain_read(const netif_rx_front_ring_t *ring, unsigned int answered,
                      struct net_chain *chain, const char **why)
{
    netif_rx_response_t response = rx_slot(ring, 0);
    int error;

    *chain = (struct net_chain){.size = 0};
    chain->offload.checksum_blank = (response.flags & NETRXF_csum_blank) != 0;
    chain->offload.checksum_good =
        (response.flags & (NETRXF_csum_blank | NETRXF_data_validated)) != 0;
    error = add_rx_part(chain, &response, why);
    if (error == 0 && (response.flags & NETRXF_extra_info))
        error = read_extras(rx_extra, ring, answered, chain, why);
    while (error == 0 && (response.flags & NETRXF_more_data)) {
        if (chain->slot_count >= answered)
            return refuse("a frame whose end is not there", why);
        response = rx_slot(ring, chain->slot_count);
        error = add_rx_part(chain, &response, why);
    }
    if (error == 0 && chain->size < NET_FRAME_MIN)
        chain->refusal = "shorter than an Ethernet header";
    return error;
}

uint16_t net_tx_flags(const struct net_offload *offload)
{
    return (uint16_t)((offload->checksum_blank ? NETTXF_csum_blank : 0) |
                      (offload->checksum_good ? NETTXF_data_validated : 0) |
                      (offload->segment_size != 0 ? NETTXF_extra_info : 0));
}

uint16_t net_rx_flags(const struct net_offload *offload)
{
    return (uint16_t)((offload->checksum_blank ? NETRXF_csum_blank : 0) |
                      (offload->checksum_good ? NETRXF_data_validated : 0) |
                      (offload->segment_size != 0 ? NETRXF_extra_info : 0));
}

void net_extra_fill(netif_extra_info_t *extra, const struct net_offload *offload)
{
    *extra = (netif_extra_info_t){.type = XEN_NETIF_EXTRA_TYPE_GSO};
    extra->u.gso.size = offload->segment_size;
    extra->u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
}

unsigned int net_rx_slots(uint32_t size, const struct net_offload *offload)
{
    return (size + NET_PAGE_SIZE - 1) / NET_PAGE_SIZE + (offload->segment_size != 0 ? 1 : 0);
}
