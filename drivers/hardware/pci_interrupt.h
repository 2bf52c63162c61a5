/* SPDX-License-Identifier: MIT */
/*
 * A device's interrupt as an event channel: MSI-X when the device has it, else MSI, else its pin.
 * The hypervisor owns the interrupt controllers and writes the message; this module asks it for a
 * pirq as every initial domain does and binds the pirq to a port. Threads only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/hardware/pci.h"
#include "pvguest/kernel/event.h"

enum pci_interrupt_kind { PCI_INTERRUPT_PIN_LINE, PCI_INTERRUPT_MSI, PCI_INTERRUPT_MSIX };

struct pci_interrupt {
    enum pci_interrupt_kind kind;
    int pirq;
    evtchn_port_t port;
};

/*
 * Attach a handler (upcall context). With MSI-X, it is table entry 0. The pin's handler may be
 * called for another device on the same line. 0 or a negative errno.
 */
int pci_interrupt_attach(struct pci_device *device, event_handler_t *handler, void *argument,
                         struct pci_interrupt *interrupt);

const char *pci_interrupt_kind_name(enum pci_interrupt_kind kind);
