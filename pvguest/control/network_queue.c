/* SPDX-License-Identifier: MIT */
#include "pvguest/control/network_queue.h"

#include <stddef.h>

/* What a packet costs beside its bytes, so that a flood of small ones is not cheap. */
#define PACKET_PRICE 64

void network_queue_init(struct network_queue *queue)
{
    *queue = (struct network_queue){.now = 0};
    for (unsigned int i = 0; i < NETWORK_FLOWS_MAX; i++)
        list_init(&queue->flows[i].packets);
}

bool network_queue_is_empty(const struct network_queue *queue)
{
    return queue->waiting == 0;
}

bool network_queue_has_room(const struct network_queue *queue, unsigned int flow)
{
    return queue->flows[flow].count < NETWORK_FLOW_PACKETS_MAX &&
           queue->flows[flow].bytes < NETWORK_FLOW_BYTES_MAX;
}

/* A flow that was away starts at the present: it has saved up nothing. */
void network_queue_add(struct network_queue *queue, unsigned int number,
                       struct network_packet *packet)
{
    struct network_flow *flow = &queue->flows[number];

    if (flow->count == 0 && flow->start < queue->now)
        flow->start = queue->now;
    list_push_back(&flow->packets, &packet->link);
    flow->count++;
    flow->bytes += packet->size;
    queue->waiting |= 1ull << number;
}

/* The waiting flow with the earliest start; the queue is not empty. */
static unsigned int next_flow(const struct network_queue *queue)
{
    unsigned int best = (unsigned int)__builtin_ctzll(queue->waiting);

    for (uint64_t rest = queue->waiting; rest != 0; rest &= rest - 1) {
        unsigned int flow = (unsigned int)__builtin_ctzll(rest);

        if (queue->flows[flow].start < queue->flows[best].start)
            best = flow;
    }
    return best;
}

struct network_packet *network_queue_first(const struct network_queue *queue)
{
    if (queue->waiting == 0)
        return NULL;
    return container_of(list_first(&queue->flows[next_flow(queue)].packets), struct network_packet,
                        link);
}

struct network_packet *network_queue_take(struct network_queue *queue)
{
    struct network_packet *packet = network_queue_first(queue);
    unsigned int number;
    struct network_flow *flow;

    if (packet == NULL)
        return NULL;
    number = next_flow(queue);
    flow = &queue->flows[number];
    list_remove(&packet->link);
    flow->count--;
    flow->bytes -= packet->size;
    queue->now = flow->start;
    flow->start += packet->size + PACKET_PRICE;
    if (flow->count == 0)
        queue->waiting &= ~(1ull << number);
    return packet;
}
