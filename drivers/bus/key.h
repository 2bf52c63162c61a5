/* SPDX-License-Identifier: MIT */
/*
 * The keys of a device directory in the store, and the state key among them. No state of its own;
 * thread context only.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pvguest/kernel/store.h"
#include <xen/io/xenbus.h>

/* 0, or a negative Xen errno: -XEN_ENOENT when the key is missing, -XEN_EINVAL for no number. */
int bus_key_read(const char *directory, const char *key, char *buffer, size_t size);
int bus_key_read_in(store_transaction_t transaction, const char *directory, const char *key,
                    char *buffer, size_t size);
int bus_key_read_unsigned(const char *directory, const char *key, uint64_t *value);
/* A feature or other optional number: `fallback` when it is missing or not a number. */
uint64_t bus_key_read_optional(const char *directory, const char *key, uint64_t fallback);
int bus_key_write(store_transaction_t transaction, const char *directory, const char *key,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
int bus_key_remove(store_transaction_t transaction, const char *directory, const char *key);

/*
 * Write a key only where the directory still has the key `anchor`, which its maker wrote: a
 * directory that was removed meanwhile must not come back to life. -XEN_ENOENT then.
 */
int bus_key_write_anchored(const char *directory, const char *anchor, const char *key,
                           const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A missing or nonsensical state reads as XenbusStateUnknown. */
enum xenbus_state bus_state_read(const char *directory);
enum xenbus_state bus_state_read_in(store_transaction_t transaction, const char *directory);
const char *bus_state_name(enum xenbus_state state);
