/* SPDX-License-Identifier: MIT */
#include "drivers/hardware/e1000_ring.h"

#include <xen/errno.h>

#include "pvguest/control/network_frame.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/page.h"

#define RECEIVE_BUFFER_SIZE 2048
#define RECEIVE_DONE        0x01
#define RECEIVE_FRAME_END   0x02
#define RECEIVE_UNCHECKED   0x04
#define RECEIVE_TCP_CHECKED 0x20
#define RECEIVE_ERROR_TCP   0x20
#define RECEIVE_ERROR_FRAME 0x97 /* symbol, sequence, alignment, carrier, data */

#define COMMAND_FRAME_END  (1u << 24)
#define COMMAND_ADD_CHECK  (1u << 25)
#define COMMAND_SEGMENT    (1u << 26)
#define COMMAND_REPORT     (1u << 27)
#define COMMAND_EXTENDED   (1u << 29)
#define CONTEXT_IS_TCP     (1u << 24)
#define CONTEXT_IS_IPV4    (1u << 25)
#define TYPE_DATA          (1u << 20)
#define OPTION_IP_CHECKSUM 0x01
#define OPTION_CHECKSUM    0x02
#define TRANSMIT_DONE      0x01
#define IP_CHECKSUM_AT     10
#define IP_TOTAL_AT        2

struct e1000_receive_descriptor {
    uint64_t address;
    uint16_t size;
    uint16_t checksum;
    uint8_t status;
    uint8_t errors;
    uint16_t special;
};

/* A piece of a frame, or, with other meanings, what is to be done to the frame that follows. */
struct e1000_transmit_descriptor {
    union {
        uint64_t address;
        struct {
            uint8_t ip_start, ip_checksum_at;
            uint16_t ip_end;
            uint8_t start, checksum_at;
            uint16_t end;
        } context;
    };
    uint32_t command_and_size;
    uint8_t status;
    uint8_t options_or_header_size;
    uint16_t special_or_segment_size;
};

_Static_assert(sizeof(struct e1000_receive_descriptor) == 16, "82574 datasheet, 7.1.4");
_Static_assert(sizeof(struct e1000_transmit_descriptor) == 16, "82574 datasheet, 7.2.10");
_Static_assert(E1000_TRANSMIT_COUNT * sizeof(struct e1000_transmit_descriptor) <= PAGE_SIZE,
               "one page");

static void refill(struct e1000_receive_ring *ring, uint32_t index)
{
    ring->descriptors[index] = (struct e1000_receive_descriptor){
        .address = network_packet_machine_address(ring->packets[index], 0)};
}

int e1000_receive_init(struct e1000_receive_ring *ring)
{
    ring->descriptors = page_allocate(0);
    if (ring->descriptors == NULL)
        return -XEN_ENOMEM;
    ring->machine_address = page_mfn(ring->descriptors) << PAGE_SHIFT;
    for (uint32_t i = 0; i < E1000_RECEIVE_COUNT; i++) {
        ring->packets[i] = network_packet_allocate(RECEIVE_BUFFER_SIZE);
        if (ring->packets[i] == NULL)
            return -XEN_ENOMEM;
        refill(ring, i);
    }
    return 0;
}

int e1000_transmit_init(struct e1000_transmit_ring *ring)
{
    ring->descriptors = page_allocate(0);
    if (ring->descriptors == NULL)
        return -XEN_ENOMEM;
    ring->machine_address = page_mfn(ring->descriptors) << PAGE_SHIFT;
    return 0;
}

static bool is_good(const struct e1000_receive_descriptor *descriptor)
{
    return (descriptor->status & RECEIVE_FRAME_END) != 0 &&
           (descriptor->errors & RECEIVE_ERROR_FRAME) == 0 && descriptor->size >= NET_FRAME_MIN &&
           descriptor->size <= RECEIVE_BUFFER_SIZE;
}

static bool is_checked(const struct e1000_receive_descriptor *descriptor)
{
    return (descriptor->status & (RECEIVE_UNCHECKED | RECEIVE_TCP_CHECKED)) ==
               RECEIVE_TCP_CHECKED &&
           (descriptor->errors & RECEIVE_ERROR_TCP) == 0;
}

struct network_packet *e1000_receive_take(struct e1000_receive_ring *ring, uint64_t *malformed)
{
    for (;;) {
        uint32_t index = ring->next;
        struct e1000_receive_descriptor seen;
        struct network_packet *packet = ring->packets[index], *fresh = NULL;

        if ((READ_ONCE(ring->descriptors[index].status) & RECEIVE_DONE) == 0)
            return NULL;
        read_barrier();
        seen = ring->descriptors[index];
        if (is_good(&seen))
            fresh = network_packet_allocate(RECEIVE_BUFFER_SIZE);
        else
            ++*malformed;
        if (fresh != NULL)
            ring->packets[index] = fresh;
        refill(ring, index);
        ring->next = (index + 1) % E1000_RECEIVE_COUNT;
        if (fresh == NULL)
            continue; /* dropped: its packet receives again */
        packet->size = seen.size;
        packet->offload.checksum_good = is_checked(&seen);
        return packet;
    }
}

uint32_t e1000_receive_tail(const struct e1000_receive_ring *ring)
{
    return (ring->next + E1000_RECEIVE_COUNT - 1) % E1000_RECEIVE_COUNT;
}

bool e1000_transmit_has_room(const struct e1000_transmit_ring *ring)
{
    uint32_t used = (ring->tail - ring->head) % E1000_TRANSMIT_COUNT;

    return used + E1000_FRAME_DESCRIPTORS < E1000_TRANSMIT_COUNT;
}

static struct e1000_transmit_descriptor *next_descriptor(struct e1000_transmit_ring *ring)
{
    struct e1000_transmit_descriptor *descriptor = &ring->descriptors[ring->tail];

    ring->tail = (ring->tail + 1) % E1000_TRANSMIT_COUNT;
    *descriptor = (struct e1000_transmit_descriptor){.status = 0};
    return descriptor;
}

/* Have the card cut the segment up: headers without lengths, whose place each frame's take. */
static void describe_segments(struct network_packet *packet, const struct network_layout *layout,
                              struct e1000_transmit_descriptor *context)
{
    uint8_t *ip = packet->data + layout->network;

    network_frame_seed_unsized(packet->data, layout);
    ip[IP_TOTAL_AT] = ip[IP_TOTAL_AT + 1] = 0;
    ip[IP_CHECKSUM_AT] = ip[IP_CHECKSUM_AT + 1] = 0;
    context->command_and_size |= COMMAND_SEGMENT | (layout->end - layout->payload);
    context->options_or_header_size = (uint8_t)layout->payload;
    context->special_or_segment_size = packet->offload.segment_size;
}

/* What the card shall do; returns the options of the data descriptors and adds to their command. */
static uint8_t put_context(struct e1000_transmit_ring *ring, struct network_packet *packet,
                           uint32_t *command)
{
    struct e1000_transmit_descriptor *context;
    struct network_layout layout;

    if (!packet->offload.checksum_blank ||
        !network_frame_layout(packet->data, packet->size, &layout))
        return 0;
    context = next_descriptor(ring);
    context->context.ip_start = (uint8_t)layout.network;
    context->context.ip_checksum_at = (uint8_t)(layout.network + IP_CHECKSUM_AT);
    context->context.ip_end = (uint16_t)(layout.transport - 1);
    context->context.start = (uint8_t)layout.transport;
    context->context.checksum_at = (uint8_t)(layout.transport + layout.checksum);
    context->command_and_size =
        COMMAND_EXTENDED | CONTEXT_IS_IPV4 | (layout.is_tcp ? CONTEXT_IS_TCP : 0);
    if (packet->offload.segment_size == 0)
        return OPTION_CHECKSUM;
    describe_segments(packet, &layout, context);
    *command |= COMMAND_SEGMENT;
    return OPTION_CHECKSUM | OPTION_IP_CHECKSUM;
}

void e1000_transmit_put(struct e1000_transmit_ring *ring, struct network_packet *packet)
{
    uint32_t command = COMMAND_EXTENDED | COMMAND_ADD_CHECK | TYPE_DATA;
    uint8_t options = put_context(ring, packet, &command);
    struct e1000_transmit_descriptor *descriptor;
    uint32_t at = 0;

    do {
        uint32_t left = packet->size - at;

        descriptor = next_descriptor(ring);
        descriptor->address = network_packet_machine_address(packet, at);
        descriptor->command_and_size = command | (left < NET_PAGE_SIZE ? left : NET_PAGE_SIZE);
        descriptor->options_or_header_size = options;
        at += NET_PAGE_SIZE;
    } while (at < packet->size);
    descriptor->command_and_size |= COMMAND_FRAME_END | COMMAND_REPORT;
    ring->packets[descriptor - ring->descriptors] = packet;
    ring->bytes += packet->size;
    write_barrier();
}

struct network_packet *e1000_transmit_take(struct e1000_transmit_ring *ring)
{
    uint32_t last = ring->head;
    struct network_packet *packet;

    while (last != ring->tail && ring->packets[last] == NULL)
        last = (last + 1) % E1000_TRANSMIT_COUNT;
    if (last == ring->tail || (READ_ONCE(ring->descriptors[last].status) & TRANSMIT_DONE) == 0)
        return NULL;
    packet = ring->packets[last];
    ring->packets[last] = NULL;
    ring->head = (last + 1) % E1000_TRANSMIT_COUNT;
    ring->bytes -= packet->size;
    return packet;
}
