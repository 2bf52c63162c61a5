/* SPDX-License-Identifier: MIT */
#include "drivers/hardware/pci_interrupt.h"

#include <xen/errno.h>
#include <xen/physdev.h>

#include "lib/string.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/print.h"

#define CONTROL       2
#define MSIX_ENABLE   0x8000
#define MSIX_MASK_ALL 0x4000
#define MSIX_TABLE    4
#define MSIX_BAR_MASK 0x7
#define MSI_ENABLE    0x0001
#define LEVEL         1
#define ACTIVE_LOW    1
#define LINE_UNKNOWN  0xff
#define PIRQ_ANY      (-1)

static uint8_t device_function(const struct pci_device *device)
{
    return (uint8_t)(device->slot << 3 | device->function);
}

/* The hypervisor must know a device before it hands out messages for it. */
static void announce(struct pci_device *device)
{
    struct physdev_pci_device_add add = {.bus = device->bus, .devfn = device_function(device)};

    if (!device->announced)
        device->announced = hypercall_physdev_op(PHYSDEVOP_pci_device_add, &add) == 0;
}

static int map_message(const struct pci_device *device, uint64_t table_base, int *pirq)
{
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF,
        .type = MAP_PIRQ_TYPE_MSI,
        .index = -1,
        .pirq = PIRQ_ANY,
        .bus = device->bus,
        .devfn = device_function(device),
        .table_base = table_base,
    };
    int error = hypercall_physdev_op(PHYSDEVOP_map_pirq, &map);

    *pirq = map.pirq;
    return error;
}

/* Enabled but masked while the hypervisor writes the table, then unmasked: as the ABI expects. */
static int map_msix(const struct pci_device *device, uint8_t capability, int *pirq)
{
    uint16_t control = pci_read16(device, capability + CONTROL);
    struct pci_bar bar;
    int error;

    if (!pci_bar_get(device, pci_read32(device, capability + MSIX_TABLE) & MSIX_BAR_MASK, &bar))
        return -XEN_ENODEV;
    pci_write16(device, capability + CONTROL, control | MSIX_ENABLE | MSIX_MASK_ALL);
    error = map_message(device, bar.address, pirq);
    if (error != 0)
        control &= (uint16_t)~MSIX_ENABLE;
    else
        control |= MSIX_ENABLE;
    pci_write16(device, capability + CONTROL, control & (uint16_t)~MSIX_MASK_ALL);
    return error;
}

static int map_msi(const struct pci_device *device, uint8_t capability, int *pirq)
{
    uint16_t control = pci_read16(device, capability + CONTROL);
    int error = map_message(device, 0, pirq);

    if (error == 0)
        pci_write16(device, capability + CONTROL, control | MSI_ENABLE);
    return error;
}

/*
 * The firmware routes each pin to an interrupt line and writes its number into the device. On the
 * machines at hand (PIIX3, ICH9) that line is also the I/O APIC's pin of the same number; what
 * ACPI's routing methods would add needs an interpreter that this domain does not have.
 */
static int map_pin(const struct pci_device *device, int *pirq)
{
    uint8_t line = pci_read8(device, PCI_INTERRUPT_LINE);
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = line, .pirq = line};
    struct physdev_setup_gsi setup = {.gsi = line, .triggering = LEVEL, .polarity = ACTIVE_LOW};
    int error;

    if (pci_read8(device, PCI_INTERRUPT_PIN) == 0 || line == 0 || line == LINE_UNKNOWN)
        return -XEN_ENODEV;
    error = hypercall_physdev_op(PHYSDEVOP_map_pirq, &map);
    if (error != 0)
        return error;
    *pirq = map.pirq;
    error = hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup);
    return error == -XEN_EEXIST ? 0 : error;
}

static int map_best(struct pci_device *device, struct pci_interrupt *interrupt)
{
    uint8_t msix = pci_capability_find(device, PCI_CAPABILITY_MSIX, 0);
    uint8_t msi = pci_capability_find(device, PCI_CAPABILITY_MSI, 0);
    uint16_t command = pci_read16(device, PCI_COMMAND);

    interrupt->kind = PCI_INTERRUPT_MSIX;
    if (msix == 0 || map_msix(device, msix, &interrupt->pirq) != 0) {
        interrupt->kind = PCI_INTERRUPT_MSI;
        if (msi == 0 || map_msi(device, msi, &interrupt->pirq) != 0) {
            interrupt->kind = PCI_INTERRUPT_PIN_LINE;
            pci_write16(device, PCI_COMMAND, command & (uint16_t)~PCI_COMMAND_INTX_OFF);
            return map_pin(device, &interrupt->pirq);
        }
    }
    pci_write16(device, PCI_COMMAND, command | PCI_COMMAND_INTX_OFF);
    return 0;
}

int pci_interrupt_attach(struct pci_device *device, event_handler_t *handler, void *argument,
                         struct pci_interrupt *interrupt)
{
    int error;

    announce(device);
    error = map_best(device, interrupt);
    if (error != 0)
        return error;
    error = event_bind_pirq((unsigned int)interrupt->pirq,
                            interrupt->kind == PCI_INTERRUPT_PIN_LINE, &interrupt->port);
    if (error != 0)
        return error;
    return event_bind(interrupt->port, handler, argument);
}

const char *pci_interrupt_kind_name(enum pci_interrupt_kind kind)
{
    static const char *const names[] = {"pin", "MSI", "MSI-X"};

    return names[kind];
}
