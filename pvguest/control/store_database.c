/* SPDX-License-Identifier: MIT */
#include "pvguest/control/store_database.h"

#include "lib/string.h"
#include "pvguest/control/store_connection.h"
#include "pvguest/control/store_observer.h"
#include <xen/errno.h>

static const char *const first_paths[] = {"/tool", "/local", "/local/domain"};

static const struct store_identity owner = {
    .domain = 0,
    .target = DOMID_INVALID,
    .privileged = true,
};

int store_database_init(struct store_database *database, const struct store_domain_hooks *hooks)
{
    int error = 0;

    memset(database, 0, sizeof(*database));
    store_accounts_init(&database->accounts);
    domain_table_init(&database->connections);
    database->hooks = hooks;
    error = store_places_init(&database->places);
    database->root = store_node_create("", 0);
    if (database->root == NULL || error) {
        store_database_destroy(database);
        return -XEN_ENOMEM;
    }
    database->root->permissions.count = 1;
    database->root->permissions.entries[0].access = STORE_ACCESS_READ;
    for (unsigned int i = 0; i < sizeof(first_paths) / sizeof(first_paths[0]) && !error; i++) {
        struct store_operation operation = {
            .type = STORE_OPERATION_MKDIR,
            .path = first_paths[i],
        };

        error = store_database_apply(database, &owner, &operation);
    }
    if (error)
        store_database_destroy(database);
    return error;
}

void store_database_destroy(struct store_database *database)
{
    store_accounts_destroy(&database->accounts);
    store_places_destroy(&database->places);
    store_node_release(database->root);
    database->root = NULL;
}

struct store_view store_database_view(struct store_database *database)
{
    return (struct store_view){
        .root = &database->root,
        .generation = &database->generation,
        .accounts = &database->accounts,
        .mentions = &database->mentions,
    };
}

/*
 * What is taken away must be looked at again to tell who could see it: the node as it was is kept,
 * with what is below it, until the events are queued.
 */
int store_database_apply(struct store_database *database, const struct store_identity *who,
                         const struct store_operation *operation)
{
    bool keep = operation->type == STORE_OPERATION_REMOVE ||
                operation->type == STORE_OPERATION_SET_PERMISSIONS;
    struct store_view view = store_database_view(database);
    struct store_node *before = keep ? store_tree_find(database->root, operation->path) : NULL;
    bool changed;
    int error;

    if (before != NULL)
        store_node_hold(before);
    error = store_tree_apply(&view, who, operation, &changed);
    if (!error && changed)
        store_observer_fire(database, operation->path, before,
                            operation->type == STORE_OPERATION_REMOVE);
    store_node_release(before);
    return error;
}

struct store_connection *store_database_connection(struct store_database *database, domid_t domain)
{
    struct domain_link *link = domain_table_find(&database->connections, domain);

    return link ? container_of(link, struct store_connection, link) : NULL;
}
