/* SPDX-License-Identifier: MIT */
/*
 * Writing many entries into the store such that a list of entries reads as a list: the first error
 * is remembered and makes what follows do nothing. Threads only.
 */
#pragma once

#include <stdint.h>
#include <xen/xen.h>

#include "pvguest/kernel/store.h"

struct entry_writer {
    store_transaction_t transaction; /* or STORE_NO_TRANSACTION */
    domid_t domain;                  /* whom the entries are about */
    int status;
    char prefix[64]; /* in front of every key */
};

void entry_prefix(struct entry_writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void entry_put(struct entry_writer *writer, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An empty directory, or an existing node, that belongs to `owner` and `reader` may read. */
void entry_directory(struct entry_writer *writer, const char *key, domid_t owner, domid_t reader);

/* One that belongs to the domain, and this domain may read. */
void entry_own_directory(struct entry_writer *writer, const char *key);

/* Write in one transaction, again while somebody else changed the same. 0 or a negative errno. */
int entry_transact(domid_t domain, void (*write)(struct entry_writer *writer, const void *argument),
                   const void *argument);
