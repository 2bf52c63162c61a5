/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/store_stream.h"

#include "lib/string.h"
#include <xen/errno.h>

static uint32_t other_index(const struct store_stream *stream)
{
    return __atomic_load_n(stream->other, __ATOMIC_ACQUIRE);
}

static void publish(struct store_stream *stream)
{
    __atomic_store_n(stream->own, stream->position, __ATOMIC_RELEASE);
}

void store_stream_open(struct store_stream *stream, char *ring, uint32_t *own,
                       const uint32_t *other)
{
    stream->ring = ring;
    stream->own = own;
    stream->other = other;
    stream->position = __atomic_load_n(own, __ATOMIC_RELAXED);
}

void store_stream_empty(struct store_stream *stream)
{
    stream->position = other_index(stream);
    publish(stream);
}

int store_stream_readable(const struct store_stream *stream)
{
    uint32_t count = other_index(stream) - stream->position;

    return count <= XENSTORE_RING_SIZE ? (int)count : -XEN_EIO;
}

int store_stream_writable(const struct store_stream *stream)
{
    uint32_t count = stream->position - other_index(stream);

    return count <= XENSTORE_RING_SIZE ? (int)(XENSTORE_RING_SIZE - count) : -XEN_EIO;
}

/* Up to the ring's end; the rest begins at its start. */
static size_t first_part(const struct store_stream *stream, size_t size)
{
    size_t to_end = XENSTORE_RING_SIZE - MASK_XENSTORE_IDX(stream->position);

    return size < to_end ? size : to_end;
}

int store_stream_read(struct store_stream *stream, void *buffer, size_t size)
{
    int available = store_stream_readable(stream);
    size_t part;

    if (available <= 0)
        return available;
    if (size > (size_t)available)
        size = (size_t)available;
    part = first_part(stream, size);
    memcpy(buffer, stream->ring + MASK_XENSTORE_IDX(stream->position), part);
    memcpy((char *)buffer + part, stream->ring, size - part);
    stream->position += (uint32_t)size;
    publish(stream);
    return (int)size;
}

int store_stream_write(struct store_stream *stream, const void *data, size_t size)
{
    int room = store_stream_writable(stream);
    size_t part;

    if (room <= 0)
        return room;
    if (size > (size_t)room)
        size = (size_t)room;
    part = first_part(stream, size);
    memcpy(stream->ring + MASK_XENSTORE_IDX(stream->position), data, part);
    memcpy(stream->ring, (const char *)data + part, size - part);
    stream->position += (uint32_t)size;
    publish(stream);
    return (int)size;
}
