/* SPDX-License-Identifier: MIT */
#include "pvguest/control/network_packet.h"

#include "lib/string.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/page.h"

#define LARGE_ORDER 4
#define BYTES_MAX   (16u << 20)

/* Small and large packets that nobody uses at the moment. */
static struct list idle[2] = {{&idle[0], &idle[0]}, {&idle[1], &idle[1]}};
static uint64_t bytes_taken;

static struct network_packet *packet_make(unsigned int order)
{
    struct network_packet *packet;

    if (bytes_taken + (PAGE_SIZE << order) > BYTES_MAX)
        return NULL;
    packet = heap_allocate_zeroed(sizeof(*packet));
    if (packet == NULL)
        return NULL;
    packet->data = page_allocate(order);
    if (packet->data == NULL) {
        heap_free(packet);
        return NULL;
    }
    packet->capacity = (uint32_t)(PAGE_SIZE << order);
    bytes_taken += packet->capacity;
    list_init(&packet->link);
    return packet;
}

struct network_packet *network_packet_allocate(uint32_t size)
{
    unsigned int order = size > PAGE_SIZE ? LARGE_ORDER : 0;
    struct list *first = list_first(&idle[order != 0]);
    struct network_packet *packet;

    if (size > PAGE_SIZE << LARGE_ORDER)
        return NULL;
    if (first != NULL) {
        list_remove(first);
        packet = container_of(first, struct network_packet, link);
    } else {
        packet = packet_make(order);
    }
    if (packet != NULL) {
        packet->size = size;
        packet->offload = (struct net_offload){.segment_size = 0};
    }
    return packet;
}

void network_packet_free(struct network_packet *packet)
{
    list_remove(&packet->link);
    list_push_front(&idle[packet->capacity > PAGE_SIZE], &packet->link);
}

struct network_packet *network_packet_copy(const struct network_packet *packet)
{
    struct network_packet *copy = network_packet_allocate(packet->size);

    if (copy == NULL)
        return NULL;
    memcpy(copy->data, packet->data, packet->size);
    copy->offload = packet->offload;
    return copy;
}

uint64_t network_packet_machine_address(const struct network_packet *packet, uint32_t offset)
{
    const uint8_t *at = packet->data + offset;

    return (page_mfn(at) << PAGE_SHIFT) + (uint64_t)at % PAGE_SIZE;
}
