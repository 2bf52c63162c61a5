/* SPDX-License-Identifier: MIT */
#include "pvguest/control/disk_part.h"

#include <xen/errno.h>

#include "pvguest/kernel/heap.h"

struct disk_part {
    struct disk disk;
    struct disk *whole;
    struct disk_extent extent;
};

static struct list parts = {&parts, &parts};

/* Readers may share; a writer shares with nobody. */
static bool conflicts(const struct disk *whole, const struct disk_extent *extent, bool writable)
{
    list_for_each(position, &parts)
    {
        const struct disk_part *part = container_of(position, struct disk_part, disk.link);

        if (part->whole == whole && (writable || !part->disk.readonly) &&
            disk_extents_overlap(&part->extent, extent))
            return true;
    }
    return false;
}

static int part_submit(struct disk *disk, struct disk_request *request)
{
    struct disk_part *part = container_of(disk, struct disk_part, disk);
    int error;

    if (request->operation != DISK_FLUSH) {
        error = disk_extent_translate(&part->extent, request->sector,
                                      disk_request_size(request) >> DISK_SECTOR_SHIFT,
                                      &request->sector);
        if (error != 0)
            return error;
    }
    return disk_submit(part->whole, request);
}

static void part_destroy(struct disk *disk)
{
    struct disk_part *part = container_of(disk, struct disk_part, disk);

    list_remove(&disk->link);
    disk_close(part->whole);
    heap_free(part);
}

static const struct disk_type part_type = {"part", part_submit, part_destroy};

int disk_part_create(struct disk *whole, const struct disk_extent *extent, const char *name,
                     bool writable, struct disk **part)
{
    struct disk_part *view;

    if (!disk_extent_valid(extent, whole->sectors))
        return -XEN_ERANGE;
    if (conflicts(whole, extent, writable))
        return -XEN_EBUSY;
    view = heap_allocate_zeroed(sizeof(*view));
    if (view == NULL)
        return -XEN_ENOMEM;
    disk_init(&view->disk, &part_type, name, extent->count);
    view->disk.readonly = whole->readonly || !writable;
    view->disk.users = 1;
    view->whole = whole;
    view->extent = *extent;
    whole->users++;
    list_push_back(&parts, &view->disk.link);
    *part = &view->disk;
    return 0;
}
