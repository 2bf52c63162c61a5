/* SPDX-License-Identifier: MIT */
#include "pvguest/control/archive.h"

#include "lib/cpio.h"
#include "pvguest/kernel/start.h"

bool archive_find(const char *name, const void **data, size_t *size)
{
    const void *archive;
    size_t archive_size;
    struct cpio_file file;

    if (!guest_initrd(&archive, &archive_size) || !cpio_find(archive, archive_size, name, &file))
        return false;
    *data = file.data;
    *size = file.size;
    return true;
}

int archive_visit(archive_visit_t *visit, void *argument)
{
    const void *archive;
    size_t archive_size, offset = 0;
    struct cpio_file file;
    int status = 0;

    if (!guest_initrd(&archive, &archive_size))
        return 0;
    while (status == 0 && cpio_next(archive, archive_size, &offset, &file) == CPIO_FILE) {
        if (cpio_is_regular(&file))
            status = visit(file.name, file.size, argument);
    }
    return status;
}
