/* SPDX-License-Identifier: MIT */
/*
 * The front end's receive ring. Slot i of the ring always offers buffer i, because a slot that
 * carries extra information has no room for a name (netif.h). Answers are copied once and checked.
 * Threads only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/net/front.h"
#include "drivers/net/front_buffers.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/page.h"
#include <xen/io/netif.h>

#define FRONT_RECEIVE_SLOTS __CONST_RING_SIZE(netif_rx, PAGE_SIZE)

struct front_receive {
    struct front_buffer shared;
    netif_rx_front_ring_t ring;
    struct front_buffer buffers[FRONT_RECEIVE_SLOTS];
};

/* A fresh ring with all buffers offered: 0 or a negative errno; close it also then. */
int front_receive_open(struct front_receive *receive, domid_t back_domain);
void front_receive_close(struct front_receive *receive);

/* Whether answers wait; asks to be notified when not. */
bool front_receive_pending(struct front_receive *receive);

/*
 * The next frame: 1, 0 when there is none, -XEN_EIO for one that did not make it (take the next),
 * -XEN_EINVAL when the back end wrote nonsense; the ring must then be closed. The frame's buffers
 * are ours until front_receive_offer().
 */
int front_receive_take(struct front_receive *receive, struct network_arrival *arrival);

/* Offer the buffers of all frames taken again; whether the back end wants to be notified. */
bool front_receive_offer(struct front_receive *receive);
