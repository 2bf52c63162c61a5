/* SPDX-License-Identifier: MIT */
/*
 * Block front end: a disk that another domain serves. Many requests in flight; while there is no
 * back end they wait, and what was in flight when a back end went away is queued again to the next
 * one. Threads only.
 *
 * A request's memory belongs to the front end until it has finished. A status of -XEN_EBUSY says
 * that the back end did not give a page back: that memory must never be used again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/list.h"

#define BLOCK_FRONT_SECTORS_MAX 88 /* of one request: 11 pages */

enum block_operation { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_BARRIER };

struct block_request {
    enum block_operation operation;
    uint64_t sector;
    unsigned int count; /* sectors */
    void *buffer;       /* page-aligned pages of our own; a barrier may be without */
    bool finished;
    int status;
    struct list link; /* the front end's */
};

struct block_properties {
    uint64_t sectors;
    uint32_t sector_size;
    bool readonly, flush, barrier;
};

/* What was submitted, as requests and as sectors. */
struct block_counters {
    uint64_t reads, writes, sectors_read, sectors_written;
};

struct block_front;

/* Follow the device `id` of device/vbd. 0 or a negative errno; the connection comes later. */
int block_front_start(unsigned int id, struct block_front **front);

/* False when there is no connection by the deadline (clock_monotonic_ns). */
bool block_front_wait(struct block_front *front, uint64_t deadline_ns);

bool block_front_connected(const struct block_front *front);
const struct block_properties *block_front_properties(const struct block_front *front);
const struct block_counters *block_front_counters(const struct block_front *front);

/* Queue a request; 0 or an errno for one that cannot be. */
int block_front_submit(struct block_front *front, struct block_request *request);

/* Wait until it has finished; its status. */
int block_front_finish(struct block_front *front, struct block_request *request);

/* The two together, for as many sectors as there are. */
int block_front_transfer(struct block_front *front, enum block_operation operation, uint64_t sector,
                         void *buffer, unsigned int count);

/* Let the connection go and make a new one; requests in flight go with it. Not in a watch function.
 */
int block_front_restart(struct block_front *front);

/*
 * Write nonsense into the ring and notify, as a hostile guest would: for whoever tests that a back
 * end ends this ring alone. The disk is of no use afterwards.
 */
void block_front_corrupt(struct block_front *front);
