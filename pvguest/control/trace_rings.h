/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's trace rings, mapped and read (<xen/trace.h>): one for each processor. One user
 * at a time, in thread context.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct trace_rings;

/*
 * Map the rings; who is the first makes them of so many pages each. The events of `mask`
 * (TRC_ALL, TRC_SCHED, ...) are recorded from now on. -XEN_ENOSYS: the hypervisor has none.
 */
int trace_rings_open(uint32_t pages, uint32_t mask, struct trace_rings **rings);
/* Stop recording: what the rings hold can still be read. */
int trace_rings_stop(struct trace_rings *rings);
void trace_rings_close(struct trace_rings *rings);

unsigned int trace_rings_count(const struct trace_rings *rings);

/*
 * Take the next bytes of a processor's ring, whole records, if there is room for all that lie
 * side by side: how many were taken, 0 = none there. -XEN_ENOBUFS: too little room.
 */
int trace_rings_read(struct trace_rings *rings, unsigned int processor, void *buffer, size_t size);
/* Throw away what is in the rings. */
void trace_rings_skip(struct trace_rings *rings);
