/* SPDX-License-Identifier: MIT */
/*
 * Block devices of the control domain. A `struct disk` is anything that takes requests in sectors
 * of 512 bytes: a virtio device, a part of another disk, a RAM disk. disk_submit() is the one gate:
 * it checks range and rights of every request before the device sees it.
 *
 * Threads only, never event handlers. A request belongs to the disk from a successful
 * disk_submit() until its `done` is called, once, in a thread; `done` may be called before
 * disk_submit() returns. Memory that a request names stays untouched by its owner meanwhile,
 * because a device may be writing to it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/list.h"

#define DISK_SECTOR_SHIFT 9
#define DISK_SECTOR_SIZE  (1u << DISK_SECTOR_SHIFT)
#define DISK_SEGMENTS_MAX 11
#define DISK_NAME_SIZE    40

enum disk_operation { DISK_READ, DISK_WRITE, DISK_FLUSH };

/* A piece of memory, contiguous for the device and mapped for us; whole sectors. */
struct disk_segment {
    void *address;
    uint64_t machine_address;
    uint32_t size;
};

struct disk_request {
    enum disk_operation operation;
    uint64_t sector; /* moves to the underlying disk's numbering on its way down */
    unsigned int segment_count;
    struct disk_segment segments[DISK_SEGMENTS_MAX];
    void (*done)(struct disk_request *request, int status);
    void *argument;   /* the submitter's */
    struct list link; /* the disk's while the request is with it */
};

struct disk;

struct disk_type {
    const char *name;
    int (*submit)(struct disk *disk, struct disk_request *request);
    void (*destroy)(struct disk *disk);
};

struct disk {
    const struct disk_type *type;
    char name[DISK_NAME_SIZE];
    uint64_t sectors;
    bool readonly;
    bool is_real;           /* a device, not memory */
    unsigned int users;     /* views and back ends that have it open */
    uint64_t refused_count; /* requests outside the disk or against its rights */
    struct list link;
};

/* Fill the general part. The caller has zeroed the structure and sets `readonly` if it applies. */
void disk_init(struct disk *disk, const struct disk_type *type, const char *name, uint64_t sectors);

/* A real or RAM disk becomes visible to disk_find() under its name. */
void disk_register(struct disk *disk);
struct disk *disk_find(const char *name);

/* Registered disks in order of registration; NULL ends. */
struct disk *disk_first(void);
struct disk *disk_next(const struct disk *disk);

/* 0 and `done` is or will be called; or a negative errno (logged) and it never is. */
int disk_submit(struct disk *disk, struct disk_request *request);

/* Bytes that the request transfers. */
uint64_t disk_request_size(const struct disk_request *request);

/* Wait for one transfer between `count` sectors and page-aligned memory of ours; 0 or an errno. */
int disk_transfer(struct disk *disk, enum disk_operation operation, uint64_t sector, void *buffer,
                  unsigned int count);

/* Give a disk back that disk_open() or disk_part_create() returned. */
void disk_close(struct disk *disk);
