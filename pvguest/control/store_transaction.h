/* SPDX-License-Identifier: MIT */
/*
 * Transactions: a snapshot, a version of its own, and a record of every operation. A commit is
 * refused (-XEN_EAGAIN) when a path that the transaction looked at or changed is not what it was
 * in the snapshot; otherwise the operations are done again on the main version, all or none.
 */
#pragma once

#include <stdint.h>

#include "pvguest/control/store_connection.h"
#include "pvguest/control/store_database.h"

struct store_transaction {
    struct list link;
    uint32_t id;
    struct store_node *base, *root;
    struct store_usage usage;
    struct list records;
    unsigned int record_count;
    size_t record_bytes;
};

int store_transaction_begin(struct store_connection *connection, uint32_t *id);

/* The connection's transaction of this number, or NULL. */
struct store_transaction *store_transaction_find(struct store_connection *connection, uint32_t id);

/* Note that a path was looked at. */
int store_transaction_read(struct store_connection *connection,
                           struct store_transaction *transaction, const char *path);

/* Do a changing operation in the transaction's version. */
int store_transaction_apply(struct store_connection *connection,
                            struct store_transaction *transaction,
                            const struct store_operation *operation);

/* Both end the transaction. */
int store_transaction_commit(struct store_connection *connection,
                             struct store_transaction *transaction);
void store_transaction_abort(struct store_connection *connection,
                             struct store_transaction *transaction);

void store_transaction_abort_all(struct store_connection *connection);
