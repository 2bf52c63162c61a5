/* SPDX-License-Identifier: MIT */
#include "hypervisor/io/io_apic.h"

#include <stddef.h>

#include <xen/errno.h>

#include "hypervisor/io/acpi.h"
#include "hypervisor/io/console.h"
#include "hypervisor/memory/device_memory.h"
#include "hypervisor/memory/map.h"

/* Registers: an index window and a data window (82093AA, 3.1). */
#define WINDOW_SELECT    0
#define WINDOW_DATA      4
#define WINDOW_SIZE      0x20
#define REGISTER_VERSION 1
#define REGISTER_ENTRY   0x10
#define ENTRY_MASKED     (1U << 16)
#define ENTRY_LEVEL      (1U << 15)
#define ENTRY_LOW        (1U << 13)
#define PINS_MAX         240

static struct io_apic {
    volatile uint32_t *window;
    uint64_t physical;
    unsigned gsi_base, pins;
} io_apics[ACPI_IO_APIC_MAX];
static unsigned io_apic_count;

static uint32_t window_read(const struct io_apic *apic, unsigned index)
{
    apic->window[WINDOW_SELECT] = index;
    return apic->window[WINDOW_DATA];
}

static void window_write(const struct io_apic *apic, unsigned index, uint32_t value)
{
    apic->window[WINDOW_SELECT] = index;
    apic->window[WINDOW_DATA] = value;
}

static unsigned entry_index(const struct io_apic *apic, unsigned gsi)
{
    return REGISTER_ENTRY + 2 * (gsi - apic->gsi_base);
}

static const struct io_apic *find(unsigned gsi)
{
    for (unsigned i = 0; i < io_apic_count; i++)
        if (gsi >= io_apics[i].gsi_base && gsi - io_apics[i].gsi_base < io_apics[i].pins)
            return &io_apics[i];
    return NULL;
}

static void start_one(const struct acpi_io_apic *described)
{
    struct io_apic *apic = &io_apics[io_apic_count];

    apic->window = map_device(described->address, WINDOW_SIZE);
    if (!apic->window)
        return;
    device_memory_deny(described->address, WINDOW_SIZE);
    apic->physical = described->address;
    apic->gsi_base = described->gsi_base;
    apic->pins = (window_read(apic, REGISTER_VERSION) >> 16 & 0xff) + 1;
    if (apic->pins > PINS_MAX) {
        printk("I/O APIC at %lx does not answer\n", described->address);
        return;
    }
    for (unsigned pin = 0; pin < apic->pins; pin++) {
        window_write(apic, REGISTER_ENTRY + 2 * pin, ENTRY_MASKED);
        window_write(apic, REGISTER_ENTRY + 2 * pin + 1, 0);
    }
    io_apic_count++;
}

void io_apic_start(void)
{
    for (unsigned i = 0; i < acpi_info.io_apic_count; i++)
        start_one(&acpi_info.io_apics[i]);
}

unsigned io_apic_gsi_count(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < io_apic_count; i++)
        if (io_apics[i].gsi_base + io_apics[i].pins > count)
            count = io_apics[i].gsi_base + io_apics[i].pins;
    return count;
}

bool io_apic_has_gsi(unsigned gsi)
{
    return find(gsi) != NULL;
}

int io_apic_route(unsigned gsi, uint8_t vector, uint32_t apic_id, bool level_triggered,
                  bool active_low)
{
    const struct io_apic *apic = find(gsi);

    if (!apic)
        return -XEN_EINVAL;
    uint32_t low = ENTRY_MASKED | vector;
    if (level_triggered)
        low |= ENTRY_LEVEL;
    if (active_low)
        low |= ENTRY_LOW;
    window_write(apic, entry_index(apic, gsi), low);
    window_write(apic, entry_index(apic, gsi) + 1, apic_id << 24);
    return 0;
}

void io_apic_mask(unsigned gsi)
{
    const struct io_apic *apic = find(gsi);

    if (!apic)
        return;
    uint32_t low = window_read(apic, entry_index(apic, gsi));
    window_write(apic, entry_index(apic, gsi), low | ENTRY_MASKED);
    /* Read back, so that the write has arrived before the caller ends the interrupt. */
    window_read(apic, entry_index(apic, gsi));
}

void io_apic_unmask(unsigned gsi)
{
    const struct io_apic *apic = find(gsi);

    if (!apic)
        return;
    uint32_t low = window_read(apic, entry_index(apic, gsi));
    window_write(apic, entry_index(apic, gsi), low & ~ENTRY_MASKED);
}

unsigned io_apic_isa_gsi(unsigned irq, bool *level_triggered, bool *active_low)
{
    if (irq >= ACPI_ISA_IRQS)
        irq = 0;
    *level_triggered = acpi_info.isa_irqs[irq].level_triggered;
    *active_low = acpi_info.isa_irqs[irq].active_low;
    return acpi_info.isa_irqs[irq].gsi;
}

int io_apic_read_register(uint64_t physical, uint32_t index, uint32_t *value)
{
    for (unsigned i = 0; i < io_apic_count; i++) {
        if (io_apics[i].physical != physical)
            continue;
        if (index >= REGISTER_ENTRY + 2 * io_apics[i].pins)
            return -XEN_EINVAL;
        *value = window_read(&io_apics[i], index);
        return 0;
    }
    return -XEN_EINVAL;
}
