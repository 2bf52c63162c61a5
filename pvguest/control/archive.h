/* SPDX-License-Identifier: MIT */
/*
 * The control domain's archive: the cpio its initrd is, with configurations, kernels and disk
 * images. Read-only and there for ever; an absent initrd is an empty archive. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Once, before all else here: look through the archive, so that members are found by a table. */
int archive_start(void);

/* Find a member; a leading `/` of the name does not count. */
bool archive_find(const char *name, const void **data, size_t *size);

/* Call `visit` for each regular file in the archive's order until it returns other than 0. */
typedef int archive_visit_t(const char *name, size_t size, void *argument);
int archive_visit(archive_visit_t *visit, void *argument);
