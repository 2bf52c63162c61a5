/* SPDX-License-Identifier: MIT */
#include "pvguest/control/disk_open.h"

#include <xen/errno.h>

#include "lib/format.h"
#include "pvguest/control/archive.h"
#include "pvguest/control/disk_gpt.h"
#include "pvguest/control/disk_part.h"
#include "pvguest/control/disk_ram.h"
#include "pvguest/control/disk_target.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/page.h"

/* What a target turned out to be. */
struct location {
    struct disk *whole;
    struct disk_extent extent;
    char name[DISK_NAME_SIZE];
};

static int read_sectors(void *context, uint64_t sector, unsigned int count, void *buffer)
{
    return disk_transfer(context, DISK_READ, sector, buffer, count);
}

static int find_in_table(const struct gpt_table *table, const struct disk_target *target,
                         struct gpt_partition *partition)
{
    switch (target->kind) {
    case DISK_TARGET_NUMBER:
        return gpt_partition_get(table, target->number, partition);
    case DISK_TARGET_NAME:
        return gpt_find_name(table, target->text, partition);
    default:
        return gpt_find_guid(table, target->text, partition);
    }
}

/* Load a disk's table into a buffer that the caller frees with free_table(). */
static int load_table(struct disk *whole, struct gpt_table *table)
{
    void *buffer = page_allocate(page_order(GPT_TABLE_SIZE));
    int error;

    table->entries = buffer;
    if (buffer == NULL)
        return -XEN_ENOMEM;
    error = gpt_load(table, whole->sectors, read_sectors, whole, buffer);
    if (error == 0 && table->from_backup)
        notice("disk: %s: the partition table is damaged, its backup is used", whole->name);
    return error;
}

static void free_table(struct gpt_table *table)
{
    if (table->entries != NULL)
        page_free(table->entries, page_order(GPT_TABLE_SIZE));
}

/* Look a partition up in one disk's table. */
static int locate_partition(struct disk *whole, const struct disk_target *target,
                            struct location *location)
{
    struct gpt_partition partition;
    struct gpt_table table;
    int error = load_table(whole, &table);

    if (error == 0)
        error = find_in_table(&table, target, &partition);
    free_table(&table);
    if (error != 0)
        return error;
    location->whole = whole;
    location->extent = partition.extent;
    format_text(location->name, sizeof(location->name), "%s%u", whole->name, partition.number);
    return 0;
}

int disk_visit_partitions(struct disk *whole,
                          void (*visit)(const struct gpt_partition *partition, void *argument),
                          void *argument)
{
    struct gpt_partition partition;
    struct gpt_table table;
    int error = load_table(whole, &table);

    for (unsigned int number = 1; error == 0 && number <= table.entry_count; number++)
        if (gpt_partition_get(&table, number, &partition) == 0)
            visit(&partition, argument);
    free_table(&table);
    return error;
}

static void locate_whole(struct disk *whole, struct location *location)
{
    location->whole = whole;
    location->extent = (struct disk_extent){.start = 0, .count = whole->sectors};
    format_text(location->name, sizeof(location->name), "%s", whole->name);
}

/* RAM disks stay for ever, so that a guest that restarts finds what it wrote. */
static int locate_file(const char *file, struct location *location)
{
    struct disk *disk = disk_find(file);
    const void *data;
    size_t size;
    int error;

    if (disk == NULL) {
        if (!archive_find(file, &data, &size) || size == 0)
            return -XEN_ENOENT;
        error = disk_ram_create(file, data, size, &disk);
        if (error != 0)
            return error;
        disk->users = 1;
        disk_register(disk);
    }
    locate_whole(disk, location);
    return 0;
}

static int locate_anywhere(const struct disk_target *target, struct location *location)
{
    for (struct disk *disk = disk_first(); disk != NULL; disk = disk_next(disk))
        if (locate_partition(disk, target, location) == 0)
            return 0;
    return -XEN_ENOENT;
}

static int locate(const struct disk_target *target, struct location *location)
{
    struct disk *whole = disk_find(target->text);

    switch (target->kind) {
    case DISK_TARGET_FILE:
        return locate_file(target->text, location);
    case DISK_TARGET_NAME:
    case DISK_TARGET_GUID:
        return locate_anywhere(target, location);
    case DISK_TARGET_NUMBER:
        return whole != NULL ? locate_partition(whole, target, location) : -XEN_ENOENT;
    default:
        break;
    }
    if (whole == NULL)
        return -XEN_ENOENT;
    locate_whole(whole, location);
    if (target->kind == DISK_TARGET_EXTENT) {
        location->extent = target->extent;
        format_text(location->name, sizeof(location->name), "%s@%llu", whole->name,
                    (unsigned long long)target->extent.start);
    }
    return 0;
}

static bool have_real_disk(void)
{
    for (struct disk *disk = disk_first(); disk != NULL; disk = disk_next(disk))
        if (disk->is_real)
            return true;
    return false;
}

int disk_open(const char *text, const char *fallback, bool writable, struct disk **disk)
{
    struct disk_target target;
    struct location location;
    int error = disk_target_parse(&target, text);

    if (error != 0)
        return error;
    error = locate(&target, &location);
    if (error == -XEN_ENOENT && target.kind != DISK_TARGET_FILE && !have_real_disk()) {
        error = locate_file(fallback, &location);
        if (error == 0)
            notice("disk: there is no %s, the archive's %s serves instead", text, fallback);
    }
    if (error != 0)
        return error;
    if (writable && location.whole->readonly)
        return -XEN_EROFS;
    return disk_part_create(location.whole, &location.extent, location.name, writable, disk);
}
