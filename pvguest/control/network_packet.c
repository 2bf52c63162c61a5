/* SPDX-License-Identifier: MIT */
#include "pvguest/control/network_packet.h"

#include <xen/errno.h>

#include "lib/string.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/page.h"

#define LARGE_ORDER 4
#define BYTES_MAX   (16u << 20)

/* Packets of one size. */
static struct pool {
    unsigned int order;
    unsigned int kept;  /* so many are not given back to the page allocator */
    unsigned int count; /* idle ones and those in use */
    struct list idle;
} pools[] = {
    {.order = 0, .kept = 512, .idle = {&pools[0].idle, &pools[0].idle}},
    {.order = LARGE_ORDER, .kept = 16, .idle = {&pools[1].idle, &pools[1].idle}},
};

static uint64_t bytes_taken(void)
{
    return ((uint64_t)pools[0].count + ((uint64_t)pools[1].count << LARGE_ORDER)) << PAGE_SHIFT;
}

static struct network_packet *packet_make(struct pool *pool)
{
    struct network_packet *packet;

    if (bytes_taken() + (PAGE_SIZE << pool->order) > BYTES_MAX)
        return NULL;
    packet = heap_allocate_zeroed(sizeof(*packet));
    if (packet == NULL)
        return NULL;
    packet->data = page_allocate(pool->order);
    if (packet->data == NULL) {
        heap_free(packet);
        return NULL;
    }
    packet->capacity = (uint32_t)(PAGE_SIZE << pool->order);
    list_init(&packet->link);
    pool->count++;
    return packet;
}

int network_packet_start(void)
{
    for (unsigned int i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
        while (pools[i].count < pools[i].kept) {
            struct network_packet *packet = packet_make(&pools[i]);

            if (packet == NULL)
                return -XEN_ENOMEM;
            list_push_back(&pools[i].idle, &packet->link);
        }
    }
    return 0;
}

struct network_packet *network_packet_allocate(uint32_t size)
{
    struct pool *pool = &pools[size > PAGE_SIZE];
    struct list *first = list_first(&pool->idle);
    struct network_packet *packet;

    if (size > PAGE_SIZE << pool->order)
        return NULL;
    if (first != NULL) {
        list_remove(first);
        packet = container_of(first, struct network_packet, link);
    } else {
        packet = packet_make(pool);
    }
    if (packet != NULL) {
        packet->size = size;
        packet->offload = (struct net_offload){.segment_size = 0};
    }
    return packet;
}

void network_packet_free(struct network_packet *packet)
{
    struct pool *pool = &pools[packet->capacity > PAGE_SIZE];

    list_remove(&packet->link);
    if (pool->count <= pool->kept) {
        list_push_front(&pool->idle, &packet->link);
        return;
    }
    pool->count--;
    page_free(packet->data, pool->order);
    heap_free(packet);
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
