/* SPDX-License-Identifier: MIT */
/*
 * What all cards have in common: a name (net0, net1 ...) and a bridge of their own (xenbr0, xenbr1
 * ...). Threads only.
 */
#pragma once

#include "drivers/hardware/pci_interrupt.h"
#include "pvguest/control/network_interface.h"

/*
 * Give a card that is ready its name, join it to the bridge of its number, and say so. Its driver
 * has filled in type, address, abilities and carrier. 0 or a negative errno.
 */
int network_card_attach(struct network_interface *interface, const struct pci_device *pci,
                        enum pci_interrupt_kind interrupt);

/* Find all cards that there is a driver for. 0, also without any. */
int network_card_start(void);
