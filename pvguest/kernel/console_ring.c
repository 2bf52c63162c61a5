/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/console_ring.h"

#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/start.h"

#include <xen/io/console.h>

static struct xencons_interface *ring(void)
{
    static struct xencons_interface *interface;

    if (!interface && !guest_is_initial_domain() && start_info->console.domU.mfn)
        interface = page_of_mfn(start_info->console.domU.mfn);
    return interface;
}

bool console_ring_present(void)
{
    return ring();
}

evtchn_port_t console_ring_port(void)
{
    return start_info->console.domU.evtchn;
}

size_t console_ring_write(const char *data, size_t size)
{
    struct xencons_interface *interface = ring();
    XENCONS_RING_IDX consumed = READ_ONCE(interface->out_cons);
    XENCONS_RING_IDX produced = interface->out_prod;
    size_t used = produced - consumed, written = 0;

    memory_barrier();
    for (; written < size && used < sizeof(interface->out); written++, used++)
        interface->out[MASK_XENCONS_IDX(produced++, interface->out)] = data[written];
    write_barrier();
    WRITE_ONCE(interface->out_prod, produced);
    if (written)
        event_notify(console_ring_port());
    return written;
}

size_t console_ring_read(char *buffer, size_t size)
{
    struct xencons_interface *interface = ring();
    XENCONS_RING_IDX produced = READ_ONCE(interface->in_prod);
    XENCONS_RING_IDX consumed = interface->in_cons;
    size_t there = produced - consumed, taken = 0;

    read_barrier();
    if (there > sizeof(interface->in))
        return 0;
    for (; taken < size && taken < there; taken++)
        buffer[taken] = interface->in[MASK_XENCONS_IDX(consumed++, interface->in)];
    memory_barrier();
    WRITE_ONCE(interface->in_cons, consumed);
    if (taken)
        event_notify(console_ring_port());
    return taken;
}

bool console_ring_drained(void)
{
    return READ_ONCE(ring()->out_cons) == ring()->out_prod;
}
