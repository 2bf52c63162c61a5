/* SPDX-License-Identifier: MIT */
/*
 * A part of a disk as a disk of its own: the partitioned device of the theory. Every request is
 * checked against the part's extent and moved to the underlying disk's numbering. Threads only.
 */
#pragma once

#include "pvguest/control/disk.h"
#include "pvguest/control/disk_extent.h"

/*
 * Make a view of `extent` of `whole`, which it keeps open. -XEN_ERANGE when the extent lies
 * outside, -XEN_EBUSY when it overlaps another view and one of the two may write, -XEN_ENOMEM.
 * disk_close() ends it.
 */
int disk_part_create(struct disk *whole, const struct disk_extent *extent, const char *name,
                     bool writable, struct disk **part);
