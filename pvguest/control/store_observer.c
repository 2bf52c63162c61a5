/* SPDX-License-Identifier: MIT */
#include "pvguest/control/store_observer.h"

#include "lib/string.h"
#include "pvguest/control/store_connection.h"
#include "pvguest/control/store_quota.h"
#include "pvguest/kernel/heap.h"
#include <xen/errno.h>

static struct store_observer *observer_find(struct store_connection *connection, const char *path,
                                            const char *token)
{
    list_for_each(position, &connection->observers)
    {
        struct store_observer *observer = container_of(position, struct store_observer, link);

        if (strcmp(observer->path, path) == 0 && strcmp(observer->token, token) == 0)
            return observer;
    }
    return NULL;
}

static void observer_notify(struct store_connection *connection, struct store_observer *observer,
                            const char *path)
{
    if (observer->missed ||
        !store_connection_add_event(connection, path + observer->base, observer->token))
        observer->missed = connection->missed = true;
}

int store_observer_add(struct store_connection *connection, const char *path, size_t base,
                       const char *token)
{
    size_t path_size = strlen(path) + 1, token_size = strlen(token) + 1;
    struct store_observer *observer;

    if (token_size > STORE_QUOTA_TOKEN)
        return -XEN_E2BIG;
    if (observer_find(connection, path, token))
        return -XEN_EEXIST;
    if (!connection->who.privileged && connection->observer_count >= STORE_QUOTA_WATCHES)
        return -XEN_ENOSPC;
    observer = heap_allocate(sizeof(*observer) + token_size + path_size);
    if (observer == NULL)
        return -XEN_ENOMEM;
    observer->base = base;
    observer->missed = false;
    memcpy(observer->token, token, token_size);
    observer->path = observer->token + token_size;
    memcpy(observer->path, path, path_size);
    list_push_back(&connection->observers, &observer->link);
    connection->observer_count++;
    observer_notify(connection, observer, observer->path);
    return 0;
}

static void observer_drop(struct store_connection *connection, struct store_observer *observer)
{
    list_remove(&observer->link);
    connection->observer_count--;
    heap_free(observer);
}

int store_observer_remove(struct store_connection *connection, const char *path, const char *token)
{
    struct store_observer *observer = observer_find(connection, path, token);

    if (observer == NULL)
        return -XEN_ENOENT;
    observer_drop(connection, observer);
    return 0;
}

void store_observer_remove_all(struct store_connection *connection)
{
    list_for_each_safe(position, following, &connection->observers)
    {
        observer_drop(connection, container_of(position, struct store_observer, link));
    }
}

static bool readable(struct store_node *root, const struct store_identity *who, const char *path)
{
    struct store_node *node = root != NULL ? store_tree_find(root, path) : NULL;

    return node != NULL && (store_permission_access(&node->permissions, who) & STORE_ACCESS_READ);
}

/* What of the change this observer is to be told, or NULL. */
static const char *event_path(const struct store_observer *observer, const char *path,
                              struct store_node *before, bool removed)
{
    if (store_path_within(path, observer->path))
        return path;
    if (removed && store_path_within(observer->path, path) &&
        store_tree_find(before, observer->path))
        return observer->path;
    return NULL;
}

static void connection_fire(struct store_connection *connection, const char *path,
                            struct store_node *before, bool removed)
{
    list_for_each(position, &connection->observers)
    {
        struct store_observer *observer = container_of(position, struct store_observer, link);
        const char *told = event_path(observer, path, before, removed);

        if (told == NULL)
            continue;
        if (readable(connection->database->root, &connection->who, told) ||
            readable(before, &connection->who, told))
            observer_notify(connection, observer, told);
    }
}

void store_observer_fire(struct store_database *database, const char *path,
                         struct store_node *before, bool removed)
{
    list_for_each(position, &database->connections)
    {
        connection_fire(container_of(position, struct store_connection, link), path, before,
                        removed);
    }
}

static void connection_fire_special(struct store_connection *connection, const char *name)
{
    list_for_each(position, &connection->observers)
    {
        struct store_observer *observer = container_of(position, struct store_observer, link);

        if (strcmp(observer->path, name) == 0)
            observer_notify(connection, observer, name);
    }
}

void store_observer_fire_special(struct store_database *database, const char *name)
{
    list_for_each(position, &database->connections)
    {
        struct store_connection *connection = container_of(position, struct store_connection, link);

        if (connection->who.privileged)
            connection_fire_special(connection, name);
    }
}

void store_observer_catch_up(struct store_connection *connection)
{
    connection->missed = false;
    list_for_each(position, &connection->observers)
    {
        struct store_observer *observer = container_of(position, struct store_observer, link);

        if (!observer->missed)
            continue;
        observer->missed = false;
        observer_notify(connection, observer, observer->path);
    }
}
