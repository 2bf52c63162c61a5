/* SPDX-License-Identifier: MIT */
/*
 * The back end's side of a console ring. The other end may write anything at any time: indices are
 * read once, ours are kept privately, and a distance that cannot be ends the console. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <xen/io/console.h>

struct console_back_ring {
    struct xencons_interface *shared;
    XENCONS_RING_IDX out_consumed, in_produced; /* ours; the shared copies are for the guest */
};

/* Go on where the shared page says a back end stopped. */
void console_back_ring_init(struct console_back_ring *ring, struct xencons_interface *shared);

/* Take up to `size` bytes of the guest's output: how many, or -XEN_EINVAL for hostile indices. */
int console_back_ring_take(struct console_back_ring *ring, char *buffer, size_t size);

/* Give the guest up to `size` bytes of input: how many fitted, or -XEN_EINVAL. */
int console_back_ring_give(struct console_back_ring *ring, const char *data, size_t size);
