/* SPDX-License-Identifier: MIT */
#include "pvguest/control/store_observer.h"

#include "lib/string.h"
#include "pvguest/control/store_connection.h"
#include "pvguest/control/store_path.h"
#include "pvguest/control/store_place.h"
#include "pvguest/control/store_quota.h"
#include "pvguest/kernel/heap.h"
#include <xen/errno.h>

static struct store_place *observer_root(struct store_places *places, const char *path)
{
    return store_path_special(path) ? &places->specials : &places->paths;
}

static struct store_observer *observer_at(struct list *position)
{
    return container_of(position, struct store_observer, here);
}

static struct store_observer *observer_find(const struct store_connection *connection,
                                            const struct store_place *place, const char *token)
{
    list_for_each(position, &place->observers)
    {
        struct store_observer *observer = observer_at(position);

        if (observer->connection == connection && strcmp(observer->token, token) == 0)
            return observer;
    }
    return NULL;
}

static void observer_notify(struct store_observer *observer, const char *path)
{
    struct store_connection *connection = observer->connection;

    if (observer->missed ||
        !store_connection_add_event(connection, path + observer->base, observer->token))
        observer->missed = connection->missed = true;
}

static struct store_observer *observer_make(struct store_connection *connection, const char *path,
                                            size_t base, const char *token)
{
    size_t path_size = strlen(path) + 1, token_size = strlen(token) + 1;
    struct store_observer *observer = heap_allocate(sizeof(*observer) + token_size + path_size);

    if (observer == NULL)
        return NULL;
    observer->connection = connection;
    observer->base = base;
    observer->missed = false;
    memcpy(observer->token, token, token_size);
    observer->path = observer->token + token_size;
    memcpy(observer->path, path, path_size);
    return observer;
}

static int observer_check(const struct store_connection *connection,
                          const struct store_place *place, const char *token)
{
    if (observer_find(connection, place, token))
        return -XEN_EEXIST;
    if (!connection->who.privileged &&
        (connection->observer_count >= STORE_QUOTA_WATCHES ||
         connection->observed_names + place->depth > STORE_QUOTA_WATCHED_NAMES))
        return -XEN_ENOSPC;
    return 0;
}

int store_observer_add(struct store_connection *connection, const char *path, size_t base,
                       const char *token)
{
    struct store_places *places = &connection->database->places;
    struct store_observer *observer = NULL;
    struct store_place *place;
    int error;

    if (strlen(token) >= STORE_QUOTA_TOKEN)
        return -XEN_E2BIG;
    place = store_place_hold(places, observer_root(places, path), path);
    if (place == NULL)
        return -XEN_ENOMEM;
    error = observer_check(connection, place, token);
    if (!error)
        observer = observer_make(connection, path, base, token);
    if (observer == NULL) {
        store_place_release(places, place);
        return error ? error : -XEN_ENOMEM;
    }
    observer->place = place;
    list_push_back(&place->observers, &observer->here);
    list_push_back(&connection->observers, &observer->link);
    connection->observer_count++;
    connection->observed_names += place->depth;
    observer_notify(observer, observer->path);
    return 0;
}

static void observer_drop(struct store_observer *observer)
{
    list_remove(&observer->link);
    list_remove(&observer->here);
    observer->connection->observed_names -= observer->place->depth;
    store_place_release(&observer->connection->database->places, observer->place);
    observer->connection->observer_count--;
    heap_free(observer);
}

int store_observer_remove(struct store_connection *connection, const char *path, const char *token)
{
    struct store_places *places = &connection->database->places;
    struct store_place *place = store_place_find(places, observer_root(places, path), path);
    struct store_observer *observer = place ? observer_find(connection, place, token) : NULL;

    if (observer == NULL)
        return -XEN_ENOENT;
    observer_drop(observer);
    return 0;
}

void store_observer_remove_all(struct store_connection *connection)
{
    list_for_each_safe(position, following, &connection->observers)
    {
        observer_drop(container_of(position, struct store_observer, link));
    }
}

static bool readable(const struct store_node *node, const struct store_identity *who)
{
    return node != NULL && (store_permission_access(&node->permissions, who) & STORE_ACCESS_READ);
}

/* Tell it of a path, if it may read what is there now or was there before. */
static void observer_tell(struct store_observer *observer, const char *path,
                          const struct store_node *before)
{
    const struct store_connection *connection = observer->connection;
    const struct store_node *now = store_tree_find(connection->database->root, path);

    if (readable(now, &connection->who) || readable(before, &connection->who))
        observer_notify(observer, path);
}

/* Those below something that is removed are told their own path, if that was there. */
static void fire_below(struct store_place *top, const char *path, struct store_node *before)
{
    size_t length = strlen(path);

    for (struct store_place *place = store_place_next(top, top); place;
         place = store_place_next(place, top)) {
        list_for_each(position, &place->observers)
        {
            struct store_observer *observer = observer_at(position);
            const struct store_node *node = store_tree_find(before, observer->path + length);

            if (node)
                observer_tell(observer, observer->path, node);
        }
    }
}

void store_observer_fire(struct store_database *database, const char *path,
                         struct store_node *before, bool removed)
{
    struct store_place *place = &database->places.paths;
    const char *cursor = path, *name;
    size_t length;

    for (;;) {
        list_for_each(position, &place->observers)
        {
            observer_tell(observer_at(position), path, before);
        }
        if (!store_path_component(&cursor, &name, &length))
            break;
        place = store_place_child(&database->places, place, name, length);
        if (!place)
            return;
    }
    if (removed)
        fire_below(place, path, before);
}

void store_observer_fire_special(struct store_database *database, const char *name)
{
    struct store_place *place =
        store_place_find(&database->places, &database->places.specials, name);

    if (!place)
        return;
    list_for_each(position, &place->observers)
    {
        struct store_observer *observer = observer_at(position);

        if (observer->connection->who.privileged)
            observer_notify(observer, name);
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
        observer_notify(observer, observer->path);
    }
}
