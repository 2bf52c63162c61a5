/* SPDX-License-Identifier: MIT */
/*
 * An extent: `count` sectors of a disk from `start` on. Pure arithmetic, safe against overflow; it
 * is what keeps a guest inside its own part of a disk.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct disk_extent {
    uint64_t start;
    uint64_t count;
};

/* Whether `count` sectors from `sector` on lie within a range of `limit` sectors. */
bool disk_range_valid(uint64_t sector, uint64_t count, uint64_t limit);

/*
 * Translate a transfer of `count` sectors at `sector` of the extent to the underlying disk.
 * 0, or -XEN_ERANGE when any of it lies outside; *translated is then unchanged.
 */
int disk_extent_translate(const struct disk_extent *extent, uint64_t sector, uint64_t count,
                          uint64_t *translated);

/* Whether the extent is not empty and lies within a disk of `sectors` sectors. */
bool disk_extent_valid(const struct disk_extent *extent, uint64_t sectors);

/* Whether two valid extents have a sector in common. */
bool disk_extents_overlap(const struct disk_extent *left, const struct disk_extent *right);
