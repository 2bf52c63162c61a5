/* SPDX-License-Identifier: MIT */
#include "pvguest/control/entry_writer.h"

#include <stdarg.h>
#include <xen/errno.h>

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"

void entry_prefix(struct entry_writer *writer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    format_text_va(writer->prefix, sizeof writer->prefix, format, arguments);
    va_end(arguments);
}

/* The prefix and, below it, the key; an empty one is the prefix itself. */
static void path_of(const struct entry_writer *writer, const char *key, char path[STORE_PATH_SIZE])
{
    size_t length = strlen(writer->prefix);

    memcpy(path, writer->prefix, length);
    if (*key)
        path[length++] = '/';
    text_copy(path + length, key, STORE_PATH_SIZE - length);
}

void entry_put(struct entry_writer *writer, const char *key, const char *format, ...)
{
    char path[STORE_PATH_SIZE], value[MAX_GUEST_CMDLINE];
    va_list arguments;

    if (writer->status)
        return;
    path_of(writer, key, path);
    va_start(arguments, format);
    format_text_va(value, sizeof value, format, arguments);
    va_end(arguments);
    writer->status = store_write_in(writer->transaction, path, value);
}

/* An empty directory, or an existing node, that belongs to `owner` and `reader` may read. */
void entry_directory(struct entry_writer *writer, const char *key, domid_t owner, domid_t reader)
{
    char path[STORE_PATH_SIZE], permissions[32];

    if (writer->status)
        return;
    path_of(writer, key, path);
    format_text(permissions, sizeof permissions, "n%u r%u", owner, reader);
    writer->status = store_mkdir_in(writer->transaction, path);
    if (!writer->status)
        writer->status = store_set_permissions_in(writer->transaction, path, permissions);
}

void entry_own_directory(struct entry_writer *writer, const char *key)
{
    entry_directory(writer, key, writer->domain, 0);
}

int entry_transact(domid_t domain, void (*write)(struct entry_writer *writer, const void *argument),
                   const void *argument)
{
    struct entry_writer writer = {.domain = domain};
    int status;

    do {
        status = store_transaction_start(&writer.transaction);
        if (status)
            return status;
        writer.status = 0;
        write(&writer, argument);
        status = store_transaction_finish(writer.transaction, writer.status);
    } while (status == -XEN_EAGAIN);
    return status;
}
