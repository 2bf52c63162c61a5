/* SPDX-License-Identifier: MIT */
/*
 * Message-signalled interrupts of PCI functions: finding the capability, writing address and data
 * into it (MSI) or into its table (MSI-X), masking. Where a table lies is read from the function
 * itself; what the guest says about it is not believed. Everything but msi_find is called under
 * irq_lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/physdev.h>

struct msi {
    uint8_t bus, device_function;
    uint8_t capability; /* offset in configuration space */
    bool table;         /* MSI-X */
    bool wide;          /* MSI with a 64-bit address */
    bool maskable;
    uint16_t entry;            /* of the table */
    volatile uint32_t *vector; /* MSI-X: the table's entry, mapped */
};

/*
 * The message that PHYSDEVOP_map_pirq names. 0; -XEN_ENODEV: no such function; -XEN_EINVAL: it
 * cannot do that; -XEN_ENOMEM: no room to map its table.
 */
int msi_find(const struct physdev_map_pirq *request, struct msi *message);
bool msi_same(const struct msi *left, const struct msi *right);
bool msi_is_of(const struct msi *message, unsigned bus, unsigned device_function);
void msi_program(const struct msi *message, uint8_t vector, uint32_t apic_id);
void msi_mask(const struct msi *message, bool masked);
/* Offset of a capability in a function's configuration space; 0 if it has none. */
unsigned msi_capability_find(unsigned bus, unsigned device_function, bool table);
bool msi_function_exists(unsigned bus, unsigned device_function);
