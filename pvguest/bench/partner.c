/* SPDX-License-Identifier: MIT */
#include "pvguest/bench/partner.h"

#include <stdbool.h>

#include "drivers/net/front.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/bench/bench.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/grant.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/store.h"

#include <xen/sched.h>

static volatile uint64_t arrived;

static void note_event(evtchn_port_t port, void *argument)
{
    (void)port;
    (void)argument;
    arrived++;
}

static int page_offer(domid_t peer, volatile struct partner_page *page, evtchn_port_t *port)
{
    char permissions[32];
    domid_t self;
    grant_ref_t ref;
    int error = event_own_domain(&self);

    if (!error)
        error = event_allocate_unbound(peer, port);
    if (!error)
        error = event_bind(*port, note_event, NULL);
    if (!error)
        error = grant_access(peer, page_mfn((const void *)page), false, &ref);
    if (error)
        return error;
    page->port = *port;
    page->magic = PARTNER_MAGIC;
    format_text(permissions, sizeof(permissions), "n%u r%u", self, peer);
    error = store_format("data/bench", "%u", ref);
    return error ? error : store_set_permissions("data/bench", permissions);
}

void partner_serve(void)
{
    domid_t peer = (domid_t)text_option_unsigned(guest_command_line(), "partner", 0);
    volatile struct partner_page *page = page_allocate(0);
    evtchn_port_t port;
    uint64_t answered = 0;

    if (!page || page_offer(peer, page, &port))
        panic("bench: nothing to offer to domain %u", peer);
    events_mask();
    for (;;) {
        while (arrived == answered) {
            hypercall_sched_op(SCHEDOP_block, NULL);
            events_mask();
        }
        answered = arrived;
        page->turns++;
        while (page->task == PARTNER_YIELD) {
            page->turns++;
            hypercall_sched_op(SCHEDOP_yield, NULL);
        }
        event_notify(port);
    }
}

/* ---- frames ---- */

static struct network_front *network;
static uint64_t frames_counted;

static void frame_send(struct bench_frame *frame, size_t size)
{
    struct network_piece piece = {frame, size};
    struct network_frame whole = {.pieces = &piece, .count = 1, .size = size};

    memcpy(frame->destination, frame->source, sizeof(frame->destination));
    memcpy(frame->source, network_front_properties(network)->address, sizeof(frame->source));
    (void)network_front_send(network, &whole);
}

static void frame_answer(const struct network_arrival *arrival, void *argument)
{
    static struct bench_frame frame;

    (void)argument;
    if (!bench_frame_read(arrival, &frame))
        return;
    if (frame.kind == FRAME_ECHO) {
        frame_send(&frame, arrival->size);
    } else if (frame.kind == FRAME_DATA) {
        frames_counted = frame.number == 0 ? 1 : frames_counted + 1;
        if (frame.number % FRAME_ACKNOWLEDGED == FRAME_ACKNOWLEDGED - 1) {
            frame.kind = FRAME_COUNT;
            frame.number = frames_counted;
            frame_send(&frame, BENCH_FRAME_LEAST);
        }
    }
}

void partner_echo(void)
{
    if (network_front_start(0, &network))
        panic("bench: no network interface");
    for (;;) {
        WAIT_UNTIL(network_front_queue(network), network_front_pending(network));
        network_front_receive(network, frame_answer, NULL, FRAME_WINDOW);
    }
}
