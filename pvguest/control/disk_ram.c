/* SPDX-License-Identifier: MIT */
#include "pvguest/control/disk_ram.h"

#include <xen/errno.h>

#include "lib/string.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/page.h"

struct disk_ram {
    struct disk disk;
    size_t page_count;
    uint8_t **pages;
};

/* Copy between the segment and the disk from byte `offset` on, page by page. */
static void copy_segment(struct disk_ram *ram, enum disk_operation operation, uint64_t offset,
                         const struct disk_segment *segment)
{
    uint8_t *memory = segment->address;
    uint32_t left = segment->size;

    while (left > 0) {
        uint64_t within = offset % PAGE_SIZE;
        uint32_t part = left < PAGE_SIZE - within ? left : (uint32_t)(PAGE_SIZE - within);
        uint8_t *stored = ram->pages[offset / PAGE_SIZE] + within;

        if (operation == DISK_READ)
            memcpy(memory, stored, part);
        else
            memcpy(stored, memory, part);
        memory += part;
        offset += part;
        left -= part;
    }
}

static int ram_submit(struct disk *disk, struct disk_request *request)
{
    struct disk_ram *ram = container_of(disk, struct disk_ram, disk);
    uint64_t offset = request->sector << DISK_SECTOR_SHIFT;

    if (request->operation != DISK_FLUSH) {
        for (unsigned int i = 0; i < request->segment_count; i++) {
            copy_segment(ram, request->operation, offset, &request->segments[i]);
            offset += request->segments[i].size;
        }
    }
    request->done(request, 0);
    return 0;
}

static void ram_destroy(struct disk *disk)
{
    struct disk_ram *ram = container_of(disk, struct disk_ram, disk);

    list_remove(&disk->link);
    for (size_t i = 0; i < ram->page_count; i++)
        page_free(ram->pages[i], 0);
    heap_free(ram->pages);
    heap_free(ram);
}

static const struct disk_type ram_type = {"ram", ram_submit, ram_destroy};

static bool ram_fill(struct disk_ram *ram, const uint8_t *data, size_t size, size_t page_count)
{
    for (; ram->page_count < page_count; ram->page_count++) {
        size_t part = size < PAGE_SIZE ? size : PAGE_SIZE;
        uint8_t *page = page_allocate(0);

        if (page == NULL)
            return false;
        memcpy(page, data, part);
        data += part;
        size -= part;
        ram->pages[ram->page_count] = page;
    }
    return true;
}

int disk_ram_create(const char *name, const void *data, size_t size, struct disk **disk)
{
    size_t page_count = (size + PAGE_SIZE - 1) / PAGE_SIZE;
    struct disk_ram *ram = heap_allocate_zeroed(sizeof(*ram));

    if (ram == NULL)
        return -XEN_ENOMEM;
    disk_init(&ram->disk, &ram_type, name, (size + DISK_SECTOR_SIZE - 1) >> DISK_SECTOR_SHIFT);
    ram->pages = heap_allocate_zeroed(page_count * sizeof(*ram->pages));
    if (ram->pages == NULL || !ram_fill(ram, data, size, page_count)) {
        if (ram->pages == NULL)
            ram->page_count = 0;
        ram_destroy(&ram->disk);
        return -XEN_ENOMEM;
    }
    *disk = &ram->disk;
    return 0;
}
