/* SPDX-License-Identifier: MIT */
#include "pvguest/control/trace_rings.h"

#include <stdbool.h>
#include <xen/errno.h>
#include <xen/trace.h>
#include <xen/xen.h>

#include "lib/string.h"
#include "pvguest/control/machine_calls.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"

#define INDEX_PAGES_MAX 64
#define RING_PAGES_MAX  4096

struct trace_rings {
    const struct t_info *index;
    size_t index_pages, ring_pages;
    uint32_t size; /* of a ring's data */
    unsigned int count;
    struct t_buf *shared[]; /* by processor, NULL: not there */
};

static int map_index(struct trace_rings *rings, uint64_t first, size_t bytes)
{
    uint64_t frames[INDEX_PAGES_MAX];
    void *address;
    int error;

    rings->index_pages = bytes / PAGE_SIZE;
    if (rings->index_pages == 0 || rings->index_pages > INDEX_PAGES_MAX)
        return -XEN_EINVAL;
    for (size_t i = 0; i < rings->index_pages; i++)
        frames[i] = first + i;
    error = foreign_map(DOMID_XEN, frames, rings->index_pages, false, &address);
    if (error)
        return error;
    rings->index = address;
    rings->ring_pages = rings->index->tbuf_size;
    rings->size = (uint32_t)(rings->ring_pages * PAGE_SIZE - sizeof(struct t_buf));
    return rings->ring_pages && rings->ring_pages <= RING_PAGES_MAX ? 0 : -XEN_EINVAL;
}

/* The head of a ring is written, by whoever reads the ring. */
static int map_ring(struct trace_rings *rings, unsigned int processor)
{
    const uint32_t *list = (const uint32_t *)rings->index + rings->index->mfn_offset[processor];
    uint64_t *frames;
    void *address = NULL;
    int error;

    if (!rings->index->mfn_offset[processor])
        return 0;
    frames = heap_allocate(rings->ring_pages * sizeof *frames);
    if (!frames)
        return -XEN_ENOMEM;
    for (size_t i = 0; i < rings->ring_pages; i++)
        frames[i] = list[i];
    error = foreign_map(DOMID_XEN, frames, rings->ring_pages, true, &address);
    rings->shared[processor] = address;
    heap_free(frames);
    return error;
}

static int map_all(struct trace_rings *rings, uint32_t pages)
{
    uint64_t frame;
    size_t bytes;
    int error = machine_call_trace_index(pages, &frame, &bytes);

    if (!error)
        error = map_index(rings, frame, bytes);
    for (unsigned int processor = 0; !error && processor < rings->count; processor++)
        error = map_ring(rings, processor);
    return error;
}

int trace_rings_open(uint32_t pages, uint32_t mask, struct trace_rings **result)
{
    struct xen_sysctl_physinfo machine;
    struct trace_rings *rings;
    int error = machine_call_information(&machine);

    if (error)
        return error;
    rings =
        heap_allocate_zeroed(sizeof *rings + (machine.max_cpu_id + 1) * sizeof rings->shared[0]);
    if (!rings)
        return -XEN_ENOMEM;
    rings->count = machine.max_cpu_id + 1;
    error = map_all(rings, pages);
    if (!error) {
        trace_rings_skip(rings);
        error = machine_call_trace_start(mask);
    }
    if (error)
        trace_rings_close(rings);
    else
        *result = rings;
    return error;
}

int trace_rings_stop(struct trace_rings *rings)
{
    (void)rings;
    return machine_call_trace_stop();
}

void trace_rings_close(struct trace_rings *rings)
{
    for (unsigned int processor = 0; processor < rings->count; processor++)
        if (rings->shared[processor])
            foreign_unmap(rings->shared[processor], rings->ring_pages);
    if (rings->index)
        foreign_unmap((void *)rings->index, rings->index_pages);
    heap_free(rings);
}

unsigned int trace_rings_count(const struct trace_rings *rings)
{
    return rings->count;
}

int trace_rings_read(struct trace_rings *rings, unsigned int processor, void *buffer, size_t size)
{
    struct t_buf *shared = rings->shared[processor];
    uint32_t produced, consumed, bytes;

    if (!shared)
        return 0;
    produced = __atomic_load_n(&shared->prod, __ATOMIC_ACQUIRE);
    consumed = shared->cons;
    if (produced >= 2 * rings->size || consumed >= 2 * rings->size)
        return -XEN_EINVAL;
    bytes = (produced + 2 * rings->size - consumed) % (2 * rings->size);
    if (bytes > rings->size - consumed % rings->size)
        bytes = rings->size - consumed % rings->size;
    if (bytes > size)
        return -XEN_ENOBUFS;
    memcpy(buffer, (const char *)(shared + 1) + consumed % rings->size, bytes);
    __atomic_store_n(&shared->cons, (consumed + bytes) % (2 * rings->size), __ATOMIC_RELEASE);
    return (int)bytes;
}

void trace_rings_skip(struct trace_rings *rings)
{
    for (unsigned int processor = 0; processor < rings->count; processor++) {
        struct t_buf *shared = rings->shared[processor];
        if (shared)
            __atomic_store_n(&shared->cons, __atomic_load_n(&shared->prod, __ATOMIC_ACQUIRE),
                             __ATOMIC_RELEASE);
    }
}
