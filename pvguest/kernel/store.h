/* SPDX-License-Identifier: MIT */
/*
 * The store client: the same calls in every domain. In a guest they travel through the ring of
 * start_info; in the control domain straight to the server in the same kernel (the two transports
 * are chosen at link time, see store_transport.h).
 *
 * Owns: requests in flight and registered watches. Every call may be made from any thread, blocks
 * that thread only, and must not be made from an event handler. All functions return 0 or a
 * negative Xen errno. A path that does not begin with '/' is relative to /local/domain/<own id>.
 * The connection is made by the first call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/list.h"
#include <xen/xen.h>

/* Long enough for every path and value that drivers and the control domain make themselves. */
#define STORE_PATH_SIZE  256
#define STORE_VALUE_SIZE 256

/* Value as text, always terminated; -XEN_E2BIG when it does not fit (buffer is then empty). */
int store_read(const char *path, char *buffer, size_t size);
/* Value as an unsigned number; -XEN_EINVAL when it is not one. */
int store_read_unsigned(const char *path, uint64_t *value);
int store_write(const char *path, const char *value);
int store_format(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
int store_mkdir(const char *path);
/* Remove the node and all below; 0 also when it does not exist but its parent does. */
int store_remove(const char *path);
/* The new permissions as words, owner first: "n0 r5" = owner 0, others nothing, domain 5 reads. */
int store_set_permissions(const char *path, const char *permissions);

/*
 * Call `visit` with the name of each child; of any number, though it takes several messages then.
 * The list is complete before the first call, so `visit` may use the store. It stops at the first
 * non-zero answer and returns that.
 */
typedef int store_visit_t(const char *name, void *argument);
int store_directory(const char *path, store_visit_t *visit, void *argument);

/* Whether the store serves this domain: false before its introduction and after its end. */
int store_domain_introduced(domid_t domain, bool *introduced);

/*
 * Transactions: the calls above on a snapshot, visible to others only after a successful end.
 * store_transaction_end(.., true) answers -XEN_EAGAIN when something the transaction used was
 * changed meanwhile: start again. The usual loop:
 *     do {
 *         if ((error = store_transaction_start(&transaction)))
 *             return error;
 *         error = ...store_write_in(transaction, ...)...;
 *         error = store_transaction_finish(transaction, error);
 *     } while (error == -XEN_EAGAIN);
 */
typedef uint32_t store_transaction_t;
#define STORE_NO_TRANSACTION 0u

int store_transaction_start(store_transaction_t *transaction);
int store_transaction_end(store_transaction_t transaction, bool commit);
/* Commit when error is 0 (returns the commit's result), else abort and return `error`. */
int store_transaction_finish(store_transaction_t transaction, int error);

int store_read_in(store_transaction_t transaction, const char *path, char *buffer, size_t size);
int store_read_unsigned_in(store_transaction_t transaction, const char *path, uint64_t *value);
int store_write_in(store_transaction_t transaction, const char *path, const char *value);
int store_format_in(store_transaction_t transaction, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int store_mkdir_in(store_transaction_t transaction, const char *path);
int store_remove_in(store_transaction_t transaction, const char *path);
int store_set_permissions_in(store_transaction_t transaction, const char *path,
                             const char *permissions);
int store_directory_in(store_transaction_t transaction, const char *path, store_visit_t *visit,
                       void *argument);

/*
 * Watches. `function` is called in the store's watch thread, once soon after registration (with
 * the watched path) and after every change of the path or of anything below it, with the path that
 * changed (relative when the watched path was). Calls may be spurious or stand for several changes:
 * look at the present state, do not count. The function may use the store, block, and register or
 * end watches, but while it runs no other watch function does.
 *
 * `struct store_watch` is the caller's storage and belongs to the store from store_watch() to
 * store_unwatch(). The path is copied. After store_unwatch() has returned no call is running
 * (unless it is the one that called it) or will come.
 */
typedef void store_watch_function_t(const char *path, void *argument);

struct store_watch {
    struct list link;
    char *path;
    store_watch_function_t *function;
    void *argument;
    uint32_t token;
};

int store_watch(struct store_watch *watch, const char *path, store_watch_function_t *function,
                void *argument);
int store_unwatch(struct store_watch *watch);
