/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space by ports 0xcf8 and 0xcfc, under a lock of its own (a leaf): shared by
 * MSI programming in ring 0 and by the first domain's emulated port accesses.
 */
#pragma once

#include <stdint.h>

/* Address as in port 0xcf8: enable bit 31, bus 23-16, device 15-11, function 10-8, register 7-2. */
uint32_t pci_config_address(unsigned bus, unsigned device_function, unsigned offset);

/* Access of 1, 2 or 4 bytes at 0xcfc + lane, with `address` in 0xcf8. */
uint32_t pci_config_read_raw(uint32_t address, unsigned lane, unsigned size);
void pci_config_write_raw(uint32_t address, unsigned lane, unsigned size, uint32_t value);

uint32_t pci_config_read(unsigned bus, unsigned device_function, unsigned offset, unsigned size);
void pci_config_write(unsigned bus, unsigned device_function, unsigned offset, unsigned size,
                      uint32_t value);
