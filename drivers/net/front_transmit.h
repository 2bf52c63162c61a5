/* SPDX-License-Identifier: MIT */
/*
 * The front end's transmit ring. A frame takes one buffer for each page of data and one slot more
 * when it is to be cut into segments. Answers are copied once and checked. Threads only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/net/front.h"
#include "drivers/net/front_buffers.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/page.h"
#include <xen/io/netif.h>

#define FRONT_TRANSMIT_BUFFERS 128 /* the ring has twice as many slots */

struct front_transmit {
    struct front_buffer shared;
    netif_tx_front_ring_t ring;
    struct front_buffer buffers[FRONT_TRANSMIT_BUFFERS];
    bool in_flight[FRONT_TRANSMIT_BUFFERS];
    uint16_t free[FRONT_TRANSMIT_BUFFERS]; /* a stack of those that are not */
    unsigned int free_count;
    unsigned int extra_in_flight; /* slots that carry no buffer */
};

/* A fresh ring: 0 or a negative errno; close it also then. */
int front_transmit_open(struct front_transmit *transmit, domid_t back_domain);
void front_transmit_close(struct front_transmit *transmit);

/*
 * Take the answers; `bad` counts those that say that a frame was not sent. 0, or -XEN_EINVAL when
 * the back end wrote nonsense; the ring must then be closed.
 */
int front_transmit_take(struct front_transmit *transmit, uint64_t *bad);

/* Copy a frame into the ring: 0, -XEN_EAGAIN without room, -XEN_EMSGSIZE. */
int front_transmit_put(struct front_transmit *transmit, const struct network_frame *frame);

/* Make the frames visible; whether the back end wants to be notified. */
bool front_transmit_push(struct front_transmit *transmit);
