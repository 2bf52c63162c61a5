/* SPDX-License-Identifier: MIT */
/*
 * Frames on their way through the bridge, in pages of the control domain: one page, or sixteen for
 * a large TCP segment, page-aligned and side by side in our address space (not in the machine's).
 * A packet has one owner at a time. Owns the pages: a fixed number is taken at the start and kept,
 * more only while they are in use, and all of them together have a bound. Threads only.
 */
#pragma once

#include <stdint.h>

#include "drivers/net/wire.h"
#include "lib/list.h"

struct network_packet {
    struct list link; /* its owner's */
    uint8_t *data;
    uint32_t size, capacity;
    struct net_offload offload;
};

/* Take what is kept. 0 or -XEN_ENOMEM. Once. */
int network_packet_start(void);

/* Room for `size` bytes; NULL when it is more than a frame may have or memory is short. */
struct network_packet *network_packet_allocate(uint32_t size);
void network_packet_free(struct network_packet *packet);

/* NULL when memory is short. */
struct network_packet *network_packet_copy(const struct network_packet *packet);

/* Machine address of a byte; what follows is contiguous up to the end of its page. */
uint64_t network_packet_machine_address(const struct network_packet *packet, uint32_t offset);
