/* SPDX-License-Identifier: MIT */
#include "hypervisor/io/pci_config.h"

#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/lock.h"

#define PORT_ADDRESS  0xcf8
#define PORT_DATA     0xcfc
#define ADDRESS_VALID 0x80fffffcu

static struct spinlock pci_lock = SPINLOCK(LOCK_LEVEL_PCI);

uint32_t pci_config_address(unsigned bus, unsigned device_function, unsigned offset)
{
    return 1u << 31 | bus << 16 | device_function << 8 | (offset & 0xfc);
}

uint32_t pci_config_read_raw(uint32_t address, unsigned lane, unsigned size)
{
    uint16_t port = (uint16_t)(PORT_DATA + lane);
    uint32_t value;

    spin_lock(&pci_lock);
    outl(PORT_ADDRESS, address & ADDRESS_VALID);
    value = size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
    spin_unlock(&pci_lock);
    return value;
}

void pci_config_write_raw(uint32_t address, unsigned lane, unsigned size, uint32_t value)
{
    uint16_t port = (uint16_t)(PORT_DATA + lane);

    spin_lock(&pci_lock);
    outl(PORT_ADDRESS, address & ADDRESS_VALID);
    if (size == 1)
        outb(port, (uint8_t)value);
    else if (size == 2)
        outw(port, (uint16_t)value);
    else
        outl(port, value);
    spin_unlock(&pci_lock);
}

uint32_t pci_config_read(unsigned bus, unsigned device_function, unsigned offset, unsigned size)
{
    return pci_config_read_raw(pci_config_address(bus, device_function, offset), offset & 3, size);
}

void pci_config_write(unsigned bus, unsigned device_function, unsigned offset, unsigned size,
                      uint32_t value)
{
    pci_config_write_raw(pci_config_address(bus, device_function, offset), offset & 3, size, value);
}
