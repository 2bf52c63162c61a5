/* SPDX-License-Identifier: MIT */
#include "drivers/console/back_ring.h"

#include <xen/errno.h>

#include "pvguest/kernel/barrier.h"

void console_back_ring_init(struct console_back_ring *ring, struct xencons_interface *shared)
{
    ring->shared = shared;
    ring->out_consumed = READ_ONCE(shared->out_cons);
    ring->in_produced = READ_ONCE(shared->in_prod);
}

int console_back_ring_take(struct console_back_ring *ring, char *buffer, size_t size)
{
    struct xencons_interface *shared = ring->shared;
    XENCONS_RING_IDX there = READ_ONCE(shared->out_prod) - ring->out_consumed;
    size_t taken = 0;

    read_barrier();
    if (there > sizeof(shared->out))
        return -XEN_EINVAL;
    for (; taken < size && taken < there; taken++) {
        buffer[taken] = READ_ONCE(shared->out[MASK_XENCONS_IDX(ring->out_consumed, shared->out)]);
        ring->out_consumed++;
    }
    memory_barrier();
    WRITE_ONCE(shared->out_cons, ring->out_consumed);
    return (int)taken;
}

int console_back_ring_give(struct console_back_ring *ring, const char *data, size_t size)
{
    struct xencons_interface *shared = ring->shared;
    XENCONS_RING_IDX used = ring->in_produced - READ_ONCE(shared->in_cons);
    size_t given = 0;

    memory_barrier();
    if (used > sizeof(shared->in))
        return -XEN_EINVAL;
    for (; given < size && used < sizeof(shared->in); given++, used++) {
        WRITE_ONCE(shared->in[MASK_XENCONS_IDX(ring->in_produced, shared->in)], data[given]);
        ring->in_produced++;
    }
    write_barrier();
    WRITE_ONCE(shared->in_prod, ring->in_produced);
    return (int)given;
}
