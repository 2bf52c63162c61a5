/* SPDX-License-Identifier: MIT */
#include "drivers/hardware/virtio_net.h"

#include <xen/errno.h>

#include "drivers/hardware/virtio_pci.h"
#include "pvguest/control/network.h"
#include "pvguest/control/network_card.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/thread.h"

#define DEVICE_NETWORK         1
#define FEATURE_CHECKSUM       (1ULL << 0)
#define FEATURE_GUEST_CHECKSUM (1ULL << 1)
#define FEATURE_ADDRESS        (1ULL << 5)
#define FEATURE_SEGMENT_TCP4   (1ULL << 11)
#define FEATURE_STATUS         (1ULL << 16)
#define ADDRESS_AT             0
#define STATUS_AT              4 /* of the word whose upper half it is */
#define STATUS_LINK_UP         (1u << 16)
#define RECEIVE_QUEUE          0
#define TRANSMIT_QUEUE         1
#define SLOT_COUNT             64
/* In the device at a time: enough to keep it busy, so little that nobody waits long behind it. */
#define TRANSMIT_BYTES_MAX    (96u << 10)
#define PARTS_MAX             (1 + (NET_FRAME_MAX + NET_PAGE_SIZE) / NET_PAGE_SIZE)
#define HEADER_NEEDS_CHECKSUM 1
#define HEADER_DATA_VALID     2
#define SEGMENT_NONE          0
#define SEGMENT_TCP4          1
#define RECEIVE_BUFFER_SIZE   2048

struct virtio_net_header {
    uint8_t flags;
    uint8_t segment_type;
    uint16_t header_size;
    uint16_t segment_size;
    uint16_t checksum_start;
    uint16_t checksum_offset;
    uint16_t buffer_count;
};

_Static_assert(sizeof(struct virtio_net_header) == 12, "virtio 1.0, 5.1.6");
_Static_assert(SLOT_COUNT * sizeof(struct virtio_net_header) <= NET_PAGE_SIZE, "one page");

/* One direction: the packets that the device has, and their headers in one page. */
struct virtio_net_direction {
    struct virtio_queue queue;
    struct virtio_net_header *headers;
    uint64_t headers_machine_address;
    struct network_packet *packets[SLOT_COUNT];
};

struct virtio_net {
    struct network_interface interface;
    struct virtio_pci device;
    uint64_t features;
    struct virtio_net_direction receive, transmit;
    uint32_t bytes_in_flight;
    bool dead;
};

static uint16_t free_slot(const struct virtio_net_direction *direction)
{
    uint16_t slot = 0;

    while (slot < SLOT_COUNT && direction->packets[slot] != NULL)
        slot++;
    return slot;
}

static struct virtio_queue_part header_part(const struct virtio_net_direction *direction,
                                            uint16_t slot, bool device_writes)
{
    return (struct virtio_queue_part){
        .machine_address =
            direction->headers_machine_address + slot * sizeof(struct virtio_net_header),
        .size = sizeof(struct virtio_net_header),
        .device_writes = device_writes,
    };
}

/* Give the device fresh packets to receive into, as far as there are any. */
static void fill_receive_queue(struct virtio_net *net)
{
    struct virtio_net_direction *receive = &net->receive;

    for (uint16_t slot = 0; slot < SLOT_COUNT; slot++) {
        struct network_packet *packet;
        struct virtio_queue_part parts[2];

        if (receive->packets[slot] != NULL)
            continue;
        packet = network_packet_allocate(RECEIVE_BUFFER_SIZE);
        if (packet == NULL)
            break;
        parts[0] = header_part(receive, slot, true);
        parts[1] = (struct virtio_queue_part){
            .machine_address = network_packet_machine_address(packet, 0),
            .size = RECEIVE_BUFFER_SIZE,
            .device_writes = true,
        };
        if (!virtio_queue_add(&receive->queue, parts, 2, slot)) {
            network_packet_free(packet);
            break;
        }
        receive->packets[slot] = packet;
    }
    virtio_pci_notify(&net->device, RECEIVE_QUEUE, &receive->queue);
}

static void take_received(struct virtio_net *net)
{
    struct virtio_net_direction *receive = &net->receive;
    uint16_t slot;
    uint32_t written;

    while (virtio_queue_take(&receive->queue, &slot, &written)) {
        struct network_packet *packet = receive->packets[slot];
        uint8_t flags = READ_ONCE(receive->headers[slot].flags);

        receive->packets[slot] = NULL;
        if (written < sizeof(struct virtio_net_header) + NET_FRAME_MIN ||
            written > sizeof(struct virtio_net_header) + RECEIVE_BUFFER_SIZE) {
            net->interface.counters.malformed++;
            network_packet_free(packet);
            continue;
        }
        packet->size = written - (uint32_t)sizeof(struct virtio_net_header);
        packet->offload.checksum_blank = (flags & HEADER_NEEDS_CHECKSUM) != 0;
        packet->offload.checksum_good = (flags & (HEADER_NEEDS_CHECKSUM | HEADER_DATA_VALID)) != 0;
        network_forward(&net->interface, packet);
    }
    fill_receive_queue(net);
}

static void free_sent(struct virtio_net *net)
{
    uint16_t slot;

    while (virtio_queue_take(&net->transmit.queue, &slot, NULL)) {
        struct network_packet *packet = net->transmit.packets[slot];

        net->transmit.packets[slot] = NULL;
        net->bytes_in_flight -= packet->size;
        net->interface.counters.sent_frames++;
        net->interface.counters.sent_bytes += packet->size;
        network_packet_free(packet);
    }
}

/* What the device shall do to the frame before it goes out. */
static void write_header(struct virtio_net_header *header, const struct network_packet *packet)
{
    struct network_layout layout;

    *header = (struct virtio_net_header){.segment_type = SEGMENT_NONE};
    if (!packet->offload.checksum_blank ||
        !network_frame_layout(packet->data, packet->size, &layout))
        return;
    header->flags = HEADER_NEEDS_CHECKSUM;
    header->checksum_start = (uint16_t)layout.transport;
    header->checksum_offset = layout.checksum;
    if (packet->offload.segment_size != 0) {
        header->segment_type = SEGMENT_TCP4;
        header->segment_size = packet->offload.segment_size;
        header->header_size = (uint16_t)layout.payload;
    }
}

static bool send_packet(struct virtio_net *net, struct network_packet *packet)
{
    struct virtio_net_direction *transmit = &net->transmit;
    struct virtio_queue_part parts[PARTS_MAX];
    uint16_t slot = free_slot(transmit);
    unsigned int count = 1;

    if (slot == SLOT_COUNT)
        return false;
    write_header(&transmit->headers[slot], packet);
    parts[0] = header_part(transmit, slot, false);
    for (uint32_t at = 0; at < packet->size; at += NET_PAGE_SIZE)
        parts[count++] = (struct virtio_queue_part){
            .machine_address = network_packet_machine_address(packet, at),
            .size = packet->size - at < NET_PAGE_SIZE ? packet->size - at : NET_PAGE_SIZE,
        };
    if (!virtio_queue_add(&transmit->queue, parts, count, slot))
        return false;
    transmit->packets[slot] = packet;
    net->bytes_in_flight += packet->size;
    return true;
}

static struct virtio_net *net_of(struct network_interface *interface)
{
    return container_of(interface, struct virtio_net, interface);
}

static void net_transmit(struct network_interface *interface)
{
    struct virtio_net *net = net_of(interface);
    bool any = false;

    if (net->dead)
        return;
    free_sent(net);
    while (net->bytes_in_flight < TRANSMIT_BYTES_MAX &&
           !network_queue_is_empty(&interface->queue) &&
           net->transmit.queue.free_count >= PARTS_MAX && free_slot(&net->transmit) < SLOT_COUNT)
        any = send_packet(net, network_queue_take(&interface->queue)) || any;
    if (any)
        virtio_pci_notify(&net->device, TRANSMIT_QUEUE, &net->transmit.queue);
}

static void drop_packets(struct virtio_net_direction *direction)
{
    for (unsigned int slot = 0; slot < SLOT_COUNT; slot++) {
        if (direction->packets[slot] != NULL)
            network_packet_free(direction->packets[slot]);
        direction->packets[slot] = NULL;
    }
}

/* The reset comes first: until then the device may still reach the packets. It takes time. */
static void reset_failed(void *argument)
{
    struct virtio_net *net = argument;

    virtio_pci_reset(&net->device);
    drop_packets(&net->receive);
    drop_packets(&net->transmit);
    notice("network: %s: the card failed and was reset", net->interface.name);
}

static void fail_device(struct virtio_net *net)
{
    net->dead = true;
    net->interface.has_carrier = false;
    if (thread_create("card reset", reset_failed, net) == NULL)
        notice("network: %s: the card failed", net->interface.name);
}

static bool net_serve(struct network_interface *interface)
{
    struct virtio_net *net = net_of(interface);

    if (net->dead)
        return false;
    if (virtio_pci_broken(&net->device)) {
        fail_device(net);
        return false;
    }
    if (net->features & FEATURE_STATUS)
        interface->has_carrier = (virtio_pci_read32(&net->device, STATUS_AT) & STATUS_LINK_UP) != 0;
    free_sent(net);
    take_received(net);
    return false;
}

static const struct network_type virtio_net_type = {"virtio-net", net_serve, net_transmit};

static void net_interrupt(evtchn_port_t port, void *argument)
{
    struct virtio_net *net = argument;

    (void)port;
    if (virtio_pci_interrupt_pending(&net->device))
        network_notice();
}

static int set_up_direction(struct virtio_net *net, struct virtio_net_direction *direction,
                            uint16_t index)
{
    direction->headers = page_allocate(0);
    if (direction->headers == NULL)
        return -XEN_ENOMEM;
    direction->headers_machine_address = page_mfn(direction->headers) << PAGE_SHIFT;
    return virtio_pci_queue_start(&net->device, index, &direction->queue);
}

static int set_up_device(struct virtio_net *net)
{
    int error = virtio_pci_agree(&net->device,
                                 FEATURE_CHECKSUM | FEATURE_GUEST_CHECKSUM | FEATURE_ADDRESS |
                                     FEATURE_SEGMENT_TCP4 | FEATURE_STATUS,
                                 &net->features);

    if (error == 0)
        error = virtio_pci_interrupt_attach(&net->device, net_interrupt, net);
    if (error == 0)
        error = set_up_direction(net, &net->receive, RECEIVE_QUEUE);
    if (error == 0)
        error = set_up_direction(net, &net->transmit, TRANSMIT_QUEUE);
    return error;
}

static void read_address(const struct virtio_net *net, struct network_address *address)
{
    for (unsigned int i = 0; i < NETWORK_ADDRESS_SIZE; i++)
        address->bytes[i] = (uint8_t)(virtio_pci_read32(&net->device, i & ~3u) >> 8 * (i & 3));
}

static void describe(struct virtio_net *net)
{
    struct network_interface *interface = &net->interface;

    interface->type = &virtio_net_type;
    interface->has_carrier = true;
    interface->can_checksum = (net->features & FEATURE_CHECKSUM) != 0;
    interface->can_segment = interface->can_checksum && (net->features & FEATURE_SEGMENT_TCP4) != 0;
    if (net->features & FEATURE_ADDRESS)
        read_address(net, &interface->address);
}

/* A device that cannot be set up is left reset; its memory is given up with it. */
static int start_device(struct pci_device *pci)
{
    struct virtio_net *net = heap_allocate_zeroed(sizeof(*net));
    int error;

    if (net == NULL)
        return -XEN_ENOMEM;
    error = virtio_pci_open(&net->device, pci);
    if (error != 0)
        return error;
    error = set_up_device(net);
    if (error == 0) {
        describe(net);
        virtio_pci_ready(&net->device);
        error = network_card_attach(&net->interface, pci, net->device.interrupt.kind);
    }
    if (error != 0)
        virtio_pci_reset(&net->device);
    return error;
}

unsigned int virtio_net_start(void)
{
    unsigned int count = 0;

    for (struct pci_device *pci = pci_next(NULL); pci != NULL; pci = pci_next(pci)) {
        int error;

        if (!virtio_pci_is(pci, DEVICE_NETWORK))
            continue;
        error = start_device(pci);
        if (error != 0)
            notice("network: virtio card at %02x:%02x.%u cannot be used: error %d", pci->bus,
                   pci->slot, pci->function, error);
        else
            count++;
    }
    return count;
}
