/* SPDX-License-Identifier: MIT */
#include "drivers/hardware/e1000.h"

#include <xen/errno.h>

#include "drivers/hardware/e1000_ring.h"
#include "drivers/hardware/pci_interrupt.h"
#include "pvguest/control/network.h"
#include "pvguest/control/network_card.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/thread.h"

#define VENDOR_INTEL   0x8086
#define DEVICE_82540EM 0x100e
#define DEVICE_82574L  0x10d3
#define REGISTERS_SIZE 0x20000

#define CONTROL                   0x0000
#define CONTROL_SET_LINK_UP       (1u << 6)
#define CONTROL_DETECT_SPEED      (1u << 5)
#define CONTROL_RESET             (1u << 26)
#define STATUS                    0x0008
#define STATUS_LINK_UP            (1u << 1)
#define INTERRUPT_CAUSE           0x00c0
#define INTERRUPT_SET             0x00d0
#define INTERRUPT_CLEAR           0x00d8
#define INTERRUPT_AUTO_CLEAR      0x00dc
#define INTERRUPT_VECTORS         0x00e4
#define INTERRUPT_VECTORS_ALL_0   0x00080808u /* receive, transmit, other: entry 0, valid */
#define CAUSE_SENT                (1u << 0)
#define CAUSE_LINK                (1u << 2)
#define CAUSE_FEW_BUFFERS         (1u << 4)
#define CAUSE_OVERRUN             (1u << 6)
#define CAUSE_RECEIVED            (1u << 7)
#define CAUSE_QUEUES              (1u << 20 | 1u << 22 | 1u << 24) /* with MSI-X */
#define RECEIVE_CONTROL           0x0100
#define RECEIVE_ENABLE            (1u << 1)
#define RECEIVE_ALL_UNICAST       (1u << 3)
#define RECEIVE_ALL_MULTICAST     (1u << 4)
#define RECEIVE_BROADCAST         (1u << 15)
#define RECEIVE_STRIP_CHECK       (1u << 26)
#define TRANSMIT_CONTROL          0x0400
#define TRANSMIT_ENABLE           (1u << 1)
#define TRANSMIT_PAD              (1u << 3)
#define TRANSMIT_COLLISIONS       (0xfu << 4 | 0x40u << 12)
#define TRANSMIT_GAP              0x0410
#define TRANSMIT_GAP_COPPER       0x00602008u
#define RECEIVE_RING              0x2800
#define TRANSMIT_RING             0x3800
#define RING_ADDRESS_LOW          0x00
#define RING_ADDRESS_HIGH         0x04
#define RING_SIZE_BYTES           0x08
#define RING_HEAD                 0x10
#define RING_TAIL                 0x18
#define DESCRIPTOR_SIZE           16
#define CHECKSUM_CONTROL          0x5000
#define CHECKSUM_IP_AND_TRANSPORT (1u << 8 | 1u << 9)
#define MULTICAST_TABLE           0x5200
#define MULTICAST_TABLE_WORDS     128
#define ADDRESS_LOW               0x5400
#define ADDRESS_HIGH              0x5404
#define RESET_WAIT_NS             20000000

/* In the card at a time: enough to keep it busy, so little that nobody waits long behind it. */
#define TRANSMIT_BYTES_MAX (96u << 10)

struct e1000 {
    struct network_interface interface;
    volatile uint8_t *registers;
    struct pci_interrupt interrupt;
    struct e1000_receive_ring receive;
    struct e1000_transmit_ring transmit;
};

static uint32_t read_register(const struct e1000 *card, unsigned int offset)
{
    return *(volatile uint32_t *)(card->registers + offset);
}

static void write_register(struct e1000 *card, unsigned int offset, uint32_t value)
{
    *(volatile uint32_t *)(card->registers + offset) = value;
}

static struct e1000 *card_of(struct network_interface *interface)
{
    return container_of(interface, struct e1000, interface);
}

static void free_sent(struct e1000 *card)
{
    struct network_packet *packet;

    while ((packet = e1000_transmit_take(&card->transmit)) != NULL) {
        card->interface.counters.sent_frames++;
        card->interface.counters.sent_bytes += packet->size;
        network_packet_free(packet);
    }
}

static bool card_serve(struct network_interface *interface)
{
    struct e1000 *card = card_of(interface);
    struct network_packet *packet;
    uint32_t next = card->receive.next;

    interface->has_carrier = (read_register(card, STATUS) & STATUS_LINK_UP) != 0;
    free_sent(card);
    while ((packet = e1000_receive_take(&card->receive, &interface->counters.malformed)) != NULL)
        network_forward(interface, packet);
    if (card->receive.next != next)
        write_register(card, RECEIVE_RING + RING_TAIL, e1000_receive_tail(&card->receive));
    return false;
}

static void card_transmit(struct network_interface *interface)
{
    struct e1000 *card = card_of(interface);
    uint32_t tail = card->transmit.tail;

    free_sent(card);
    while (!network_queue_is_empty(&interface->queue) &&
           card->transmit.bytes < TRANSMIT_BYTES_MAX && e1000_transmit_has_room(&card->transmit))
        e1000_transmit_put(&card->transmit, network_queue_take(&interface->queue));
    if (card->transmit.tail != tail)
        write_register(card, TRANSMIT_RING + RING_TAIL, card->transmit.tail);
}

static const struct network_type e1000_type = {"e1000", card_serve, card_transmit};
static const struct network_type e1000e_type = {"e1000e", card_serve, card_transmit};

/*
 * Reading the causes acknowledges them; a shared line's interrupt may be another's. A message's
 * causes are acknowledged by its being sent, and masked with it: they are let through again.
 */
static void card_interrupt(evtchn_port_t port, void *argument)
{
    struct e1000 *card = argument;

    (void)port;
    if (card->interrupt.kind == PCI_INTERRUPT_MSIX) {
        write_register(card, INTERRUPT_SET, CAUSE_QUEUES | CAUSE_LINK);
        network_notice();
    } else if (read_register(card, INTERRUPT_CAUSE) != 0) {
        network_notice();
    }
}

static int reset(struct e1000 *card)
{
    write_register(card, INTERRUPT_CLEAR, UINT32_MAX);
    write_register(card, CONTROL, read_register(card, CONTROL) | CONTROL_RESET);
    thread_sleep_ns(RESET_WAIT_NS);
    if (read_register(card, CONTROL) & CONTROL_RESET)
        return -XEN_EIO;
    write_register(card, INTERRUPT_CLEAR, UINT32_MAX);
    (void)read_register(card, INTERRUPT_CAUSE);
    write_register(card, CONTROL,
                   read_register(card, CONTROL) | CONTROL_SET_LINK_UP | CONTROL_DETECT_SPEED);
    for (unsigned int i = 0; i < MULTICAST_TABLE_WORDS; i++)
        write_register(card, MULTICAST_TABLE + 4 * i, 0);
    return 0;
}

static void write_ring(struct e1000 *card, unsigned int ring, uint64_t machine_address,
                       uint32_t count, uint32_t tail)
{
    write_register(card, ring + RING_ADDRESS_LOW, (uint32_t)machine_address);
    write_register(card, ring + RING_ADDRESS_HIGH, (uint32_t)(machine_address >> 32));
    write_register(card, ring + RING_SIZE_BYTES, count * DESCRIPTOR_SIZE);
    write_register(card, ring + RING_HEAD, 0);
    write_register(card, ring + RING_TAIL, tail);
}

static int set_up_rings(struct e1000 *card)
{
    int error = e1000_receive_init(&card->receive);

    if (error == 0)
        error = e1000_transmit_init(&card->transmit);
    if (error != 0)
        return error;
    write_ring(card, TRANSMIT_RING, card->transmit.machine_address, E1000_TRANSMIT_COUNT, 0);
    write_register(card, TRANSMIT_GAP, TRANSMIT_GAP_COPPER);
    write_register(card, TRANSMIT_CONTROL, TRANSMIT_ENABLE | TRANSMIT_PAD | TRANSMIT_COLLISIONS);
    /* The ring is known before receiving begins, its tail, that lets the card write, after. */
    write_ring(card, RECEIVE_RING, card->receive.machine_address, E1000_RECEIVE_COUNT, 0);
    write_register(card, CHECKSUM_CONTROL, CHECKSUM_IP_AND_TRANSPORT);
    write_register(card, RECEIVE_CONTROL,
                   RECEIVE_ENABLE | RECEIVE_ALL_UNICAST | RECEIVE_ALL_MULTICAST |
                       RECEIVE_BROADCAST | RECEIVE_STRIP_CHECK);
    write_register(card, RECEIVE_RING + RING_TAIL, e1000_receive_tail(&card->receive));
    return 0;
}

static void enable_interrupts(struct e1000 *card)
{
    uint32_t causes = CAUSE_SENT | CAUSE_LINK | CAUSE_FEW_BUFFERS | CAUSE_OVERRUN | CAUSE_RECEIVED;

    if (card->interrupt.kind == PCI_INTERRUPT_MSIX) {
        write_register(card, INTERRUPT_VECTORS, INTERRUPT_VECTORS_ALL_0);
        write_register(card, INTERRUPT_AUTO_CLEAR, CAUSE_QUEUES);
        causes = CAUSE_QUEUES | CAUSE_LINK;
    }
    write_register(card, INTERRUPT_SET, causes);
}

static void describe(struct e1000 *card, const struct network_type *type)
{
    struct network_interface *interface = &card->interface;
    uint32_t low = read_register(card, ADDRESS_LOW), high = read_register(card, ADDRESS_HIGH);

    interface->type = type;
    interface->can_checksum = interface->can_segment = true;
    interface->has_carrier = (read_register(card, STATUS) & STATUS_LINK_UP) != 0;
    for (unsigned int i = 0; i < NETWORK_ADDRESS_SIZE; i++)
        interface->address.bytes[i] = (uint8_t)(i < 4 ? low >> 8 * i : high >> 8 * (i - 4));
}

/* A card that cannot be set up is left reset; its memory is given up with it. */
static int start_card(struct pci_device *pci, const struct network_type *type)
{
    struct e1000 *card = heap_allocate_zeroed(sizeof(*card));
    struct pci_bar bar;
    void *registers;
    int error;

    if (card == NULL)
        return -XEN_ENOMEM;
    if (!pci_bar_get(pci, 0, &bar) || bar.is_port)
        return -XEN_ENODEV;
    error = io_map(bar.address, REGISTERS_SIZE, &registers);
    if (error != 0)
        return error;
    card->registers = registers;
    pci_enable(pci);
    error = reset(card);
    if (error != 0)
        return error;
    describe(card, type);
    error = pci_interrupt_attach(pci, card_interrupt, card, &card->interrupt);
    if (error == 0)
        error = set_up_rings(card);
    if (error == 0)
        error = network_card_attach(&card->interface, pci, card->interrupt.kind);
    if (error == 0)
        enable_interrupts(card);
    else
        (void)reset(card);
    return error;
}

unsigned int e1000_start(void)
{
    unsigned int count = 0;

    for (struct pci_device *pci = pci_next(NULL); pci != NULL; pci = pci_next(pci)) {
        int error;

        if (pci->vendor != VENDOR_INTEL ||
            (pci->device != DEVICE_82540EM && pci->device != DEVICE_82574L))
            continue;
        error = start_card(pci, pci->device == DEVICE_82540EM ? &e1000_type : &e1000e_type);
        if (error != 0)
            notice("network: e1000 card at %02x:%02x.%u cannot be used: error %d", pci->bus,
                   pci->slot, pci->function, error);
        else
            count++;
    }
    return count;
}
