/* SPDX-License-Identifier: MIT */
/*
 * What both ends of a network interface believe of the other's ring (xen/io/netif.h): indices
 * against our own, chains of slots copied once and checked. Pure functions without state.
 *
 * A frame is a chain of slots in either ring. Transmit: the first request carries the size of the
 * whole frame, the following ones their own; receive: each response its own. Extra information
 * (a large TCP segment to be cut up, "GSO") takes the slot behind the first.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pvguest/kernel/barrier.h"
#include <xen/grant_table.h>
#include <xen/io/netif.h>

#define NET_PAGE_SIZE  4096u
#define NET_SLOTS_MAX  XEN_NETIF_NR_SLOTS_MIN /* data slots of one frame */
#define NET_EXTRAS_MAX XEN_NETIF_EXTRA_TYPE_MAX
#define NET_FRAME_MIN  14 /* an Ethernet header */
#define NET_FRAME_MAX  XEN_NETIF_MAX_TX_SIZE
#define NET_RING_SLOTS 256 /* in one page, for both rings */

/* What is still to be done to a frame, or has been done, beside its bytes. */
struct net_offload {
    bool checksum_blank;   /* the TCP or UDP checksum holds the pseudo-header's sum only */
    bool checksum_good;    /* it need not be verified; always true when blank */
    uint16_t segment_size; /* of an IPv4 TCP segment to be cut into such payloads; 0: as it is */
};

struct net_part {
    grant_ref_t ref; /* transmit chains only */
    uint16_t id;
    uint16_t offset, size; /* within one page */
};

struct net_chain {
    unsigned int slot_count; /* of the ring, extra information included */
    unsigned int part_count;
    struct net_part parts[NET_SLOTS_MAX];
    uint16_t extra_mask; /* receive, transmit: slot 1 + i is extra information, i counted in bits */
    uint32_t size;       /* of the whole frame */
    struct net_offload offload;
    const char *refusal; /* not NULL: answer with an error, use nothing of it; the ring is sound */
};

/* How many requests wait in the ring; -XEN_EINVAL when the index is impossible. */
int net_tx_pending(const netif_tx_back_ring_t *ring);
int net_rx_pending(const netif_rx_back_ring_t *ring);

/* How many answers wait in the ring; -XEN_EINVAL likewise. */
int net_tx_answered(const netif_tx_front_ring_t *ring);
int net_rx_answered(const netif_rx_front_ring_t *ring);

/*
 * Back end: copy the next frame's requests, of which `pending` (> 0) are there. 0 with
 * chain->slot_count slots to consume, each to be answered (extra ones with NETIF_RSP_NULL); or
 * -XEN_EINVAL with *why: the ring makes no sense and must be shut.
 */
int net_tx_chain_read(const netif_tx_back_ring_t *ring, unsigned int pending,
                      struct net_chain *chain, const char **why);

/*
 * Front end: copy the next frame's responses, of which `answered` (> 0) are there. As above; the
 * buffers of all its slots, extra ones included, are the front end's again (slot i of the chain is
 * ring index rsp_cons + i). A refused frame has an error status in a slot.
 */
int net_rx_chain_read(const netif_rx_front_ring_t *ring, unsigned int answered,
                      struct net_chain *chain, const char **why);

/* Whether slot `index` of the chain is extra information. */
bool net_chain_is_extra(const struct net_chain *chain, unsigned int index);

/* NETTXF_ and NETRXF_ flags of a frame's first slot. */
uint16_t net_tx_flags(const struct net_offload *offload);
uint16_t net_rx_flags(const struct net_offload *offload);

/* The extra information for a frame with a segment size. */
void net_extra_fill(netif_extra_info_t *extra, const struct net_offload *offload);

/* Slots that a frame takes in a receive ring. */
unsigned int net_rx_slots(uint32_t size, const struct net_offload *offload);
