/* SPDX-License-Identifier: MIT */
/*
 * The front end's ring and its memory of what is in it: each request's copy, grants and owner.
 * Answers are checked before they are believed. Threads only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/block/front.h"
#include "drivers/block/request.h"
#include <xen/grant_table.h>

#define BLOCK_FRONT_SLOTS 32

/* A request in flight: enough to put it into another ring. */
struct block_shadow {
    struct block_request *request; /* NULL: free */
    blkif_request_t copy;
};

struct block_front_ring {
    domid_t back_domain;
    blkif_sring_t *shared;
    grant_ref_t ref;
    blkif_front_ring_t ring;
    struct block_shadow shadows[BLOCK_FRONT_SLOTS];
};

/* A fresh, empty ring granted to a domain; the shadows stay. 0 or a negative errno. */
int block_front_ring_open(struct block_front_ring *front, domid_t back_domain);

/* Take the ring back. A page that the other end keeps is given up, not reused. */
void block_front_ring_close(struct block_front_ring *front);

/* Put all requests of the shadows into the fresh ring. */
void block_front_ring_requeue(struct block_front_ring *front);

/* Grant a request's pages and put it into the ring: 0, -XEN_EAGAIN without room, or an errno. */
int block_front_ring_put(struct block_front_ring *front, struct block_request *request);

/* Make the requests visible; whether the back end wants to be notified. */
bool block_front_ring_push(struct block_front_ring *front);

/*
 * Finish the requests that were answered. 0, or -XEN_EINVAL when the back end wrote nonsense; the
 * ring must then be closed.
 */
int block_front_ring_take(struct block_front_ring *front);
