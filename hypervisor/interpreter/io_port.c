/* SPDX-License-Identifier: MIT */
#include "hypervisor/interpreter/io_port.h"

#include "hypervisor/domain/domain.h"
#include "hypervisor/io/pci_config.h"
#include "hypervisor/processor/cpu.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc

/* What ring 0 drives itself. */
static const struct {
    uint16_t first, last;
} denied_ports[] = {
    {0x20, 0x21},                               /* interrupt controllers */
    {0xa0, 0xa1}, {0x4d0, 0x4d1}, {0x40, 0x43}, /* interval timer */
    {0x61, 0x61}, {0x3f8, 0x3ff},               /* console UART */
};

bool io_port_allowed(const struct domain *domain, uint16_t port, unsigned size)
{
    if (!domain->io_ports_all || port + size > 0x10000)
        return false;
    for (unsigned i = 0; i < sizeof(denied_ports) / sizeof(denied_ports[0]); i++)
        if (port + size > denied_ports[i].first && port <= denied_ports[i].last)
            return false;
    return true;
}

uint32_t io_port_read(struct domain *domain, uint16_t port, unsigned size)
{
    if (port == PCI_ADDRESS && size == 4)
        return domain->pci_address;
    if (port >= PCI_DATA && port + size <= PCI_DATA + 4)
        return pci_config_read_raw(domain->pci_address, port & 3, size);
    switch (size) {
    case 1:
        return inb(port);
    case 2:
        return inw(port);
    default:
        return inl(port);
    }
}

void io_port_write(struct domain *domain, uint16_t port, unsigned size, uint32_t value)
{
    if (port == PCI_ADDRESS && size == 4) {
        domain->pci_address = value;
        return;
    }
    if (port >= PCI_DATA && port + size <= PCI_DATA + 4) {
        pci_config_write_raw(domain->pci_address, port & 3, size, value);
        return;
    }
    switch (size) {
    case 1:
        outb(port, (uint8_t)value);
        break;
    case 2:
        outw(port, (uint16_t)value);
        break;
    default:
        outl(port, value);
        break;
    }
}
