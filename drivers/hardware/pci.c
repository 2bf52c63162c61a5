/* SPDX-License-Identifier: MIT */
#include "drivers/hardware/pci.h"

#include <stddef.h>

#include <xen/errno.h>

#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/io_port.h"
#include "pvguest/kernel/print.h"

#define ADDRESS_PORT     0xcf8
#define DATA_PORT        0xcfc
#define ADDRESS_ENABLE   0x80000000u
#define SLOT_COUNT       32
#define FUNCTION_COUNT   8
#define VENDOR_NONE      0xffff
#define REVISION         0x08
#define HEADER_TYPE      0x0e
#define MULTI_FUNCTION   0x80
#define HEADER_BRIDGE    1
#define SECONDARY_BUS    0x19
#define FIRST_BAR        0x10
#define BAR_COUNT        6
#define BAR_PORT         0x1
#define BAR_TYPE_MASK    0x6
#define BAR_TYPE_64      0x4
#define CAPABILITY_FIRST 0x34
#define STATUS_HAS_LIST  0x10
#define LIST_LIMIT       48

static struct list devices = {&devices, &devices};

static void select_register(const struct pci_device *device, unsigned int offset)
{
    outl(ADDRESS_ENABLE | (uint32_t)device->bus << 16 | (uint32_t)device->slot << 11 |
             (uint32_t)device->function << 8 | (offset & 0xfc),
         ADDRESS_PORT);
}

uint32_t pci_read32(const struct pci_device *device, unsigned int offset)
{
    select_register(device, offset);
    return inl(DATA_PORT);
}

uint16_t pci_read16(const struct pci_device *device, unsigned int offset)
{
    select_register(device, offset);
    return inw((uint16_t)(DATA_PORT + (offset & 2)));
}

uint8_t pci_read8(const struct pci_device *device, unsigned int offset)
{
    select_register(device, offset);
    return inb((uint16_t)(DATA_PORT + (offset & 3)));
}

void pci_write32(const struct pci_device *device, unsigned int offset, uint32_t value)
{
    select_register(device, offset);
    outl(value, DATA_PORT);
}

void pci_write16(const struct pci_device *device, unsigned int offset, uint16_t value)
{
    select_register(device, offset);
    outw(value, (uint16_t)(DATA_PORT + (offset & 2)));
}

static int scan_bus(uint8_t bus);

/* Record one function if it is there; *multi says whether its slot has more than one. */
static int scan_function(uint8_t bus, uint8_t slot, uint8_t function, bool *multi)
{
    struct pci_device probe = {.bus = bus, .slot = slot, .function = function};
    struct pci_device *device;
    uint8_t secondary;

    probe.vendor = pci_read16(&probe, 0);
    if (probe.vendor == VENDOR_NONE)
        return 0;
    probe.device = pci_read16(&probe, 2);
    probe.class_code = pci_read32(&probe, REVISION) >> 8;
    probe.header_type = pci_read8(&probe, HEADER_TYPE);
    *multi = *multi || (probe.header_type & MULTI_FUNCTION) != 0;
    probe.header_type &= (uint8_t)~MULTI_FUNCTION;
    device = heap_allocate(sizeof(*device));
    if (device == NULL)
        return -XEN_ENOMEM;
    *device = probe;
    list_push_back(&devices, &device->link);
    if (probe.header_type != HEADER_BRIDGE)
        return 0;
    /* Firmware numbers buses outwards, so a number that does not grow would be a loop. */
    secondary = pci_read8(&probe, SECONDARY_BUS);
    return secondary > bus ? scan_bus(secondary) : 0;
}

static int scan_bus(uint8_t bus)
{
    for (uint8_t slot = 0; slot < SLOT_COUNT; slot++) {
        bool multi = false;

        for (unsigned int function = 0; function < (multi ? FUNCTION_COUNT : 1u); function++) {
            int error = scan_function(bus, slot, (uint8_t)function, &multi);

            if (error != 0)
                return error;
        }
    }
    return 0;
}

int pci_start(void)
{
    int error = io_port_start();

    if (error != 0)
        return error;
    return scan_bus(0);
}

struct pci_device *pci_next(const struct pci_device *device)
{
    const struct list *position = device != NULL ? &device->link : &devices;

    if (position->next == &devices)
        return NULL;
    return container_of(position->next, struct pci_device, link);
}

bool pci_bar_get(const struct pci_device *device, unsigned int index, struct pci_bar *bar)
{
    uint32_t low;

    if (index >= BAR_COUNT)
        return false;
    low = pci_read32(device, FIRST_BAR + 4 * index);
    bar->is_port = (low & BAR_PORT) != 0;
    if (bar->is_port) {
        bar->address = low & ~0x3u;
    } else {
        bar->address = low & ~0xfu;
        if ((low & BAR_TYPE_MASK) == BAR_TYPE_64 && index + 1 < BAR_COUNT)
            bar->address |= (uint64_t)pci_read32(device, FIRST_BAR + 4 * (index + 1)) << 32;
    }
    return bar->address != 0;
}

uint8_t pci_capability_find(const struct pci_device *device, uint8_t kind, uint8_t after)
{
    uint8_t at = after != 0 ? (uint8_t)(after + 1) : CAPABILITY_FIRST;

    if ((pci_read16(device, PCI_STATUS) & STATUS_HAS_LIST) == 0)
        return 0;
    for (unsigned int step = 0; step < LIST_LIMIT; step++) {
        at = pci_read8(device, at) & 0xfc;
        if (at == 0 || pci_read8(device, at) == kind)
            return at;
        at++;
    }
    return 0;
}

void pci_enable(const struct pci_device *device)
{
    uint16_t command = pci_read16(device, PCI_COMMAND);

    pci_write16(device, PCI_COMMAND, command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}
