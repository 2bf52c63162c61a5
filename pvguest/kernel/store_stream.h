/* SPDX-License-Identifier: MIT */
/*
 * One direction of the store's ring: a byte stream through XENSTORE_RING_SIZE bytes of shared
 * memory. Both ends use it. The position of this end is kept privately and only published; the
 * other end's index is read once per call and checked. Pure; the caller notifies the other end.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

struct store_stream {
    char *ring;
    uint32_t *own;         /* this end's published index */
    const uint32_t *other; /* the other end's */
    uint32_t position;     /* this end's true index */
};

/* Take up the stream where this end's published index stands. */
void store_stream_open(struct store_stream *stream, char *ring, uint32_t *own,
                       const uint32_t *other);

/* Empty the stream: stand where the other end does. */
void store_stream_empty(struct store_stream *stream);

/* Bytes to be read, or room to write; -XEN_EIO when the other end's index is nonsense. */
int store_stream_readable(const struct store_stream *stream);
int store_stream_writable(const struct store_stream *stream);

/* Move up to `size` bytes; returns how many (0: none at present), or -XEN_EIO. */
int store_stream_read(struct store_stream *stream, void *buffer, size_t size);
int store_stream_write(struct store_stream *stream, const void *data, size_t size);
