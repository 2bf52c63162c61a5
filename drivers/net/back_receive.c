/* SPDX-License-Identifier: MIT */
#include "drivers/net/back_receive.h"

#include <stddef.h>

#include "pvguest/kernel/event.h"
#include "pvguest/kernel/page.h"

#define BATCH_FRAMES 32
#define BATCH_SLOTS  64

/* Frames that are copied together; only the network's thread has it, and never while it waits. */
static struct batch {
    unsigned int frame_count, slot_count, copy_count;
    struct network_packet *frames[BATCH_FRAMES];
    uint16_t ids[BATCH_SLOTS];
    struct gnttab_copy copies[BATCH_SLOTS];
} batch;

_Static_assert(BATCH_SLOTS >= NET_SLOTS_MAX, "a batch holds at least one frame");

static void add_copy(const struct net_instance *instance, const netif_rx_request_t *request,
                     const uint8_t *source, uint32_t size)
{
    struct gnttab_copy *copy = &batch.copies[batch.copy_count++];

    *copy = (struct gnttab_copy){.len = (uint16_t)size, .flags = GNTCOPY_dest_gref};
    copy->source.u.gmfn = page_mfn(source);
    copy->source.domid = DOMID_SELF;
    copy->dest.u.ref = request->gref;
    copy->dest.domid = instance->domain;
}

/* Take a buffer for each page of the frame, and one in whose slot extra information will go. */
static void plan_frame(struct net_instance *instance, struct network_packet *packet)
{
    unsigned int slots = net_rx_slots(packet->size, &packet->offload);
    uint32_t done = 0;

    for (unsigned int slot = 0; slot < slots; slot++) {
        netif_rx_request_t request;
        uint32_t left = packet->size - done;

        RING_COPY_REQUEST(&instance->rx, instance->rx.req_cons, &request);
        barrier();
        instance->rx.req_cons++;
        batch.ids[batch.slot_count++] = request.id;
        if (slot == 1 && packet->offload.segment_size != 0)
            continue;
        if (left > PAGE_SIZE)
            left = PAGE_SIZE;
        add_copy(instance, &request, packet->data + done, left);
        done += left;
    }
    batch.frames[batch.frame_count++] = packet;
}

/*
 * Whether the ring has `slots` buffers. While it has not, ask to be told when it has, then look
 * once more.
 */
static bool has_buffers(struct net_instance *instance, unsigned int slots)
{
    int pending = net_rx_pending(&instance->rx);

    if (pending >= 0 && (unsigned int)pending < slots) {
        WRITE_ONCE(instance->rx.sring->req_event, instance->rx.req_cons + slots);
        memory_barrier();
        pending = net_rx_pending(&instance->rx);
    }
    if (pending < 0) {
        net_instance_shut(instance, "impossible ring indices");
        return false;
    }
    return (unsigned int)pending >= slots;
}

static bool collect_frame(struct net_instance *instance)
{
    struct network_queue *queue = &instance->interface.queue;
    const struct network_packet *packet = network_queue_first(queue);
    unsigned int slots;

    if (packet == NULL || batch.frame_count == BATCH_FRAMES)
        return false;
    slots = net_rx_slots(packet->size, &packet->offload);
    if (batch.slot_count + slots > BATCH_SLOTS || !has_buffers(instance, slots))
        return false;
    plan_frame(instance, network_queue_take(queue));
    return true;
}

static void respond_extra(struct net_instance *instance, const struct net_offload *offload)
{
    netif_extra_info_t extra;
    netif_rx_response_t *response = RING_GET_RESPONSE(&instance->rx, instance->rx.rsp_prod_pvt++);

    net_extra_fill(&extra, offload);
    *(netif_extra_info_t *)response = extra;
}

/* The answers of one frame, in the order of its slots. False when a buffer could not be written. */
static bool respond(struct net_instance *instance, const struct network_packet *packet,
                    unsigned int *slot, unsigned int *copy)
{
    uint16_t flags = net_rx_flags(&packet->offload);
    uint32_t done = 0;
    bool good = true;

    while (done < packet->size) {
        const struct gnttab_copy *made = &batch.copies[(*copy)++];
        netif_rx_response_t *response =
            RING_GET_RESPONSE(&instance->rx, instance->rx.rsp_prod_pvt++);

        done += made->len;
        good = good && made->status == GNTST_okay;
        response->id = batch.ids[(*slot)++];
        response->offset = 0;
        response->flags = (uint16_t)(flags | (done < packet->size ? NETRXF_more_data : 0));
        response->status = made->status == GNTST_okay ? (int16_t)made->len : NETIF_RSP_ERROR;
        if ((flags & NETRXF_extra_info) != 0) {
            respond_extra(instance, &packet->offload);
            (*slot)++;
        }
        flags = 0;
    }
    return good;
}

static void finish_batch(struct net_instance *instance)
{
    struct network_counters *counters = &instance->interface.counters;
    unsigned int slot = 0, copy = 0, failed = 0;
    bool notify;

    (void)grant_copy(batch.copies, batch.copy_count); /* each copy has its status */
    for (unsigned int i = 0; i < batch.frame_count; i++) {
        struct network_packet *packet = batch.frames[i];

        if (respond(instance, packet, &slot, &copy)) {
            counters->sent_frames++;
            counters->sent_bytes += packet->size;
        } else {
            failed++;
        }
        network_packet_free(packet);
    }
    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&instance->rx, notify);
    if (notify)
        event_notify(instance->port);
    for (; failed > 0; failed--)
        net_instance_refuse(instance, "its buffer cannot be written");
}

void net_back_give_frames(struct net_instance *instance)
{
    do {
        batch.frame_count = batch.slot_count = batch.copy_count = 0;
        while (collect_frame(instance))
            ;
        if (batch.frame_count > 0)
            finish_batch(instance);
    } while (batch.frame_count > 0 && !instance->broken);
}
