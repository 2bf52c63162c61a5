/* SPDX-License-Identifier: MIT */
#include "pvguest/control/archive.h"

#include <stdint.h>
#include <xen/errno.h>

#include "lib/cpio.h"
#include "lib/string.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/start.h"

#define NAME_SLOTS 256

/* A regular file, found by its name. */
struct member {
    struct member *next;
    struct cpio_file file;
};

static struct member *slots[NAME_SLOTS];

/* Call `visit` for each regular file until it returns other than 0. */
static int visit_files(int (*visit)(const struct cpio_file *file, void *argument), void *argument)
{
    const void *archive;
    size_t size, offset = 0;
    struct cpio_file file;
    int status = 0;

    if (!guest_initrd(&archive, &size))
        return 0;
    while (status == 0 && cpio_next(archive, size, &offset, &file) == CPIO_FILE) {
        if (cpio_is_regular(&file))
            status = visit(&file, argument);
    }
    return status;
}

/* FNV-1a. */
static struct member **slot_of(const char *name)
{
    uint32_t hash = 2166136261u;

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return &slots[(hash ^ hash >> 16) % NAME_SLOTS];
}

static const struct member *find(const char *name)
{
    const struct member *member = *slot_of(name);

    while (member && strcmp(member->file.name, name) != 0)
        member = member->next;
    return member;
}

/* Of two of one name the first counts. */
static int enter(const struct cpio_file *file, void *argument)
{
    struct member **slot = slot_of(file->name);
    struct member *member;

    (void)argument;
    if (find(file->name))
        return 0;
    member = heap_allocate(sizeof *member);
    if (!member)
        return -XEN_ENOMEM;
    member->file = *file;
    member->next = *slot;
    *slot = member;
    return 0;
}

int archive_start(void)
{
    return visit_files(enter, NULL);
}

bool archive_find(const char *name, const void **data, size_t *size)
{
    const struct member *member = find(cpio_name(name));

    if (!member)
        return false;
    *data = member->file.data;
    *size = member->file.size;
    return true;
}

struct visit {
    archive_visit_t *function;
    void *argument;
};

static int visit_name(const struct cpio_file *file, void *argument)
{
    const struct visit *visit = argument;

    return visit->function(file->name, file->size, visit->argument);
}

int archive_visit(archive_visit_t *function, void *argument)
{
    struct visit visit = {.function = function, .argument = argument};

    return visit_files(visit_name, &visit);
}
