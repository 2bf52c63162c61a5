/* SPDX-License-Identifier: MIT */
/*
 * The middle of the store client: requests matched with their replies. Used by store.c and
 * store_watch.c only. Threads wait each for its own reply; any number may be in flight.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

struct store_piece {
    const void *data;
    size_t size;
};

/*
 * Send the pieces as one payload and wait for the reply: 0 or the error in it. The reply's payload,
 * terminated, is the caller's to heap_free() when `reply` is not NULL.
 */
int store_message_exchange(uint32_t type, uint32_t transaction, const struct store_piece *pieces,
                           size_t count, char **reply, size_t *reply_size);

/* A watch event arrived; does not wait. Defined by store_watch.c. */
void store_watch_receive(const char *payload, size_t size);

/* Start the thread that calls watch functions. */
int store_watch_start(void);
