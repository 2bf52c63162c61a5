/* SPDX-License-Identifier: MIT */
/*
 * What the block back end believes of a ring: nothing until it is checked. Requests are checked on
 * a private copy, indices against the back end's own. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pvguest/kernel/barrier.h"
#include <xen/io/blkif.h>

#define BLOCK_SECTOR_SIZE      512
#define BLOCK_SECTORS_PER_PAGE 8
#define BLOCK_SEGMENTS_MAX     BLKIF_MAX_SEGMENTS_PER_REQUEST

struct block_limits {
    uint64_t sectors;
    bool readonly;
};

/* A request found good: where its data lie. */
struct block_plan {
    bool writes;  /* to the disk */
    bool flushes; /* the disk's cache, before and after the data */
    bool barrier; /* nothing may pass it */
    uint64_t sector;
    unsigned int segment_count;
    struct {
        grant_ref_t ref;
        uint32_t offset, size; /* bytes within the page */
    } segments[BLOCK_SEGMENTS_MAX];
};

/* Make a plan of a request: BLKIF_RSP_OKAY, or what to answer and why. */
int16_t block_request_check(const blkif_request_t *request, const struct block_limits *limits,
                            struct block_plan *plan, const char **why);

/* Requests that wait in the ring; -XEN_EINVAL when the producer index cannot be. */
int block_ring_pending(const blkif_back_ring_t *ring);

/* Responses that wait in the ring, seen by the front end; -XEN_EINVAL when that cannot be. */
int block_ring_answered(const blkif_front_ring_t *ring);
