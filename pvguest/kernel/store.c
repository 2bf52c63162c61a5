/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/store.h"

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/store_message.h"
#include <stdarg.h>
#include <xen/errno.h>

/* A request whose payload is one string. */
static int exchange_text(uint32_t type, store_transaction_t transaction, const char *text,
                         char **reply, size_t *size)
{
    struct store_piece piece = {text, strlen(text) + 1};

    return store_message_exchange(type, transaction, &piece, 1, reply, size);
}

int store_read_in(store_transaction_t transaction, const char *path, char *buffer, size_t size)
{
    size_t length;
    char *reply;
    int error = exchange_text(XS_READ, transaction, path, &reply, &length);

    buffer[0] = '\0';
    if (error)
        return error;
    if (length >= size)
        error = -XEN_E2BIG;
    else
        memcpy(buffer, reply, length + 1);
    heap_free(reply);
    return error;
}

int store_read_unsigned_in(store_transaction_t transaction, const char *path, uint64_t *value)
{
    char text[24];
    const char *cursor = text;
    uint64_t number;
    int error = store_read_in(transaction, path, text, sizeof(text));

    if (error)
        return error == -XEN_E2BIG ? -XEN_EINVAL : error;
    if (!text_parse_unsigned(&cursor, &number) || *cursor != '\0')
        return -XEN_EINVAL;
    *value = number;
    return 0;
}

int store_write_in(store_transaction_t transaction, const char *path, const char *value)
{
    struct store_piece pieces[] = {
        {path, strlen(path) + 1},
        {value, strlen(value)},
    };

    return store_message_exchange(XS_WRITE, transaction, pieces, 2, NULL, NULL);
}

static int format_va(store_transaction_t transaction, const char *path, const char *format,
                     va_list arguments)
{
    char value[STORE_VALUE_SIZE];
    int length = format_text_va(value, sizeof(value), format, arguments);

    if (length < 0 || (size_t)length >= sizeof(value))
        return -XEN_E2BIG;
    return store_write_in(transaction, path, value);
}

int store_format_in(store_transaction_t transaction, const char *path, const char *format, ...)
{
    va_list arguments;
    int error;

    va_start(arguments, format);
    error = format_va(transaction, path, format, arguments);
    va_end(arguments);
    return error;
}

int store_format(const char *path, const char *format, ...)
{
    va_list arguments;
    int error;

    va_start(arguments, format);
    error = format_va(STORE_NO_TRANSACTION, path, format, arguments);
    va_end(arguments);
    return error;
}

int store_mkdir_in(store_transaction_t transaction, const char *path)
{
    return exchange_text(XS_MKDIR, transaction, path, NULL, NULL);
}

int store_remove_in(store_transaction_t transaction, const char *path)
{
    return exchange_text(XS_RM, transaction, path, NULL, NULL);
}

int store_set_permissions_in(store_transaction_t transaction, const char *path,
                             const char *permissions)
{
    char text[STORE_VALUE_SIZE];
    struct store_piece pieces[] = {
        {path, strlen(path) + 1},
        {text, strlen(permissions) + 1},
    };

    if (!text_copy(text, permissions, sizeof(text)))
        return -XEN_E2BIG;
    for (char *blank = text; (blank = strchr(blank, ' ')) != NULL; blank++)
        *blank = '\0';
    return store_message_exchange(XS_SET_PERMS, transaction, pieces, 2, NULL, NULL);
}

static int visit_names(const char *names, size_t size, store_visit_t *visit, void *argument)
{
    int answer = 0;

    for (size_t position = 0; position < size && !answer;) {
        const char *name = names + position;

        if (*name != '\0')
            answer = visit(name, argument);
        position += strlen(name) + 1;
    }
    return answer;
}

/* Names put together from several messages. */
struct names {
    char *data;
    size_t size;
    char generation[24];
};

static int names_append(struct names *names, const char *data, size_t size)
{
    char *grown = heap_allocate(names->size + size + 1);

    if (grown == NULL)
        return -XEN_ENOMEM;
    if (names->size > 0)
        memcpy(grown, names->data, names->size);
    memcpy(grown + names->size, data, size);
    names->size += size;
    grown[names->size] = '\0';
    heap_free(names->data);
    names->data = grown;
    return 0;
}

/* One part; *last tells whether the end of the list was in it. -XEN_EAGAIN: the list changed. */
static int names_get_part(struct names *names, store_transaction_t transaction, const char *path,
                          bool *last)
{
    char offset[24];
    struct store_piece pieces[] = {
        {path, strlen(path) + 1},
        {offset, (size_t)format_text(offset, sizeof(offset), "%zu", names->size) + 1},
    };
    size_t size, head;
    char *reply;
    int error = store_message_exchange(XS_DIRECTORY_PART, transaction, pieces, 2, &reply, &size);

    if (error)
        return error;
    head = strlen(reply) + 1;
    error = -XEN_EIO;
    if (head >= size || head > sizeof(names->generation))
        goto free;
    error = -XEN_EAGAIN;
    if (names->size == 0)
        memcpy(names->generation, reply, head);
    else if (strcmp(names->generation, reply) != 0)
        goto free;
    *last = reply[size - 1] == '\0' && (size - 1 == head || reply[size - 2] == '\0');
    error = names_append(names, reply + head, size - head);
free:
    heap_free(reply);
    return error;
}

static int directory_parts(store_transaction_t transaction, const char *path, struct names *names)
{
    bool last = false;
    int error = 0;

    while (!last && !error) {
        error = names_get_part(names, transaction, path, &last);
        if (error == -XEN_EAGAIN) {
            names->size = 0;
            error = 0;
        }
    }
    return error;
}

int store_directory_in(store_transaction_t transaction, const char *path, store_visit_t *visit,
                       void *argument)
{
    struct names names = {.data = NULL};
    int error = exchange_text(XS_DIRECTORY, transaction, path, &names.data, &names.size);

    if (error == -XEN_E2BIG) {
        names = (struct names){.data = NULL};
        error = directory_parts(transaction, path, &names);
    }
    if (!error)
        error = visit_names(names.data, names.size, visit, argument);
    heap_free(names.data);
    return error;
}

int store_transaction_start(store_transaction_t *transaction)
{
    const char *cursor;
    uint64_t number;
    size_t size;
    char *reply;
    int error = exchange_text(XS_TRANSACTION_START, STORE_NO_TRANSACTION, "", &reply, &size);

    if (error)
        return error;
    cursor = reply;
    if (text_parse_unsigned(&cursor, &number))
        *transaction = (store_transaction_t)number;
    else
        error = -XEN_EIO;
    heap_free(reply);
    return error;
}

int store_transaction_end(store_transaction_t transaction, bool commit)
{
    return exchange_text(XS_TRANSACTION_END, transaction, commit ? "T" : "F", NULL, NULL);
}

int store_transaction_finish(store_transaction_t transaction, int error)
{
    int end_error = store_transaction_end(transaction, error == 0);

    return error ? error : end_error;
}

int store_domain_introduced(domid_t domain, bool *introduced)
{
    char text[8], *reply;
    size_t size;
    int error;

    format_text(text, sizeof(text), "%u", domain);
    error = exchange_text(XS_IS_DOMAIN_INTRODUCED, STORE_NO_TRANSACTION, text, &reply, &size);
    if (error)
        return error;
    *introduced = reply[0] == 'T';
    heap_free(reply);
    return 0;
}

int store_read(const char *path, char *buffer, size_t size)
{
    return store_read_in(STORE_NO_TRANSACTION, path, buffer, size);
}

int store_read_unsigned(const char *path, uint64_t *value)
{
    return store_read_unsigned_in(STORE_NO_TRANSACTION, path, value);
}

int store_write(const char *path, const char *value)
{
    return store_write_in(STORE_NO_TRANSACTION, path, value);
}

int store_mkdir(const char *path)
{
    return store_mkdir_in(STORE_NO_TRANSACTION, path);
}

int store_remove(const char *path)
{
    return store_remove_in(STORE_NO_TRANSACTION, path);
}

int store_set_permissions(const char *path, const char *permissions)
{
    return store_set_permissions_in(STORE_NO_TRANSACTION, path, permissions);
}

int store_directory(const char *path, store_visit_t *visit, void *argument)
{
    return store_directory_in(STORE_NO_TRANSACTION, path, visit, argument);
}
