/* SPDX-License-Identifier: MIT */
/*
 * Reads a cpio archive in the "newc" format (magic 070701 or 070702) in memory. Pure; an archive
 * is not trusted, and what it says is checked against its size. Files keep lying in the archive.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpio_file {
    const char *name; /* as stored, see cpio_name; terminated */
    const void *data;
    uint64_t size;
    uint32_t mode; /* POSIX st_mode; see cpio_is_regular */
};

enum cpio_result {
    CPIO_FILE, /* *file is the next one */
    CPIO_END,  /* the trailer was reached */
    CPIO_BAD,  /* not a newc archive, or cut off */
};

/* Start with *offset = 0; it is moved to the next file. */
enum cpio_result cpio_next(const void *archive, size_t size, size_t *offset,
                           struct cpio_file *file);

/* A path as cpio_file.name has it: a leading "./" or "/" does not count. */
const char *cpio_name(const char *path);

static inline bool cpio_is_regular(const struct cpio_file *file)
{
    return (file->mode & 0170000) == 0100000;
}
