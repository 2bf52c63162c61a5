/* SPDX-License-Identifier: MIT */
/* Attacks on whoever serves this domain's rings: nonsense indices and contents. */
#include "drivers/block/front.h"
#include "lib/string.h"
#include "pvguest/hostile/attack.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/thread.h"

#include <xen/io/console.h>
#include <xen/io/xs_wire.h>

#define CONNECT_NS 5000000000UL
#define PAUSE_NS   20000000UL

/* Indices as they must never be: far apart, backwards, at the wrap. */
static const uint32_t nonsense[] = {0x80000000, 0xffffffff, 0x7fffffff, 0x12345678, 2049, 1025};

#define NONSENSE_COUNT (sizeof(nonsense) / sizeof(nonsense[0]))

static bool console_ring(void)
{
    struct xencons_interface *ring;

    if (guest_is_initial_domain() || !(ring = page_of_mfn(start_info->console.domU.mfn)))
        return true; /* nobody serves one */
    for (size_t i = 0; i < NONSENSE_COUNT * NONSENSE_COUNT; i++) {
        memset(ring->out, (int)i, sizeof(ring->out));
        WRITE_ONCE(ring->out_prod, ring->out_cons + nonsense[i % NONSENSE_COUNT]);
        WRITE_ONCE(ring->in_cons, ring->in_prod + nonsense[i / NONSENSE_COUNT]);
        event_notify(start_info->console.domU.evtchn);
        thread_sleep_ns(PAUSE_NS);
    }
    WRITE_ONCE(ring->out_prod, ring->out_cons);
    WRITE_ONCE(ring->in_cons, ring->in_prod);
    return true;
}

/* Messages longer than any, of types that do not exist, and indices as above. */
static bool store_ring(void)
{
    struct xenstore_domain_interface *ring;
    struct xsd_sockmsg message = {.type = 0x7777, .len = 0xffffffff};

    if (guest_is_initial_domain() || !(ring = page_of_mfn(start_info->store_mfn)))
        return true;
    for (size_t i = 0; i < NONSENSE_COUNT; i++) {
        memset(ring->req, (int)i * 37, sizeof(ring->req));
        memcpy(ring->req, &message, sizeof(message));
        WRITE_ONCE(ring->req_prod, ring->req_cons + (i % 2 ? sizeof(message) : nonsense[i]));
        WRITE_ONCE(ring->rsp_cons, ring->rsp_prod + nonsense[i]);
        event_notify(start_info->store_evtchn);
        thread_sleep_ns(PAUSE_NS);
    }
    return true;
}

static bool block_ring(void)
{
    struct block_front *front;

    if (block_front_start(0, &front) || !block_front_wait(front, clock_monotonic_ns() + CONNECT_NS))
        return true;
    block_front_corrupt(front);
    thread_sleep_ns(PAUSE_NS);
    return true;
}

/* End in the middle of requests: their pages are on loan when their owner goes. */
static bool block_death(void)
{
    static struct block_request requests[8];
    struct block_front *front;

    if (block_front_start(0, &front) || !block_front_wait(front, clock_monotonic_ns() + CONNECT_NS))
        return false;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        requests[i] =
            (struct block_request){.operation = BLOCK_READ, .count = 8, .buffer = page_allocate(0)};
        if (block_front_submit(front, &requests[i]))
            return false;
    }
    __asm__ __volatile__("ud2");
    return false;
}

const struct attack ring_attacks[] = {
    {"ring", REFUSED, console_ring},
    {"store-ring", REFUSED, store_ring},
    {"block-ring", REFUSED, block_ring},
    {"block-death", ENDED, block_death},
    {NULL, REFUSED, NULL},
};
