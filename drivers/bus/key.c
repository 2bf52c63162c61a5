/* SPDX-License-Identifier: MIT */
#include "drivers/bus/key.h"

#include "lib/format.h"
#include <stdarg.h>
#include <stdbool.h>
#include <xen/errno.h>

static int key_path(char *path, const char *directory, const char *key)
{
    int length = format_text(path, STORE_PATH_SIZE, "%s/%s", directory, key);

    return length < STORE_PATH_SIZE ? 0 : -XEN_E2BIG;
}

int bus_key_read_in(store_transaction_t transaction, const char *directory, const char *key,
                    char *buffer, size_t size)
{
    char path[STORE_PATH_SIZE];
    int error = key_path(path, directory, key);

    buffer[0] = '\0';
    return error ? error : store_read_in(transaction, path, buffer, size);
}

int bus_key_read(const char *directory, const char *key, char *buffer, size_t size)
{
    return bus_key_read_in(STORE_NO_TRANSACTION, directory, key, buffer, size);
}

int bus_key_read_unsigned(const char *directory, const char *key, uint64_t *value)
{
    char path[STORE_PATH_SIZE];
    int error = key_path(path, directory, key);

    return error ? error : store_read_unsigned(path, value);
}

uint64_t bus_key_read_optional(const char *directory, const char *key, uint64_t fallback)
{
    uint64_t value;

    return bus_key_read_unsigned(directory, key, &value) ? fallback : value;
}

static int key_write_va(store_transaction_t transaction, const char *directory, const char *key,
                        const char *format, va_list arguments)
{
    char path[STORE_PATH_SIZE], value[STORE_VALUE_SIZE];
    int error = key_path(path, directory, key);

    if (error)
        return error;
    if (format_text_va(value, sizeof(value), format, arguments) >= STORE_VALUE_SIZE)
        return -XEN_E2BIG;
    return store_write_in(transaction, path, value);
}

int bus_key_write(store_transaction_t transaction, const char *directory, const char *key,
                  const char *format, ...)
{
    va_list arguments;
    int error;

    va_start(arguments, format);
    error = key_write_va(transaction, directory, key, format, arguments);
    va_end(arguments);
    return error;
}

int bus_key_remove(store_transaction_t transaction, const char *directory, const char *key)
{
    char path[STORE_PATH_SIZE];
    int error = key_path(path, directory, key);

    return error ? error : store_remove_in(transaction, path);
}

/* One attempt: look for the anchor and write, in one transaction. */
static int write_anchored_once(const char *directory, const char *anchor, const char *key,
                               const char *value)
{
    char found[STORE_VALUE_SIZE];
    store_transaction_t transaction;
    int error = store_transaction_start(&transaction);

    if (error)
        return error;
    error = bus_key_read_in(transaction, directory, anchor, found, sizeof(found));
    if (!error)
        error = bus_key_write(transaction, directory, key, "%s", value);
    return store_transaction_finish(transaction, error);
}

int bus_key_write_anchored(const char *directory, const char *anchor, const char *key,
                           const char *format, ...)
{
    char value[STORE_VALUE_SIZE];
    va_list arguments;
    int error;

    va_start(arguments, format);
    format_text_va(value, sizeof(value), format, arguments);
    va_end(arguments);
    do {
        error = write_anchored_once(directory, anchor, key, value);
    } while (error == -XEN_EAGAIN);
    return error;
}

enum xenbus_state bus_state_read_in(store_transaction_t transaction, const char *directory)
{
    char path[STORE_PATH_SIZE];
    uint64_t state;

    if (directory[0] == '\0' || key_path(path, directory, "state") ||
        store_read_unsigned_in(transaction, path, &state) || state > XenbusStateReconfigured)
        return XenbusStateUnknown;
    return (enum xenbus_state)state;
}

enum xenbus_state bus_state_read(const char *directory)
{
    return bus_state_read_in(STORE_NO_TRANSACTION, directory);
}

const char *bus_state_name(enum xenbus_state state)
{
    static const char *const names[] = {
        [XenbusStateUnknown] = "Unknown",
        [XenbusStateInitialising] = "Initialising",
        [XenbusStateInitWait] = "InitWait",
        [XenbusStateInitialised] = "Initialised",
        [XenbusStateConnected] = "Connected",
        [XenbusStateClosing] = "Closing",
        [XenbusStateClosed] = "Closed",
        [XenbusStateReconfiguring] = "Reconfiguring",
        [XenbusStateReconfigured] = "Reconfigured",
    };

    return state <= XenbusStateReconfigured ? names[state] : "invalid";
}
