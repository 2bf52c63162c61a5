/* SPDX-License-Identifier: MIT */
/*
 * One processor's ring of trace records, laid out as <xen/trace.h> says. Only that processor
 * writes it, with interrupts off; the reader is a domain, which moves `cons` in the shared head.
 * Nothing in the shared memory is believed but `cons`, read once and checked. A record that does
 * not fit is counted; the count goes in front of the next one that does.
 */
#pragma once

#include <stdint.h>

#include <xen/trace.h>

struct trace_ring {
    struct t_buf *shared; /* head, data behind it */
    uint32_t size;        /* of the data, bytes; a multiple of 4 */
    uint32_t produced;    /* what shared->prod is told, modulo twice the size */
    uint32_t lost;
    uint64_t lost_first; /* when the first of them was */
};

/* The memory is zeroed, of `bytes` (a multiple of 4, several records at least). */
void trace_ring_init(struct trace_ring *ring, void *memory, uint32_t bytes);

/* At most TRACE_EXTRA_MAX words. */
void trace_ring_put(struct trace_ring *ring, uint32_t event, uint64_t tsc, const uint32_t *words,
                    unsigned count);
