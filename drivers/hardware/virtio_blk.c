/* SPDX-License-Identifier: MIT */
#include "drivers/hardware/virtio_blk.h"

#include <xen/errno.h>

#include "drivers/hardware/virtio_pci.h"
#include "lib/format.h"
#include "pvguest/control/disk.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/thread.h"

#define FEATURE_READ_ONLY (1ULL << 5)
#define FEATURE_FLUSH     (1ULL << 9)
#define CAPACITY_AT       0
#define OPERATION_READ    0
#define OPERATION_WRITE   1
#define OPERATION_FLUSH   4
#define STATUS_OKAY       0
#define STATUS_UNWRITTEN  0xff
#define REQUEST_QUEUE     0
#define SLOT_COUNT        64
#define DISKS_MAX         26

/* What the device reads before and writes after the data; one page holds all slots of a disk. */
struct virtio_blk_slot {
    uint32_t operation;
    uint32_t reserved;
    uint64_t sector;
    uint8_t status;
};

struct virtio_blk {
    struct disk disk;
    struct virtio_pci device;
    struct virtio_queue queue;
    uint64_t features;
    struct virtio_blk_slot *slots;
    uint64_t slots_machine_address;
    struct disk_request *in_flight[SLOT_COUNT];
    struct list waiting; /* requests for which slots or descriptors were lacking */
    struct wait_queue interrupted;
    bool interrupt_seen, dead;
};

static uint16_t free_slot(const struct virtio_blk *block)
{
    uint16_t slot = 0;

    while (slot < SLOT_COUNT && block->in_flight[slot] != NULL)
        slot++;
    return slot;
}

/* The chain of one request: header, data, status. Returns the number of parts. */
static unsigned int describe(const struct virtio_blk *block, const struct disk_request *request,
                             uint16_t slot, struct virtio_queue_part *parts)
{
    uint64_t at = block->slots_machine_address + slot * sizeof(struct virtio_blk_slot);
    unsigned int count = 0;

    parts[count++] = (struct virtio_queue_part){.machine_address = at,
                                                .size = offsetof(struct virtio_blk_slot, status)};
    if (request->operation != DISK_FLUSH)
        for (unsigned int i = 0; i < request->segment_count; i++)
            parts[count++] = (struct virtio_queue_part){
                .machine_address = request->segments[i].machine_address,
                .size = request->segments[i].size,
                .device_writes = request->operation == DISK_READ,
            };
    parts[count++] = (struct virtio_queue_part){
        .machine_address = at + offsetof(struct virtio_blk_slot, status),
        .size = sizeof(uint8_t),
        .device_writes = true,
    };
    return count;
}

/* Give a request to the device; false when there is no room at the moment. */
static bool start_request(struct virtio_blk *block, struct disk_request *request)
{
    static const uint32_t operations[] = {OPERATION_READ, OPERATION_WRITE, OPERATION_FLUSH};
    struct virtio_queue_part parts[DISK_SEGMENTS_MAX + 2];
    uint16_t slot = free_slot(block);

    if (slot == SLOT_COUNT)
        return false;
    block->slots[slot] = (struct virtio_blk_slot){
        .operation = operations[request->operation],
        .sector = request->operation == DISK_FLUSH ? 0 : request->sector,
        .status = STATUS_UNWRITTEN,
    };
    if (!virtio_queue_add(&block->queue, parts, describe(block, request, slot, parts), slot))
        return false;
    block->in_flight[slot] = request;
    return true;
}

static void start_waiting(struct virtio_blk *block)
{
    struct list *first;

    while ((first = list_first(&block->waiting)) != NULL) {
        if (!start_request(block, container_of(first, struct disk_request, link)))
            break;
        list_remove(first);
    }
    virtio_pci_notify(&block->device, REQUEST_QUEUE, &block->queue);
}

static int block_submit(struct disk *disk, struct disk_request *request)
{
    struct virtio_blk *block = container_of(disk, struct virtio_blk, disk);

    if (block->dead)
        return -XEN_EIO;
    if (request->operation == DISK_FLUSH && (block->features & FEATURE_FLUSH) == 0) {
        request->done(request, 0); /* no volatile cache, nothing to flush */
        return 0;
    }
    list_push_back(&block->waiting, &request->link);
    start_waiting(block);
    return 0;
}

static const struct disk_type block_type = {"virtio-blk", block_submit, NULL};

static void finish_requests(struct virtio_blk *block)
{
    uint16_t slot;

    while (virtio_queue_take(&block->queue, &slot, NULL)) {
        struct disk_request *request = block->in_flight[slot];
        uint8_t status = READ_ONCE(block->slots[slot].status);

        block->in_flight[slot] = NULL;
        if (status != STATUS_OKAY)
            notice("disk: %s: the device answered with status %u at sector %llu", block->disk.name,
                   status, (unsigned long long)request->sector);
        request->done(request, status == STATUS_OKAY ? 0 : -XEN_EIO);
    }
}

/* The reset comes first: until then the device may still write to the requests' memory. */
static void fail_device(struct virtio_blk *block)
{
    struct list *first;

    notice("disk: %s: the device failed and was reset", block->disk.name);
    block->dead = true;
    virtio_pci_reset(&block->device);
    for (unsigned int slot = 0; slot < SLOT_COUNT; slot++) {
        struct disk_request *request = block->in_flight[slot];

        block->in_flight[slot] = NULL;
        if (request != NULL)
            request->done(request, -XEN_EIO);
    }
    while ((first = list_first(&block->waiting)) != NULL) {
        list_remove(first);
        container_of(first, struct disk_request, link)
            ->done(container_of(first, struct disk_request, link), -XEN_EIO);
    }
}

static void block_interrupt(evtchn_port_t port, void *argument)
{
    struct virtio_blk *block = argument;

    (void)port;
    if (!virtio_pci_interrupt_pending(&block->device))
        return;
    block->interrupt_seen = true;
    wait_queue_wake(&block->interrupted);
}

static void block_thread(void *argument)
{
    struct virtio_blk *block = argument;

    while (!block->dead) {
        WAIT_UNTIL(&block->interrupted, block->interrupt_seen);
        block->interrupt_seen = false;
        finish_requests(block);
        if (virtio_pci_broken(&block->device))
            fail_device(block);
        else
            start_waiting(block);
    }
}

static int set_up_device(struct virtio_blk *block)
{
    int error =
        virtio_pci_agree(&block->device, FEATURE_READ_ONLY | FEATURE_FLUSH, &block->features);

    if (error != 0)
        return error;
    error = virtio_pci_interrupt_attach(&block->device, block_interrupt, block);
    if (error != 0)
        return error;
    block->slots = page_allocate(0);
    if (block->slots == NULL)
        return -XEN_ENOMEM;
    block->slots_machine_address = page_mfn(block->slots) << PAGE_SHIFT;
    return virtio_pci_queue_start(&block->device, REQUEST_QUEUE, &block->queue);
}

/* A device that cannot be set up is left reset; its memory is given up with it. */
static int start_device(struct pci_device *pci, unsigned int number)
{
    struct virtio_blk *block = heap_allocate_zeroed(sizeof(*block));
    char name[DISK_NAME_SIZE];
    int error;

    if (block == NULL)
        return -XEN_ENOMEM;
    list_init(&block->waiting);
    wait_queue_init(&block->interrupted);
    error = virtio_pci_open(&block->device, pci);
    if (error != 0)
        return error;
    error = set_up_device(block);
    if (error != 0) {
        virtio_pci_reset(&block->device);
        return error;
    }
    format_text(name, sizeof(name), "vd%c", 'a' + (int)number);
    disk_init(&block->disk, &block_type, name, virtio_pci_read64(&block->device, CAPACITY_AT));
    block->disk.readonly = (block->features & FEATURE_READ_ONLY) != 0;
    block->disk.users = 1;
    block->disk.is_real = true;
    if (thread_create(block->disk.name, block_thread, block) == NULL) {
        virtio_pci_reset(&block->device);
        return -XEN_ENOMEM;
    }
    virtio_pci_ready(&block->device);
    disk_register(&block->disk);
    notice("disk: %s: virtio at %02x:%02x.%u, interrupt by %s", name, pci->bus, pci->slot,
           pci->function, pci_interrupt_kind_name(block->device.interrupt.kind));
    return 0;
}

unsigned int virtio_blk_start(void)
{
    unsigned int count = 0;

    for (struct pci_device *pci = pci_next(NULL); pci != NULL; pci = pci_next(pci)) {
        int error;

        if (count >= DISKS_MAX || !virtio_pci_is(pci, VIRTIO_DEVICE_BLOCK))
            continue;
        error = start_device(pci, count);
        if (error != 0)
            notice("disk: virtio block device at %02x:%02x.%u cannot be used: error %d", pci->bus,
                   pci->slot, pci->function, error);
        else
            count++;
    }
    return count;
}
