/* SPDX-License-Identifier: MIT */
/*
 * GUID partition tables, read only. Header and entry array are used only if both checksums are
 * right; a damaged primary table is replaced by the backup at the disk's end. Pure: the caller
 * supplies the routine that reads sectors, and a buffer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pvguest/control/disk_extent.h"

#define GPT_SECTOR_SIZE 512
/* The largest entry array that is accepted, and thus the buffer that a reader needs. */
#define GPT_TABLE_SIZE 16384
#define GPT_NAME_SIZE  37
#define GPT_GUID_SIZE  37

struct gpt_partition {
    unsigned int number; /* from 1 */
    struct disk_extent extent;
    char name[GPT_NAME_SIZE]; /* characters beyond ASCII become '?' */
    char guid[GPT_GUID_SIZE]; /* the unique one, lower case */
};

/* 0 or a negative errno. */
typedef int gpt_read_t(void *context, uint64_t sector, unsigned int count, void *buffer);

struct gpt_table {
    uint64_t sectors; /* of the whole disk */
    uint64_t first_usable, last_usable;
    uint32_t entry_count, entry_size;
    bool from_backup;
    uint8_t *entries; /* the caller's buffer of GPT_TABLE_SIZE bytes */
};

/*
 * Read the table of a disk of `sectors` sectors into `buffer` (GPT_TABLE_SIZE bytes).
 * 0; -XEN_ENOENT when there is no valid table; or the reader's error.
 */
int gpt_load(struct gpt_table *table, uint64_t sectors, gpt_read_t *read, void *context,
             void *buffer);

/* Partition `number` (from 1): 0, -XEN_ENOENT when unused, -XEN_EINVAL when it lies outside. */
int gpt_partition_get(const struct gpt_table *table, unsigned int number,
                      struct gpt_partition *partition);

/* The first partition with this name or unique GUID; GUIDs compare without regard to case. */
int gpt_find_name(const struct gpt_table *table, const char *name, struct gpt_partition *partition);
int gpt_find_guid(const struct gpt_table *table, const char *guid, struct gpt_partition *partition);
