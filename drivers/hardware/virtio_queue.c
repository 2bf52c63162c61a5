/* SPDX-License-Identifier: MIT */
#include "drivers/hardware/virtio_queue.h"

#include <stddef.h>

#include "lib/string.h"
#include "pvguest/kernel/barrier.h"

#define DESCRIPTOR_NEXT  1
#define DESCRIPTOR_WRITE 2
#define USED_NO_NOTIFY   1
#define QUEUE_PAGE_SIZE  4096
#define DESCRIPTORS_AT   0
#define AVAILABLE_AT     2048
#define USED_AT          2560

struct virtio_descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags;
    uint16_t next;
};

struct virtio_available {
    uint16_t flags;
    uint16_t index;
    uint16_t ring[VIRTIO_QUEUE_SIZE];
    uint16_t used_event;
};

struct virtio_used_element {
    uint32_t id;
    uint32_t size;
};

struct virtio_used {
    uint16_t flags;
    uint16_t index;
    struct virtio_used_element ring[VIRTIO_QUEUE_SIZE];
    uint16_t available_event;
};

_Static_assert(VIRTIO_QUEUE_SIZE * sizeof(struct virtio_descriptor) <= AVAILABLE_AT, "overlap");
_Static_assert(AVAILABLE_AT + sizeof(struct virtio_available) <= USED_AT, "overlap");
_Static_assert(USED_AT + sizeof(struct virtio_used) <= QUEUE_PAGE_SIZE, "one page");

void virtio_queue_init(struct virtio_queue *queue, uint16_t size, void *page,
                       uint64_t machine_address)
{
    char *base = page;

    memset(queue, 0, sizeof(*queue));
    queue->size = size;
    queue->free_count = size;
    queue->page = page;
    queue->machine_address = machine_address;
    queue->descriptors = (struct virtio_descriptor *)(base + DESCRIPTORS_AT);
    queue->available = (struct virtio_available *)(base + AVAILABLE_AT);
    queue->used = (struct virtio_used *)(base + USED_AT);
    for (uint16_t i = 0; i < size; i++) {
        queue->descriptors[i].next = (uint16_t)(i + 1);
        queue->tokens[i] = VIRTIO_PART_NONE;
    }
}

uint64_t virtio_queue_descriptors(const struct virtio_queue *queue)
{
    return queue->machine_address + DESCRIPTORS_AT;
}

uint64_t virtio_queue_available(const struct virtio_queue *queue)
{
    return queue->machine_address + AVAILABLE_AT;
}

uint64_t virtio_queue_used(const struct virtio_queue *queue)
{
    return queue->machine_address + USED_AT;
}

bool virtio_queue_add(struct virtio_queue *queue, const struct virtio_queue_part *parts,
                      unsigned int count, uint16_t token)
{
    uint16_t first = queue->free_first;
    uint16_t at = first;
    uint16_t slot;

    if (count == 0 || count > queue->free_count)
        return false;
    for (unsigned int i = 0; i < count; i++) {
        struct virtio_descriptor *descriptor = &queue->descriptors[at];

        descriptor->address = parts[i].machine_address;
        descriptor->size = parts[i].size;
        descriptor->flags = (uint16_t)((i + 1 < count ? DESCRIPTOR_NEXT : 0) |
                                       (parts[i].device_writes ? DESCRIPTOR_WRITE : 0));
        at = descriptor->next;
    }
    queue->free_first = at;
    queue->free_count = (uint16_t)(queue->free_count - count);
    queue->tokens[first] = token;
    slot = queue->available->index;
    queue->available->ring[slot % queue->size] = first;
    write_barrier();
    WRITE_ONCE(queue->available->index, (uint16_t)(slot + 1));
    return true;
}

/* Put a finished chain back on the list of free descriptors. */
static void release_chain(struct virtio_queue *queue, uint16_t first)
{
    uint16_t last = first;
    uint16_t count = 1;

    while (queue->descriptors[last].flags & DESCRIPTOR_NEXT) {
        last = queue->descriptors[last].next;
        count++;
    }
    queue->descriptors[last].next = queue->free_first;
    queue->free_first = first;
    queue->free_count = (uint16_t)(queue->free_count + count);
    queue->tokens[first] = VIRTIO_PART_NONE;
}

bool virtio_queue_take(struct virtio_queue *queue, uint16_t *token, uint32_t *written)
{
    while (READ_ONCE(queue->used->index) != queue->used_seen) {
        const struct virtio_used_element *element;
        uint32_t first;

        read_barrier();
        element = &queue->used->ring[queue->used_seen % queue->size];
        first = READ_ONCE(element->id);
        queue->used_seen++;
        if (first >= queue->size || queue->tokens[first] == VIRTIO_PART_NONE)
            continue;
        *token = queue->tokens[first];
        if (written != NULL)
            *written = READ_ONCE(element->size);
        release_chain(queue, (uint16_t)first);
        return true;
    }
    return false;
}

bool virtio_queue_wants_notice(const struct virtio_queue *queue)
{
    memory_barrier();
    return (READ_ONCE(queue->used->flags) & USED_NO_NOTIFY) == 0;
}
