/* SPDX-License-Identifier: MIT */
#include "drivers/net/back_transmit.h"

#include <stddef.h>

#include "pvguest/control/network.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"

/* What one interface may send in one round. */
#define ROUND_BYTES  (128u << 10)
#define BATCH_FRAMES 32
#define BATCH_COPIES 128
/* Each part, and each border of our pages that parts may straddle. */
#define COPIES_MAX (NET_SLOTS_MAX + NET_FRAME_MAX / PAGE_SIZE + 1)

/* Frames that are copied together; only the network's thread has it, and never while it waits. */
static struct batch {
    unsigned int frame_count, copy_count;
    uint32_t bytes;
    struct batch_frame {
        struct network_packet *packet; /* NULL: refused */
        struct net_chain chain;
        unsigned int copy_first, copy_count;
    } frames[BATCH_FRAMES];
    struct gnttab_copy copies[BATCH_COPIES];
} batch;

_Static_assert(BATCH_COPIES >= COPIES_MAX, "a batch holds at least one frame");

static void add_copy(const struct net_instance *instance, const struct net_part *part,
                     uint32_t part_offset, uint32_t size, const uint8_t *target)
{
    struct gnttab_copy *copy = &batch.copies[batch.copy_count++];

    ASSERT(batch.copy_count <= BATCH_COPIES);
    *copy = (struct gnttab_copy){.len = (uint16_t)size, .flags = GNTCOPY_source_gref};
    copy->source.u.ref = part->ref;
    copy->source.domid = instance->domain;
    copy->source.offset = (uint16_t)(part->offset + part_offset);
    copy->dest.u.gmfn = page_mfn(target);
    copy->dest.domid = DOMID_SELF;
    copy->dest.offset = (uint16_t)((uint64_t)target % PAGE_SIZE);
}

/* The copies of one frame: no copy crosses the end of a page of ours. */
static void plan_copies(const struct net_instance *instance, struct batch_frame *frame)
{
    uint32_t done = 0;

    frame->copy_first = batch.copy_count;
    for (unsigned int i = 0; i < frame->chain.part_count; i++) {
        const struct net_part *part = &frame->chain.parts[i];

        for (uint32_t at = 0; at < part->size;) {
            uint32_t room = PAGE_SIZE - done % PAGE_SIZE;
            uint32_t size = part->size - at < room ? part->size - at : room;

            add_copy(instance, part, at, size, frame->packet->data + done);
            at += size;
            done += size;
        }
    }
    frame->copy_count = batch.copy_count - frame->copy_first;
}

/* Read the next frame's requests. False at the end of what may be taken. */
static bool collect_frame(struct net_instance *instance)
{
    struct batch_frame *frame = &batch.frames[batch.frame_count];
    const char *why = "impossible ring indices";
    int pending = net_tx_pending(&instance->tx);

    if (pending == 0)
        return false;
    if (pending < 0 ||
        net_tx_chain_read(&instance->tx, (unsigned int)pending, &frame->chain, &why) != 0) {
        net_instance_shut(instance, why);
        return false;
    }
    instance->tx.req_cons += frame->chain.slot_count;
    frame->packet = NULL;
    frame->copy_count = 0;
    if (frame->chain.refusal == NULL) {
        frame->packet = network_packet_allocate(frame->chain.size);
        if (frame->packet == NULL)
            instance->interface.counters.dropped++;
    }
    if (frame->packet != NULL) {
        frame->packet->offload = frame->chain.offload;
        plan_copies(instance, frame);
        batch.bytes += frame->chain.size;
        network_rate_charge(&instance->interface.rate, frame->chain.size);
    }
    batch.frame_count++;
    return true;
}

/* Whether the rate and the card's queue let another frame go now. */
static bool may_take(struct net_instance *instance)
{
    struct network_interface *interface = &instance->interface;
    uint64_t ready_ns;

    if (!network_rate_allows(&interface->rate, clock_monotonic_ns(), &ready_ns)) {
        interface->wake_ns = ready_ns;
        return false;
    }
    return network_has_room(interface);
}

static bool copies_succeeded(const struct batch_frame *frame)
{
    for (unsigned int i = 0; i < frame->copy_count; i++)
        if (batch.copies[frame->copy_first + i].status != GNTST_okay)
            return false;
    return true;
}

/* One answer for each slot, in their order. */
static void respond(struct net_instance *instance, const struct net_chain *chain, int16_t status)
{
    unsigned int part = 0;

    for (unsigned int slot = 0; slot < chain->slot_count; slot++) {
        netif_tx_response_t *response =
            RING_GET_RESPONSE(&instance->tx, instance->tx.rsp_prod_pvt++);

        if (net_chain_is_extra(chain, slot)) {
            response->status = NETIF_RSP_NULL;
            continue;
        }
        response->id = chain->parts[part++].id;
        response->status = status;
    }
}

static void finish_frame(struct net_instance *instance, struct batch_frame *frame)
{
    const char *refusal = frame->chain.refusal;

    if (refusal == NULL && !copies_succeeded(frame))
        refusal = "its pages cannot be read";
    respond(instance, &frame->chain, refusal == NULL ? NETIF_RSP_OKAY : NETIF_RSP_ERROR);
    if (refusal != NULL) {
        net_instance_refuse(instance, refusal);
        if (frame->packet != NULL)
            network_packet_free(frame->packet);
    } else if (frame->packet != NULL) {
        network_forward(&instance->interface, frame->packet);
    }
}

static void finish_batch(struct net_instance *instance)
{
    bool notify;

    if (batch.copy_count > 0)
        (void)grant_copy(batch.copies, batch.copy_count); /* each copy has its status */
    for (unsigned int i = 0; i < batch.frame_count; i++)
        finish_frame(instance, &batch.frames[i]);
    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&instance->tx, notify);
    if (notify)
        event_notify(instance->port);
    batch.frame_count = batch.copy_count = 0;
}

/* Ask to be told of the next request, then look once more. */
static bool ask_for_notice(struct net_instance *instance)
{
    WRITE_ONCE(instance->tx.sring->req_event, instance->tx.req_cons + 1);
    memory_barrier();
    return net_tx_pending(&instance->tx) != 0;
}

bool net_back_take_frames(struct net_instance *instance)
{
    bool held_back = false, empty = false, more;

    batch.frame_count = batch.copy_count = 0;
    batch.bytes = 0;
    while (!held_back && !empty && !instance->broken && batch.bytes < ROUND_BYTES) {
        held_back = !may_take(instance);
        if (!held_back)
            empty = !collect_frame(instance);
        if (batch.frame_count == BATCH_FRAMES || batch.copy_count + COPIES_MAX > BATCH_COPIES)
            finish_batch(instance);
    }
    if (batch.frame_count > 0)
        finish_batch(instance);
    if (instance->broken)
        return false;
    more = held_back || !empty || ask_for_notice(instance);
    /* Never taken back here: the guest's event may have come after the last look. */
    if (more)
        instance->notified = true;
    return more && !held_back;
}
