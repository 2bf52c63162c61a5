/* SPDX-License-Identifier: MIT */
#include "hypervisor/io/msi.h"

#include <xen/errno.h>

#include "hypervisor/io/pci_config.h"
#include "hypervisor/layout.h"
#include "hypervisor/memory/device_memory.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/map.h"
#include "hypervisor/processor/lock.h"

/* PCI Local Bus 3.0, chapter 6. */
#define PCI_VENDOR           0x00
#define PCI_STATUS           0x06
#define PCI_STATUS_LIST      0x10
#define PCI_HEADER_TYPE      0x0e
#define PCI_BAR              0x10
#define PCI_CAPABILITIES     0x34
#define PCI_CAPABILITY_MSI   0x05
#define PCI_CAPABILITY_MSIX  0x11
#define CAPABILITIES_MAX     48
#define CONTROL              2
#define MSI_CONTROL_WIDE     0x0080
#define MSI_CONTROL_MASKABLE 0x0100
#define MSI_CONTROL_COUNT    0x0070
#define MSI_ADDRESS          4
#define MSIX_CONTROL_SIZE    0x07ff
#define MSIX_TABLE           4
#define MSIX_ENTRY_SIZE      16
#define BAR_IS_IO            1
#define BAR_TYPE             6
#define BAR_TYPE_64          4
#define BAR_COUNT            6

/* Intel SDM volume 3, 11.11. */
#define MESSAGE_ADDRESS      0xfee00000u
#define MESSAGE_TARGET_SHIFT 12

/* Pages of tables that have been mapped: they stay, so that a device is mapped once. */
#define TABLE_PAGES_MAX 64
static struct {
    uint64_t physical;
    volatile uint32_t *address;
} table_pages[TABLE_PAGES_MAX];
static unsigned table_page_count;
static struct spinlock table_lock = SPINLOCK(LOCK_LEVEL_IRQ);

static uint32_t message_read(const struct msi *message, unsigned offset, unsigned size)
{
    return pci_config_read(message->bus, message->device_function, message->capability + offset,
                           size);
}

static void message_write(const struct msi *message, unsigned offset, unsigned size, uint32_t value)
{
    pci_config_write(message->bus, message->device_function, message->capability + offset, size,
                     value);
}

bool msi_function_exists(unsigned bus, unsigned device_function)
{
    return pci_config_read(bus, device_function, PCI_VENDOR, 2) != 0xffff;
}

unsigned msi_capability_find(unsigned bus, unsigned device_function, bool table)
{
    unsigned wanted = table ? PCI_CAPABILITY_MSIX : PCI_CAPABILITY_MSI;

    if (!(pci_config_read(bus, device_function, PCI_STATUS, 2) & PCI_STATUS_LIST))
        return 0;
    unsigned at = pci_config_read(bus, device_function, PCI_CAPABILITIES, 1) & 0xfc;
    for (unsigned i = 0; at >= 0x40 && i < CAPABILITIES_MAX; i++) {
        uint32_t header = pci_config_read(bus, device_function, at, 2);
        if ((header & 0xff) == wanted)
            return at;
        at = header >> 8 & 0xfc;
    }
    return 0;
}

static uint64_t bar_read(const struct msi *message, unsigned index)
{
    unsigned offset = PCI_BAR + 4 * index;
    uint32_t low = pci_config_read(message->bus, message->device_function, offset, 4);
    uint64_t address = low & ~0xfu;

    if (index >= BAR_COUNT || (low & BAR_IS_IO))
        return 0;
    if ((low & BAR_TYPE) == BAR_TYPE_64 && index + 1 < BAR_COUNT)
        address |= (uint64_t)pci_config_read(message->bus, message->device_function, offset + 4, 4)
                   << 32;
    return address;
}

static volatile uint32_t *table_page_map(uint64_t physical)
{
    volatile uint32_t *address = NULL;

    spin_lock(&table_lock);
    for (unsigned i = 0; i < table_page_count; i++)
        if (table_pages[i].physical == physical)
            address = table_pages[i].address;
    if (!address && table_page_count < TABLE_PAGES_MAX) {
        address = map_device(physical, PAGE_SIZE);
        table_pages[table_page_count].physical = physical;
        table_pages[table_page_count].address = address;
        table_page_count += address != NULL;
    }
    spin_unlock(&table_lock);
    return address;
}

/* A table must lie in device memory: a base register that points at RAM would let us write there.
 */
static int table_find(struct msi *message)
{
    uint32_t where = message_read(message, MSIX_TABLE, 4);
    uint64_t base = bar_read(message, where & 7);
    uint64_t address = base + (where & ~7u) + (uint64_t)message->entry * MSIX_ENTRY_SIZE;

    if (message->entry > (message_read(message, CONTROL, 2) & MSIX_CONTROL_SIZE))
        return -XEN_EINVAL;
    if (!base || mfn_is_ram(mfn(address >> PAGE_SHIFT)) ||
        !device_memory_exists(mfn(address >> PAGE_SHIFT)) ||
        !device_memory_allowed(mfn(address >> PAGE_SHIFT)))
        return -XEN_EINVAL;
    volatile uint32_t *page = table_page_map(address & PAGE_MASK);
    if (!page)
        return -XEN_ENOMEM;
    message->vector = page + (address & ~PAGE_MASK) / sizeof(*page);
    return 0;
}

int msi_find(const struct physdev_map_pirq *request, struct msi *message)
{
    if (request->bus < 0 || request->bus > 0xff || request->devfn < 0 || request->devfn > 0xff ||
        request->entry_nr < 0 || request->entry_nr > MSIX_CONTROL_SIZE)
        return -XEN_EINVAL;
    *message = (struct msi){
        .bus = (uint8_t)request->bus,
        .device_function = (uint8_t)request->devfn,
        .table = request->table_base != 0,
        .entry = (uint16_t)request->entry_nr,
    };
    if (!msi_function_exists(message->bus, message->device_function))
        return -XEN_ENODEV;
    message->capability =
        (uint8_t)msi_capability_find(message->bus, message->device_function, message->table);
    if (!message->capability)
        return -XEN_EINVAL;
    if (message->table)
        return table_find(message);
    message->entry = 0;
    message->wide = message_read(message, CONTROL, 2) & MSI_CONTROL_WIDE;
    message->maskable = message_read(message, CONTROL, 2) & MSI_CONTROL_MASKABLE;
    return 0;
}

bool msi_same(const struct msi *left, const struct msi *right)
{
    return left->table == right->table && left->entry == right->entry &&
           msi_is_of(left, right->bus, right->device_function);
}

bool msi_is_of(const struct msi *message, unsigned bus, unsigned device_function)
{
    return message->bus == bus && message->device_function == device_function;
}

void msi_program(const struct msi *message, uint8_t vector, uint32_t apic_id)
{
    uint32_t address = MESSAGE_ADDRESS | apic_id << MESSAGE_TARGET_SHIFT;

    if (message->table) {
        message->vector[0] = address;
        message->vector[1] = 0;
        message->vector[2] = vector;
        return;
    }
    /* One message, whatever the function could send. */
    message_write(message, CONTROL, 2, message_read(message, CONTROL, 2) & ~MSI_CONTROL_COUNT);
    message_write(message, MSI_ADDRESS, 4, address);
    if (message->wide)
        message_write(message, MSI_ADDRESS + 4, 4, 0);
    message_write(message, MSI_ADDRESS + (message->wide ? 8 : 4), 2, vector);
}

void msi_mask(const struct msi *message, bool masked)
{
    if (message->table)
        message->vector[3] = (message->vector[3] & ~1u) | masked;
    else if (message->maskable)
        message_write(message, MSI_ADDRESS + (message->wide ? 12 : 8), 4, masked);
}
