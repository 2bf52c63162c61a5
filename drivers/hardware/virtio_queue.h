/* SPDX-License-Identifier: MIT */
/*
 * One split virtqueue (virtio 1.0, 2.4) in a single page: descriptors, the ring of available
 * chains, the ring of used ones. The owner serializes all calls. What the device writes is
 * checked before it is used as an index.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define VIRTIO_QUEUE_SIZE 128
#define VIRTIO_PART_NONE  0xffff

struct virtio_queue_part {
    uint64_t machine_address;
    uint32_t size;
    bool device_writes;
};

struct virtio_queue {
    uint16_t size; /* a power of two, at most VIRTIO_QUEUE_SIZE */
    uint16_t free_first, free_count;
    uint16_t used_seen;
    uint16_t notify_offset; /* where the transport's notice for this queue goes */
    void *page;
    uint64_t machine_address;
    struct virtio_descriptor *descriptors;
    struct virtio_available *available;
    struct virtio_used *used;
    uint16_t tokens[VIRTIO_QUEUE_SIZE]; /* of chains in flight, by their first descriptor */
};

/* The page is zeroed and machine_address its own. */
void virtio_queue_init(struct virtio_queue *queue, uint16_t size, void *page,
                       uint64_t machine_address);

/* Where the device finds the three rings. */
uint64_t virtio_queue_descriptors(const struct virtio_queue *queue);
uint64_t virtio_queue_available(const struct virtio_queue *queue);
uint64_t virtio_queue_used(const struct virtio_queue *queue);

/* Hand a chain to the device, known by `token` (not VIRTIO_PART_NONE); false without room. */
bool virtio_queue_add(struct virtio_queue *queue, const struct virtio_queue_part *parts,
                      unsigned int count, uint16_t token);

/*
 * The next finished chain's token and how many bytes the device says it has written to it, which
 * may be nonsense (NULL: nobody wants to know); false when there is none.
 */
bool virtio_queue_take(struct virtio_queue *queue, uint16_t *token, uint32_t *written);

/* Whether the device wants to be told of chains added since. */
bool virtio_queue_wants_notice(const struct virtio_queue *queue);
