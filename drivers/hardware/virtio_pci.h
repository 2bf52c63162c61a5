/* SPDX-License-Identifier: MIT */
/*
 * Virtio devices on PCI, modern interface (virtio 1.0, 4.1): transitional devices have it too.
 * The order of use is open, agree on features, set up queues, ready. Threads only, except
 * virtio_pci_interrupt_pending(), which belongs into the handler of a shared interrupt line.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/hardware/pci_interrupt.h"
#include "drivers/hardware/virtio_queue.h"

#define VIRTIO_VENDOR         0x1af4
#define VIRTIO_DEVICE_BLOCK   2
#define VIRTIO_FEATURE_MODERN (1ULL << 32)

struct virtio_pci {
    struct pci_device *pci;
    volatile struct virtio_common *common;
    volatile uint8_t *interrupt_status;
    volatile uint8_t *configuration; /* of the device class */
    volatile uint8_t *notify;
    uint32_t notify_multiplier, notify_size, configuration_size;
    struct pci_interrupt interrupt;
};

/* Whether a PCI function is a virtio device of this kind, transitional or modern. */
bool virtio_pci_is(const struct pci_device *pci, uint16_t kind);

/* Map the device's registers and reset it. 0 or a negative errno. */
int virtio_pci_open(struct virtio_pci *device, struct pci_device *pci);

/* Accept those of `wanted` that the device offers; modern is required. */
int virtio_pci_agree(struct virtio_pci *device, uint64_t wanted, uint64_t *agreed);

/* Attach the interrupt; queues set up afterwards use it. */
int virtio_pci_interrupt_attach(struct virtio_pci *device, event_handler_t *handler,
                                void *argument);

/* Build queue `index` in a page of ours and let the device know. */
int virtio_pci_queue_start(struct virtio_pci *device, uint16_t index, struct virtio_queue *queue);

/* The driver is ready; requests may follow. */
void virtio_pci_ready(struct virtio_pci *device);

/* Tell the device that queue `index` has news for it. */
void virtio_pci_notify(struct virtio_pci *device, uint16_t index, const struct virtio_queue *queue);

/* Acknowledge an interrupt on a line; true when this device raised it. Messages: always true. */
bool virtio_pci_interrupt_pending(struct virtio_pci *device);

/* Whether the device reports that it cannot go on without a reset. */
bool virtio_pci_broken(const struct virtio_pci *device);

/* After this returns the device touches no memory any more. */
void virtio_pci_reset(struct virtio_pci *device);

/* A 32- or 64-bit field of the device's configuration; 0 outside it. */
uint32_t virtio_pci_read32(const struct virtio_pci *device, unsigned int offset);
uint64_t virtio_pci_read64(const struct virtio_pci *device, unsigned int offset);
