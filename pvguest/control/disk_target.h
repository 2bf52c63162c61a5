/* SPDX-License-Identifier: MIT */
/*
 * What a configuration may name as a guest's disk:
 *     /dev/DISK                      a whole disk
 *     /dev/DISKn                     GPT partition n of it
 *     /dev/DISK@START+COUNT          an extent, in sectors of 512 bytes
 *     /dev/disk/by-partlabel/NAME    a partition by name
 *     /dev/disk/by-partuuid/GUID     a partition by its unique GUID
 *     anything else                  a file of the initial archive, copied to a RAM disk
 * with an optional prefix `phy:` or `file:`. Pure.
 */
#pragma once

#include <stdbool.h>

#include "pvguest/control/disk_extent.h"

#define DISK_TARGET_SIZE 64

enum disk_target_kind {
    DISK_TARGET_WHOLE,
    DISK_TARGET_NUMBER,
    DISK_TARGET_EXTENT,
    DISK_TARGET_NAME,
    DISK_TARGET_GUID,
    DISK_TARGET_FILE,
};

struct disk_target {
    enum disk_target_kind kind;
    char text[DISK_TARGET_SIZE]; /* disk, partition name, GUID or file */
    unsigned int number;
    struct disk_extent extent;
};

/* 0 or -XEN_EINVAL. */
int disk_target_parse(struct disk_target *target, const char *text);
