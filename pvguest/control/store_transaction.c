/* SPDX-License-Identifier: MIT */
#include "pvguest/control/store_transaction.h"

#include "lib/string.h"
#include "pvguest/control/store_quota.h"
#include "pvguest/kernel/heap.h"
#include <xen/errno.h>

/* An operation with its own copy of path and value. */
struct record {
    struct list link;
    struct store_operation operation;
    char storage[];
};

struct store_transaction *store_transaction_find(struct store_connection *connection, uint32_t id)
{
    list_for_each(position, &connection->transactions)
    {
        struct store_transaction *transaction =
            container_of(position, struct store_transaction, link);

        if (transaction->id == id)
            return transaction;
    }
    return NULL;
}

static uint32_t number_new(struct store_connection *connection)
{
    uint32_t *last = &connection->database->last_transaction;

    do {
        ++*last;
    } while (*last == 0 || store_transaction_find(connection, *last));
    return *last;
}

int store_transaction_begin(struct store_connection *connection, uint32_t *id)
{
    struct store_database *database = connection->database;
    struct store_account *account;
    struct store_transaction *transaction;

    if (!connection->who.privileged && connection->transaction_count >= STORE_QUOTA_TRANSACTIONS)
        return -XEN_ENOSPC;
    transaction = heap_allocate_zeroed(sizeof(*transaction));
    if (transaction == NULL)
        return -XEN_ENOMEM;
    transaction->id = *id = number_new(connection);
    transaction->base = store_node_hold(database->root);
    transaction->root = store_node_hold(database->root);
    list_init(&transaction->records);
    account = store_account_find(&database->accounts, connection->who.domain);
    if (account != NULL)
        transaction->usage = account->usage;
    list_push_back(&connection->transactions, &transaction->link);
    connection->transaction_count++;
    return 0;
}

static struct record *record_create(const struct store_operation *operation)
{
    size_t path_size = strlen(operation->path) + 1;
    struct record *record = heap_allocate(sizeof(*record) + path_size + operation->value_size);

    if (record == NULL)
        return NULL;
    record->operation = *operation;
    record->operation.path = record->storage;
    record->operation.value = record->storage + path_size;
    memcpy(record->storage, operation->path, path_size);
    if (operation->value_size > 0)
        memcpy(record->storage + path_size, operation->value, operation->value_size);
    return record;
}

static int record_add(struct store_connection *connection, struct store_transaction *transaction,
                      const struct store_operation *operation, struct record **added)
{
    size_t bytes = sizeof(struct record) + strlen(operation->path) + 1 + operation->value_size;
    bool full = transaction->record_count >= STORE_QUOTA_TRANSACTION_OPERATIONS ||
                transaction->record_bytes + bytes > STORE_QUOTA_TRANSACTION_BYTES;

    if (full && !connection->who.privileged)
        return -XEN_ENOSPC;
    *added = record_create(operation);
    if (*added == NULL)
        return -XEN_ENOMEM;
    list_push_back(&transaction->records, &(*added)->link);
    transaction->record_count++;
    transaction->record_bytes += bytes;
    return 0;
}

int store_transaction_read(struct store_connection *connection,
                           struct store_transaction *transaction, const char *path)
{
    struct store_operation operation = {.type = STORE_OPERATION_READ, .path = path};
    struct record *record;

    list_for_each(position, &transaction->records)
    {
        if (strcmp(container_of(position, struct record, link)->operation.path, path) == 0)
            return 0;
    }
    return record_add(connection, transaction, &operation, &record);
}

int store_transaction_apply(struct store_connection *connection,
                            struct store_transaction *transaction,
                            const struct store_operation *operation)
{
    struct store_view view = {
        .root = &transaction->root,
        .generation = &connection->database->generation,
        .counted = connection->who.domain,
        .usage = &transaction->usage,
    };
    struct record *record;
    bool changed;
    int error = record_add(connection, transaction, operation, &record);

    if (error)
        return error;
    error = store_tree_apply(&view, &connection->who, operation, &changed);
    /* Its answer was information nevertheless. */
    if (error || !changed)
        record->operation.type = STORE_OPERATION_READ;
    return error;
}

static uint64_t generation_of(struct store_node *root, const char *path)
{
    struct store_node *node = store_tree_find(root, path);

    return node != NULL ? node->generation + 1 : 0;
}

static bool conflicts(const struct store_database *database,
                      const struct store_transaction *transaction)
{
    if (transaction->base == database->root)
        return false;
    list_for_each(position, &transaction->records)
    {
        const char *path = container_of(position, struct record, link)->operation.path;

        if (generation_of(transaction->base, path) != generation_of(database->root, path))
            return true;
    }
    return false;
}

/* All records or none; events of a commit that fails half way are spurious, which is allowed. */
static int replay(struct store_connection *connection, struct store_transaction *transaction)
{
    struct store_database *database = connection->database;
    struct store_node *before = store_node_hold(database->root);
    int error = 0;

    store_accounts_save(&database->accounts);
    list_for_each(position, &transaction->records)
    {
        struct record *record = container_of(position, struct record, link);

        if (record->operation.type == STORE_OPERATION_READ)
            continue;
        error = store_database_apply(database, &connection->who, &record->operation);
        if (error)
            break;
    }
    if (error) {
        store_node_release(database->root);
        database->root = store_node_hold(before);
        store_accounts_restore(&database->accounts);
        database->mentions.unknown = true;
    }
    store_node_release(before);
    return error;
}

int store_transaction_commit(struct store_connection *connection,
                             struct store_transaction *transaction)
{
    int error = conflicts(connection->database, transaction) ? -XEN_EAGAIN
                                                             : replay(connection, transaction);

    store_transaction_abort(connection, transaction);
    return error;
}

void store_transaction_abort(struct store_connection *connection,
                             struct store_transaction *transaction)
{
    list_for_each_safe(position, following, &transaction->records)
    {
        heap_free(container_of(position, struct record, link));
    }
    store_node_release(transaction->base);
    store_node_release(transaction->root);
    list_remove(&transaction->link);
    connection->transaction_count--;
    heap_free(transaction);
}

void store_transaction_abort_all(struct store_connection *connection)
{
    list_for_each_safe(position, following, &connection->transactions)
    {
        store_transaction_abort(connection, container_of(position, struct store_transaction, link));
    }
}
