/* SPDX-License-Identifier: MIT */
/*
 * Network front end: an interface that another domain serves over <xen/io/netif.h>. Frames are
 * copied into and out of pages that stay granted while the connection lasts, so that what is
 * checked cannot change afterwards and nothing is granted or revoked for a frame. Many frames are
 * in flight both ways.
 *
 * It has no thread: whoever uses it waits on network_front_queue() and calls
 * network_front_receive(). When the back end goes away the connection ends, frames in flight are
 * lost, and a new one is made when it is back. Threads only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pvguest/kernel/thread.h"

#define NETWORK_ADDRESS_SIZE 6
#define NETWORK_FRAME_MAX    0xffff /* more than an MTU's worth only as one big TCP segment */
#define NETWORK_PIECES_MAX   18

struct network_piece {
    const void *data;
    size_t size;
};

/* A frame to send. */
struct network_frame {
    const struct network_piece *pieces;
    unsigned int count;
    size_t size;           /* of all pieces together */
    bool checksum_blank;   /* the TCP or UDP checksum holds only the pseudo-header's sum */
    uint16_t segment_size; /* not 0: TCP over IPv4, to be cut into segments of so much data */
};

/* A frame that came; the pieces are shared with the back end: copy first, then look. */
struct network_arrival {
    struct network_piece pieces[NETWORK_PIECES_MAX];
    unsigned int count;
    size_t size;
    bool checksum_good; /* the back end vouches for the TCP or UDP checksum, which may be blank */
};

struct network_properties {
    uint8_t address[NETWORK_ADDRESS_SIZE];
    uint16_t mtu;
    bool checksum;     /* frames with a blank checksum may be sent */
    bool segmentation; /* frames with a segment size may be sent */
};

struct network_counters {
    uint64_t received, received_bytes, received_bad;
    uint64_t sent, sent_bytes, sent_bad, sent_full;
    uint64_t connections;
};

struct network_front;

typedef void network_arrived_t(const struct network_arrival *arrival, void *argument);

/* Follow the device `id` of device/vif. 0 or a negative errno; the connection comes later. */
int network_front_start(unsigned int id, struct network_front **front);

/* False when there is no connection by the deadline (clock_monotonic_ns). */
bool network_front_wait(struct network_front *front, uint64_t deadline_ns);

/* Whether frames can be sent: connected, and the other end says that there is a link. */
bool network_front_up(const struct network_front *front);
const struct network_properties *network_front_properties(const struct network_front *front);
const struct network_counters *network_front_counters(const struct network_front *front);

/* Woken, also by network_front_poke(), when network_front_pending() has become true. */
struct wait_queue *network_front_queue(struct network_front *front);
bool network_front_pending(const struct network_front *front);
void network_front_poke(struct network_front *front);

/* Hand the frames that came to a function, at most `budget` of them. Ends what is pending. */
void network_front_receive(struct network_front *front, network_arrived_t *arrived, void *argument,
                           unsigned int budget);

/* Never waits: 0, -XEN_EAGAIN without room, -XEN_ENOTCONN without a link, -XEN_EMSGSIZE. */
int network_front_send(struct network_front *front, const struct network_frame *frame);

/* Let the connection go and make a new one. Not in a watch function. */
int network_front_restart(struct network_front *front);

/*
 * Write nonsense into the transmit ring and notify, as a hostile guest would: for whoever tests
 * that a back end shuts this interface alone. The interface is of no use afterwards.
 */
void network_front_corrupt(struct network_front *front);
