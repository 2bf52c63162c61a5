/* SPDX-License-Identifier: MIT */
/*
 * One disk of one guest at the back end: its ring and the requests in flight. Threads only; the
 * event handler notes and wakes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/block/request.h"
#include "lib/list.h"
#include "pvguest/control/disk.h"
#include "pvguest/kernel/grant.h"
#include "pvguest/kernel/thread.h"

#define BLOCK_RING_SLOTS 32

struct block_instance;

/* What remains to be done for a request, in this order. */
enum block_step { BLOCK_STEP_FLUSH_BEFORE, BLOCK_STEP_DATA, BLOCK_STEP_FLUSH_AFTER };

struct block_work {
    struct block_instance *instance;
    bool busy;
    uint64_t id;
    uint8_t operation;
    enum block_step step;
    struct block_plan plan;
    struct grant_mapping mapping; /* of the guest's pages, while address is not NULL */
    struct disk_request request;
};

struct block_instance {
    struct list link;
    domid_t domain;
    struct disk *disk;
    char name[DISK_NAME_SIZE]; /* as the guest knows it */
    struct block_limits limits;

    bool connected, broken;
    bool notified;  /* by the guest, or by ourselves when something finished */
    bool held_back; /* a barrier waits for what is before it, or is in flight */
    evtchn_port_t port;
    struct grant_mapping ring_mapping;
    blkif_back_ring_t ring;
    unsigned int in_flight;
    struct wait_queue finished;
    struct block_work work[BLOCK_RING_SLOTS];
    uint64_t refused_count;
};

/* Map the ring and bind the channel. 0 or a negative errno with everything undone. */
int block_instance_connect(struct block_instance *instance, grant_ref_t ring_ref,
                           evtchn_port_t remote_port);

/* Wait for the device to finish, then give ring and channel up. */
void block_instance_disconnect(struct block_instance *instance);

/* Look into the ring, start what can be started. Returns whether there is more to do at once. */
bool block_instance_serve(struct block_instance *instance);

/* What wakes the thread that serves. */
extern struct wait_queue block_instance_queue;
extern bool block_instance_notified;
