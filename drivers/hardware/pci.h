/* SPDX-License-Identifier: MIT */
/*
 * PCI for a domain that owns the devices: configuration space through ports 0xcf8/0xcfc, the list
 * of functions, base addresses, capabilities. The firmware has numbered buses and assigned
 * addresses; nothing is moved here. Threads only; the two ports are used without a wait between
 * them, so cooperative threads need no lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/list.h"

#define PCI_COMMAND           0x04
#define PCI_COMMAND_IO        0x0001
#define PCI_COMMAND_MEMORY    0x0002
#define PCI_COMMAND_MASTER    0x0004
#define PCI_COMMAND_INTX_OFF  0x0400
#define PCI_STATUS            0x06
#define PCI_INTERRUPT_LINE    0x3c
#define PCI_INTERRUPT_PIN     0x3d
#define PCI_CAPABILITY_VENDOR 0x09
#define PCI_CAPABILITY_MSI    0x05
#define PCI_CAPABILITY_MSIX   0x11

struct pci_device {
    struct list link;
    uint8_t bus, slot, function;
    uint16_t vendor, device;
    uint32_t class_code; /* class, subclass, interface: 24 bits */
    uint8_t header_type;
    bool announced; /* the hypervisor has been told of it */
};

struct pci_bar {
    uint64_t address; /* machine address or port */
    bool is_port;
};

/* Find all functions behind the host bridge; 0 or a negative errno. Once. */
int pci_start(void);

/* In order of bus, slot and function; NULL begins, and ends. */
struct pci_device *pci_next(const struct pci_device *device);

uint8_t pci_read8(const struct pci_device *device, unsigned int offset);
uint16_t pci_read16(const struct pci_device *device, unsigned int offset);
uint32_t pci_read32(const struct pci_device *device, unsigned int offset);
void pci_write16(const struct pci_device *device, unsigned int offset, uint16_t value);
void pci_write32(const struct pci_device *device, unsigned int offset, uint32_t value);

/* False when the base address register is unused. */
bool pci_bar_get(const struct pci_device *device, unsigned int index, struct pci_bar *bar);

/* Offset of the first capability of this kind behind `after` (0: from the start), or 0. */
uint8_t pci_capability_find(const struct pci_device *device, uint8_t kind, uint8_t after);

/* Let the device decode memory and reach memory itself. */
void pci_enable(const struct pci_device *device);
