/* SPDX-License-Identifier: MIT */
#include "pvguest/control/network_card.h"

#include "drivers/hardware/e1000.h"
#include "drivers/hardware/virtio_net.h"
#include "lib/format.h"
#include "pvguest/control/network.h"
#include "pvguest/control/notice.h"

static unsigned int card_count;

int network_card_attach(struct network_interface *interface, const struct pci_device *pci,
                        enum pci_interrupt_kind interrupt)
{
    char bridge[NETWORK_NAME_SIZE], address[NETWORK_ADDRESS_TEXT_SIZE];
    int error;

    format_text(interface->name, sizeof(interface->name), "net%u", card_count);
    format_text(bridge, sizeof(bridge), "xenbr%u", card_count);
    interface->is_card = interface->may_spoof = interface->is_up = true;
    interface->frame_max = NETWORK_FRAME_MAX;
    error = network_attach(interface, bridge);
    if (error != 0)
        return error;
    card_count++;
    network_address_text(&interface->address, address);
    notice("network: %s: %s at %02x:%02x.%u, address %s, interrupt by %s, bridge %s",
           interface->name, interface->type->name, pci->bus, pci->slot, pci->function, address,
           pci_interrupt_kind_name(interrupt), bridge);
    return 0;
}

int network_card_start(void)
{
    if (virtio_net_start() + e1000_start() == 0)
        notice("control: no network card was found");
    return 0;
}
