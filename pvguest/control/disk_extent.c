/* SPDX-License-Identifier: MIT */
#include "pvguest/control/disk_extent.h"

#include <xen/errno.h>

bool disk_range_valid(uint64_t sector, uint64_t count, uint64_t limit)
{
    return sector <= limit && count <= limit - sector;
}

int disk_extent_translate(const struct disk_extent *extent, uint64_t sector, uint64_t count,
                          uint64_t *translated)
{
    if (!disk_range_valid(sector, count, extent->count))
        return -XEN_ERANGE;
    if (extent->start > UINT64_MAX - sector)
        return -XEN_ERANGE;
    *translated = extent->start + sector;
    return 0;
}

bool disk_extent_valid(const struct disk_extent *extent, uint64_t sectors)
{
    return extent->count > 0 && disk_range_valid(extent->start, extent->count, sectors);
}

bool disk_extents_overlap(const struct disk_extent *left, const struct disk_extent *right)
{
    const struct disk_extent *low = left->start <= right->start ? left : right;
    const struct disk_extent *high = low == left ? right : left;

    return high->start - low->start < low->count;
}
