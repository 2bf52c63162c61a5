/* SPDX-License-Identifier: MIT */
/*
 * The two descriptor rings of an e1000, a page each, and the packets that the card has. What the
 * card writes is checked before it is used. The owner serializes calls and tells the card of the
 * new tails.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pvguest/control/network_packet.h"

#define E1000_RECEIVE_COUNT  64
#define E1000_TRANSMIT_COUNT 256
/* A frame's pages, and what is to be done to it. */
#define E1000_FRAME_DESCRIPTORS (2 + NET_FRAME_MAX / NET_PAGE_SIZE + 1)

struct e1000_receive_ring {
    struct e1000_receive_descriptor *descriptors;
    uint64_t machine_address;
    uint32_t next; /* that the card fills next */
    struct network_packet *packets[E1000_RECEIVE_COUNT];
};

struct e1000_transmit_ring {
    struct e1000_transmit_descriptor *descriptors;
    uint64_t machine_address;
    uint32_t head, tail; /* the oldest in use, the first free one */
    uint32_t bytes;      /* of the frames that the card has */
    struct network_packet *packets[E1000_TRANSMIT_COUNT]; /* at their last descriptors */
};

/* Allocate and, for receiving, fill. 0 or -XEN_ENOMEM. */
int e1000_receive_init(struct e1000_receive_ring *ring);
int e1000_transmit_init(struct e1000_transmit_ring *ring);

/*
 * The next frame received, or NULL; *malformed counts frames that were dropped for their form. The
 * descriptor is filled with another packet at once.
 */
struct network_packet *e1000_receive_take(struct e1000_receive_ring *ring, uint64_t *malformed);

/* The last descriptor that the card may fill. */
uint32_t e1000_receive_tail(const struct e1000_receive_ring *ring);

/* Whether any frame finds room. */
bool e1000_transmit_has_room(const struct e1000_transmit_ring *ring);
void e1000_transmit_put(struct e1000_transmit_ring *ring, struct network_packet *packet);

/* A packet that has been sent, or NULL. */
struct network_packet *e1000_transmit_take(struct e1000_transmit_ring *ring);
