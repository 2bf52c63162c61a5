/* SPDX-License-Identifier: MIT */
/*
 * From the words of a configuration to a disk: the real disk or its partition or extent, or a file
 * of the archive as a RAM disk. Every open is a view of its own; two views that overlap are refused
 * when one of them may write. Threads only.
 */
#pragma once

#include <stdbool.h>

#include "pvguest/control/disk.h"
#include "pvguest/control/disk_gpt.h"

/*
 * Open `target` (see disk_target.h). When it names a real disk and the machine has none, the
 * archive's file `fallback` serves instead, if there is one. 0, or a negative errno: -XEN_EINVAL
 * (no such syntax), -XEN_ENOENT, -XEN_EROFS, -XEN_EBUSY (in use), -XEN_ERANGE, -XEN_ENOMEM, or
 * the disk's. disk_close() ends it.
 */
int disk_open(const char *target, const char *fallback, bool writable, struct disk **disk);

/* Call `visit` for each partition of a disk; 0, -XEN_ENOENT without a table, or the disk's error.
 */
int disk_visit_partitions(struct disk *whole,
                          void (*visit)(const struct gpt_partition *partition, void *argument),
                          void *argument);
