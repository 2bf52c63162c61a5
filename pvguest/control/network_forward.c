/* SPDX-License-Identifier: MIT */
#include "pvguest/control/network_forward.h"

#include <stddef.h>

#include "lib/string.h"
#include "pvguest/control/network.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/clock.h"

bool network_interface_is_on(const struct network_interface *interface)
{
    return interface->is_up && interface->has_carrier;
}

/* Bridges keep the talk between neighbouring bridges (01:80:c2:00:00:0x) to themselves. */
static bool is_between_bridges(const struct network_address *address)
{
    static const uint8_t prefix[] = {0x01, 0x80, 0xc2, 0x00, 0x00};

    return memcmp(address->bytes, prefix, sizeof(prefix)) == 0 && address->bytes[5] < 0x10;
}

/* Of a flood only the 1st, 2nd, 4th, 8th ... are worth a line. */
static void count_spoofed(struct network_interface *source, const struct network_address *address)
{
    char text[NETWORK_ADDRESS_TEXT_SIZE];
    uint64_t count = ++source->counters.spoofed;

    if ((count & (count - 1)) != 0)
        return;
    network_address_text(address, text);
    notice("network: %s: sends as %s: dropped (%llu so far)", source->name, text,
           (unsigned long long)count);
}

static bool source_is_good(struct network_interface *source, const struct network_packet *packet)
{
    struct network_address from = network_frame_source(packet->data);

    if (network_address_is_group(&from)) {
        source->counters.malformed++;
        return false;
    }
    if (source->may_spoof || network_address_equal(&from, &source->address))
        return true;
    count_spoofed(source, &from);
    return false;
}

/*
 * What is still to be done to the frame must be possible, and is put into the form that everybody
 * after us expects: the pseudo-header's sum where the checksum will be.
 */
static bool offload_is_good(struct network_packet *packet, struct network_layout *layout)
{
    const struct net_offload *offload = &packet->offload;

    if (!offload->checksum_blank && offload->segment_size == 0)
        return true;
    if (!offload->checksum_blank || !network_frame_layout(packet->data, packet->size, layout))
        return false;
    if (offload->segment_size != 0 &&
        (!layout->is_tcp || offload->segment_size < NETWORK_SEGMENT_MIN))
        return false;
    network_frame_seed_checksum(packet->data, layout);
    return true;
}

static void enqueue(struct network_interface *target, unsigned int flow,
                    struct network_packet *packet)
{
    network_queue_add(&target->queue, flow, packet);
}

/* Give a large segment in small frames to one that cannot cut it up itself. */
static void output_cut(struct network_interface *target, unsigned int flow,
                       struct network_packet *packet, const struct network_layout *layout)
{
    uint32_t size = packet->offload.segment_size;
    uint32_t frame_size = network_segment_frame_size(layout, size);
    unsigned int count = network_segment_count(layout, size);

    for (unsigned int i = 0; i < count; i++) {
        struct network_packet *small = NULL;

        if (frame_size <= target->frame_max && network_queue_has_room(&target->queue, flow))
            small = network_packet_allocate(frame_size);
        if (small == NULL) {
            target->counters.dropped++;
            continue;
        }
        small->size = network_segment_make(packet->data, layout, size, i, small->data);
        small->offload.checksum_good = true;
        enqueue(target, flow, small);
    }
    network_packet_free(packet);
}

/* Queue a packet at an interface in a form that it can take. Takes the packet. */
static void output(struct network_interface *target, unsigned int flow,
                   struct network_packet *packet, const struct network_layout *layout)
{
    struct net_offload *offload = &packet->offload;

    if (!network_interface_is_on(target) || !network_queue_has_room(&target->queue, flow) ||
        (offload->segment_size == 0 && packet->size > target->frame_max)) {
        target->counters.dropped++;
        network_packet_free(packet);
        return;
    }
    if (offload->segment_size != 0 && !target->can_segment) {
        output_cut(target, flow, packet, layout);
        return;
    }
    if (offload->checksum_blank && !target->can_checksum) {
        network_frame_fill_checksum(packet->data, layout);
        offload->checksum_blank = false;
    }
    enqueue(target, flow, packet);
}

static void output_copy(struct network_interface *target, unsigned int flow,
                        const struct network_packet *packet, const struct network_layout *layout)
{
    struct network_packet *copy = network_packet_copy(packet);

    if (copy != NULL)
        output(target, flow, copy, layout);
    else
        target->counters.dropped++;
}

/* To all of the bridge but the source; the last one gets the packet itself. */
static void flood(struct network_interface *source, struct network_packet *packet,
                  const struct network_layout *layout)
{
    struct network_interface *last = NULL;

    for (struct network_interface *each = network_next(NULL); each; each = network_next(each)) {
        if (each->bridge != source->bridge || each == source || !network_interface_is_on(each))
            continue;
        if (last != NULL)
            output_copy(last, source->number, packet, layout);
        last = each;
    }
    if (last != NULL)
        output(last, source->number, packet, layout);
    else
        network_packet_free(packet);
}

static struct network_interface *interface_at(int place)
{
    struct network_interface *interface = network_next(NULL);

    while (interface != NULL && interface->number != (unsigned int)place)
        interface = network_next(interface);
    return interface;
}

static void route(struct network_interface *source, struct network_packet *packet,
                  const struct network_layout *layout)
{
    struct network_address from = network_frame_source(packet->data);
    struct network_address to = network_frame_destination(packet->data);
    uint64_t now_ns = clock_monotonic_ns();
    struct network_interface *target;

    network_table_learn(&source->bridge->table, &from, source->number, now_ns);
    if (!network_address_is_group(&to)) {
        target = interface_at(network_table_find(&source->bridge->table, &to, now_ns));
        if (target != NULL && target != source) {
            output(target, source->number, packet, layout);
            return;
        }
        if (target == source) {
            network_packet_free(packet);
            return;
        }
    }
    flood(source, packet, layout);
}

void network_forward(struct network_interface *source, struct network_packet *packet)
{
    struct network_layout layout;
    struct network_address to;

    source->counters.received_frames++;
    source->counters.received_bytes += packet->size;
    if (packet->size < NETWORK_HEADER_SIZE || !offload_is_good(packet, &layout)) {
        source->counters.malformed++;
        network_packet_free(packet);
        return;
    }
    to = network_frame_destination(packet->data);
    if (!network_interface_is_on(source) || !source_is_good(source, packet) ||
        is_between_bridges(&to))
        network_packet_free(packet);
    else
        route(source, packet, &layout);
}
