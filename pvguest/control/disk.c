/* SPDX-License-Identifier: MIT */
#include "pvguest/control/disk.h"

#include <xen/errno.h>

#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/disk_extent.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/thread.h"

#define SECTORS_PER_PAGE (PAGE_SIZE >> DISK_SECTOR_SHIFT)

static struct list disks = {&disks, &disks};

void disk_init(struct disk *disk, const struct disk_type *type, const char *name, uint64_t sectors)
{
    disk->type = type;
    disk->sectors = sectors;
    text_copy(disk->name, name, sizeof(disk->name));
    list_init(&disk->link);
}

void disk_register(struct disk *disk)
{
    list_push_back(&disks, &disk->link);
    notice("disk: %s: %llu sectors%s (%s)", disk->name, (unsigned long long)disk->sectors,
           disk->readonly ? ", read-only" : "", disk->type->name);
}

struct disk *disk_find(const char *name)
{
    list_for_each(position, &disks)
    {
        struct disk *disk = container_of(position, struct disk, link);

        if (strcmp(disk->name, name) == 0)
            return disk;
    }
    return NULL;
}

struct disk *disk_first(void)
{
    struct list *first = list_first(&disks);

    return first != NULL ? container_of(first, struct disk, link) : NULL;
}

struct disk *disk_next(const struct disk *disk)
{
    return disk->link.next != &disks ? container_of(disk->link.next, struct disk, link) : NULL;
}

uint64_t disk_request_size(const struct disk_request *request)
{
    uint64_t size = 0;

    for (unsigned int i = 0; i < request->segment_count; i++)
        size += request->segments[i].size;
    return size;
}

/* Refusals are guests' doing: of a flood only the 1st, 2nd, 4th, 8th ... are worth a line. */
static int refuse(struct disk *disk, const struct disk_request *request, int error, const char *why)
{
    disk->refused_count++;
    if ((disk->refused_count & (disk->refused_count - 1)) == 0)
        notice("disk: %s: refused to %s %llu sectors at %llu: %s (refused so far: %llu)",
               disk->name, request->operation == DISK_READ ? "read" : "write",
               (unsigned long long)(disk_request_size(request) >> DISK_SECTOR_SHIFT),
               (unsigned long long)request->sector, why, (unsigned long long)disk->refused_count);
    return error;
}

static bool segments_valid(const struct disk_request *request)
{
    if (request->segment_count == 0 || request->segment_count > DISK_SEGMENTS_MAX)
        return false;
    for (unsigned int i = 0; i < request->segment_count; i++)
        if (request->segments[i].size == 0 || request->segments[i].size % DISK_SECTOR_SIZE != 0)
            return false;
    return true;
}

int disk_submit(struct disk *disk, struct disk_request *request)
{
    uint64_t count = disk_request_size(request) >> DISK_SECTOR_SHIFT;

    if (request->operation == DISK_FLUSH)
        return disk->type->submit(disk, request);
    if (!segments_valid(request))
        return refuse(disk, request, -XEN_EINVAL, "not whole sectors");
    if (!disk_range_valid(request->sector, count, disk->sectors))
        return refuse(disk, request, -XEN_ERANGE, "outside the disk");
    if (request->operation == DISK_WRITE && disk->readonly)
        return refuse(disk, request, -XEN_EROFS, "read-only");
    return disk->type->submit(disk, request);
}

struct transfer {
    struct disk_request request;
    struct wait_queue queue;
    bool finished;
    int status;
};

static void transfer_done(struct disk_request *request, int status)
{
    struct transfer *transfer = container_of(request, struct transfer, request);

    transfer->status = status;
    transfer->finished = true;
    wait_queue_wake(&transfer->queue);
}

/* One request of at most DISK_SEGMENTS_MAX pages. */
static int transfer_pages(struct disk *disk, enum disk_operation operation, uint64_t sector,
                          char *address, unsigned int count)
{
    struct transfer transfer = {.request = {.operation = operation, .sector = sector}};
    struct disk_request *request = &transfer.request;
    int error;

    wait_queue_init(&transfer.queue);
    request->done = transfer_done;
    for (request->segment_count = 0; count > 0; request->segment_count++, address += PAGE_SIZE) {
        unsigned int part = count < SECTORS_PER_PAGE ? count : SECTORS_PER_PAGE;

        request->segments[request->segment_count] = (struct disk_segment){
            .address = address,
            .machine_address = page_mfn(address) << PAGE_SHIFT,
            .size = part << DISK_SECTOR_SHIFT,
        };
        count -= part;
    }
    error = disk_submit(disk, request);
    if (error != 0)
        return error;
    WAIT_UNTIL(&transfer.queue, transfer.finished);
    return transfer.status;
}

int disk_transfer(struct disk *disk, enum disk_operation operation, uint64_t sector, void *buffer,
                  unsigned int count)
{
    const unsigned int most = DISK_SEGMENTS_MAX * SECTORS_PER_PAGE;
    char *address = buffer;
    int error;

    do {
        unsigned int part = count < most ? count : most;

        error = transfer_pages(disk, operation, sector, address, part);
        address += (size_t)part << DISK_SECTOR_SHIFT;
        sector += part;
        count -= part;
    } while (error == 0 && count > 0);
    return error;
}

void disk_close(struct disk *disk)
{
    if (--disk->users == 0 && disk->type->destroy != NULL)
        disk->type->destroy(disk);
}
