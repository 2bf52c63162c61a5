/* SPDX-License-Identifier: MIT */
/*
 * The watches of all connections. An observer waits for changes at a path or below it; events
 * that its connection's queue cannot take are made up for by one event for the watched path
 * when there is room again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/list.h"
#include "pvguest/control/store_database.h"

#define STORE_SPECIAL_INTRODUCE "@introduceDomain"
#define STORE_SPECIAL_RELEASE   "@releaseDomain"

struct store_observer {
    struct list link; /* its connection's */
    struct list here; /* its place's */
    struct store_connection *connection;
    struct store_place *place;
    char *path;   /* absolute, or special */
    size_t base;  /* bytes in front of it that the client left out */
    bool missed;  /* an event was lost */
    char token[]; /* the path is stored behind it */
};

/* `path` is absolute or special, `base` what the client left out of it. Fires once. */
int store_observer_add(struct store_connection *connection, const char *path, size_t base,
                       const char *token);
int store_observer_remove(struct store_connection *connection, const char *path, const char *token);
void store_observer_remove_all(struct store_connection *connection);

/*
 * The path in the main version was changed, or removed with all below. `before` is the node that
 * was there, where that matters to who may know (else NULL).
 */
void store_observer_fire(struct store_database *database, const char *path,
                         struct store_node *before, bool removed);

/* One of the special events; only privileged clients are told. */
void store_observer_fire_special(struct store_database *database, const char *name);

/* Queue an event for each observer that missed one, as far as there is room. */
void store_observer_catch_up(struct store_connection *connection);
