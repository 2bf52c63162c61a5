/* SPDX-License-Identifier: MIT */
/*
 * TCP for threads that wait: connect, accept, read, write. Each stream belongs to one thread.
 * Deadlines are times of clock_monotonic_ns(); everything answers 0 or a negative Xen errno where
 * nothing else is said: -XEN_ETIMEDOUT, -XEN_ECONNREFUSED, -XEN_ENOTCONN (reset) ...
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lwip/ip4_addr.h"

struct stream;
struct stream_listener;

int stream_connect(const ip4_addr_t *address, uint16_t port, uint64_t deadline_ns,
                   struct stream **stream);

/* At most `waiting` connections that nobody has accepted yet; others are turned away. */
int stream_listen(uint16_t port, unsigned int waiting, struct stream_listener **listener);
struct stream *stream_accept(struct stream_listener *listener);

/* At least one byte: their number, 0 at the end of what the other side sends, or an errno. */
long stream_read(struct stream *stream, void *buffer, size_t size, uint64_t deadline_ns);

/* All of it, copied: when it returns the memory may be used anew. */
int stream_write(struct stream *stream, const void *data, size_t size, uint64_t deadline_ns);

/* Nothing more will be written; the other side reads its end. */
int stream_finish(struct stream *stream);

/* What was written is still sent; the stream is gone. */
void stream_close(struct stream *stream);

const ip4_addr_t *stream_peer(const struct stream *stream);
