/* SPDX-License-Identifier: MIT */
/*
 * What waits to leave an interface: a queue for each interface that packets came from, served so
 * that each gets an equal share of the bytes and one that was quiet goes first (start-time fair
 * queueing). No interface can fill another's room. Pure; the owner serializes calls.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pvguest/control/network_packet.h"

#define NETWORK_FLOWS_MAX        64
#define NETWORK_FLOW_PACKETS_MAX 512
#define NETWORK_FLOW_BYTES_MAX   (512u << 10)

struct network_flow {
    struct list packets;
    unsigned int count;
    uint32_t bytes;
    uint64_t start; /* virtual time at which its first packet's turn is */
};

struct network_queue {
    uint64_t now;     /* virtual time: the bytes' price of the last packet's turn */
    uint64_t waiting; /* bit n: flow n has packets */
    struct network_flow flows[NETWORK_FLOWS_MAX];
};

void network_queue_init(struct network_queue *queue);
bool network_queue_is_empty(const struct network_queue *queue);

/* Whether the flow has not used up its room; network_queue_add() itself refuses nothing. */
bool network_queue_has_room(const struct network_queue *queue, unsigned int flow);
void network_queue_add(struct network_queue *queue, unsigned int flow,
                       struct network_packet *packet);

/* Whose turn it is, left in the queue or taken out; NULL when empty. */
struct network_packet *network_queue_first(const struct network_queue *queue);
struct network_packet *network_queue_take(struct network_queue *queue);
