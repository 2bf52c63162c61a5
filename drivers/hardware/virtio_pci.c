/* SPDX-License-Identifier: MIT */
#include "drivers/hardware/virtio_pci.h"

#include <stddef.h>

#include <xen/errno.h>

#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/thread.h"

#define DEVICE_MODERN_BASE       0x1040
#define DEVICE_TRANSITIONAL_LOW  0x1000
#define DEVICE_TRANSITIONAL_HIGH 0x103f
#define SUBSYSTEM                0x2e
#define REGION_COMMON            1
#define REGION_NOTIFY            2
#define REGION_INTERRUPT         3
#define REGION_DEVICE            4
#define CAPABILITY_KIND          3
#define CAPABILITY_BAR           4
#define CAPABILITY_OFFSET        8
#define CAPABILITY_LENGTH        12
#define CAPABILITY_MULTIPLIER    16
#define REGION_SIZE_MAX          0x100000
#define STATUS_ACKNOWLEDGE       1
#define STATUS_DRIVER            2
#define STATUS_DRIVER_OK         4
#define STATUS_FEATURES_OK       8
#define STATUS_NEEDS_RESET       64
#define VECTOR_NONE              0xffff
#define RESET_POLL_NS            1000000
#define RESET_POLL_LIMIT         1000

struct virtio_common {
    uint32_t device_feature_select;
    uint32_t device_feature;
    uint32_t driver_feature_select;
    uint32_t driver_feature;
    uint16_t configuration_vector;
    uint16_t queue_count;
    uint8_t status;
    uint8_t generation;
    uint16_t queue_select;
    uint16_t queue_size;
    uint16_t queue_vector;
    uint16_t queue_enable;
    uint16_t queue_notify_offset;
    uint32_t queue_descriptors[2];
    uint32_t queue_available[2];
    uint32_t queue_used[2];
};

_Static_assert(sizeof(struct virtio_common) == 56, "virtio 1.0, 4.1.4.3");

bool virtio_pci_is(const struct pci_device *pci, uint16_t kind)
{
    if (pci->vendor != VIRTIO_VENDOR)
        return false;
    if (pci->device >= DEVICE_TRANSITIONAL_LOW && pci->device <= DEVICE_TRANSITIONAL_HIGH)
        return pci_read16(pci, SUBSYSTEM) == kind;
    return pci->device == DEVICE_MODERN_BASE + kind;
}

/* Map the region of this kind; *multiplier is the notify region's word behind the capability. */
static int map_region(const struct pci_device *pci, uint8_t kind, volatile void **address,
                      uint32_t *size, uint32_t *multiplier)
{
    uint8_t at = 0;

    while ((at = pci_capability_find(pci, PCI_CAPABILITY_VENDOR, at)) != 0) {
        uint32_t offset = pci_read32(pci, at + CAPABILITY_OFFSET);
        struct pci_bar bar;
        void *mapped;
        int error;

        if (pci_read8(pci, at + CAPABILITY_KIND) != kind ||
            !pci_bar_get(pci, pci_read8(pci, at + CAPABILITY_BAR), &bar) || bar.is_port)
            continue;
        *size = pci_read32(pci, at + CAPABILITY_LENGTH);
        if (*size == 0 || *size > REGION_SIZE_MAX)
            return -XEN_EINVAL;
        *multiplier = pci_read32(pci, at + CAPABILITY_MULTIPLIER);
        error = io_map(bar.address + offset, *size, &mapped);
        *address = mapped;
        return error;
    }
    return -XEN_ENODEV;
}

static int map_regions(struct virtio_pci *device)
{
    volatile void *address;
    uint32_t size, ignored;
    int error = map_region(device->pci, REGION_COMMON, &address, &size, &ignored);

    if (error != 0)
        return error;
    if (size < sizeof(*device->common))
        return -XEN_EINVAL;
    device->common = address;
    error = map_region(device->pci, REGION_NOTIFY, &address, &device->notify_size,
                       &device->notify_multiplier);
    if (error != 0)
        return error;
    device->notify = address;
    error = map_region(device->pci, REGION_INTERRUPT, &address, &size, &ignored);
    if (error != 0)
        return error;
    device->interrupt_status = address;
    error = map_region(device->pci, REGION_DEVICE, &address, &device->configuration_size, &ignored);
    device->configuration = address;
    return error;
}

void virtio_pci_reset(struct virtio_pci *device)
{
    device->common->status = 0;
    for (unsigned int i = 0; device->common->status != 0 && i < RESET_POLL_LIMIT; i++)
        thread_sleep_ns(RESET_POLL_NS);
}

int virtio_pci_open(struct virtio_pci *device, struct pci_device *pci)
{
    int error;

    device->pci = pci;
    pci_enable(pci);
    error = map_regions(device);
    if (error != 0)
        return error;
    virtio_pci_reset(device);
    if (device->common->status != 0)
        return -XEN_EIO;
    device->common->status = STATUS_ACKNOWLEDGE;
    device->common->status = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
    return 0;
}

int virtio_pci_agree(struct virtio_pci *device, uint64_t wanted, uint64_t *agreed)
{
    volatile struct virtio_common *common = device->common;
    uint64_t offered;

    common->device_feature_select = 0;
    offered = common->device_feature;
    common->device_feature_select = 1;
    offered |= (uint64_t)common->device_feature << 32;
    *agreed = offered & (wanted | VIRTIO_FEATURE_MODERN);
    if ((*agreed & VIRTIO_FEATURE_MODERN) == 0)
        return -XEN_EOPNOTSUPP;
    common->driver_feature_select = 0;
    common->driver_feature = (uint32_t)*agreed;
    common->driver_feature_select = 1;
    common->driver_feature = (uint32_t)(*agreed >> 32);
    common->status = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
    return common->status & STATUS_FEATURES_OK ? 0 : -XEN_EIO;
}

int virtio_pci_interrupt_attach(struct virtio_pci *device, event_handler_t *handler, void *argument)
{
    return pci_interrupt_attach(device->pci, handler, argument, &device->interrupt);
}

static void write_address(volatile uint32_t *halves, uint64_t address)
{
    halves[0] = (uint32_t)address;
    halves[1] = (uint32_t)(address >> 32);
}

int virtio_pci_queue_start(struct virtio_pci *device, uint16_t index, struct virtio_queue *queue)
{
    volatile struct virtio_common *common = device->common;
    uint16_t vector = device->interrupt.kind == PCI_INTERRUPT_MSIX ? 0 : VECTOR_NONE;
    uint16_t size;
    void *page;

    common->queue_select = index;
    size = common->queue_size;
    if (size == 0 || (size & (size - 1)) != 0)
        return -XEN_ENODEV;
    page = page_allocate(0);
    if (page == NULL)
        return -XEN_ENOMEM;
    if (size > VIRTIO_QUEUE_SIZE)
        size = VIRTIO_QUEUE_SIZE;
    virtio_queue_init(queue, size, page, page_mfn(page) << PAGE_SHIFT);
    common->queue_size = size;
    common->configuration_vector = VECTOR_NONE;
    common->queue_vector = vector;
    write_address(common->queue_descriptors, virtio_queue_descriptors(queue));
    write_address(common->queue_available, virtio_queue_available(queue));
    write_address(common->queue_used, virtio_queue_used(queue));
    if (common->queue_vector != vector ||
        (uint64_t)common->queue_notify_offset * device->notify_multiplier + sizeof(uint16_t) >
            device->notify_size) {
        page_free(page, 0);
        return -XEN_EIO;
    }
    queue->notify_offset = common->queue_notify_offset;
    common->queue_enable = 1;
    return 0;
}

void virtio_pci_ready(struct virtio_pci *device)
{
    device->common->status =
        STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
}

void virtio_pci_notify(struct virtio_pci *device, uint16_t index, const struct virtio_queue *queue)
{
    size_t offset;

    if (!virtio_queue_wants_notice(queue))
        return;
    offset = (size_t)queue->notify_offset * device->notify_multiplier;
    *(volatile uint16_t *)(device->notify + offset) = index;
}

bool virtio_pci_interrupt_pending(struct virtio_pci *device)
{
    return device->interrupt.kind != PCI_INTERRUPT_PIN_LINE || *device->interrupt_status != 0;
}

bool virtio_pci_broken(const struct virtio_pci *device)
{
    return (device->common->status & STATUS_NEEDS_RESET) != 0;
}

uint32_t virtio_pci_read32(const struct virtio_pci *device, unsigned int offset)
{
    if (offset + sizeof(uint32_t) > device->configuration_size)
        return 0;
    return *(volatile uint32_t *)(device->configuration + offset);
}

uint64_t virtio_pci_read64(const struct virtio_pci *device, unsigned int offset)
{
    uint64_t low, high;
    uint8_t generation;

    do {
        generation = device->common->generation;
        low = virtio_pci_read32(device, offset);
        high = virtio_pci_read32(device, offset + 4);
    } while (device->common->generation != generation);
    return low | high << 32;
}
