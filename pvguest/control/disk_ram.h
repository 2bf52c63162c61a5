/* SPDX-License-Identifier: MIT */
/*
 * A disk in memory: a copy of a file, lost when the domain ends. Requests finish inside
 * disk_submit(). Threads only.
 */
#pragma once

#include "pvguest/control/disk.h"

/*
 * Make a RAM disk of `size` bytes (rounded up to whole sectors) that begins as a copy of `data`.
 * -XEN_ENOMEM. It is not registered; users starts at 0, so that it outlives whoever closes it
 * only when the creator counted itself in.
 */
int disk_ram_create(const char *name, const void *data, size_t size, struct disk **disk);
