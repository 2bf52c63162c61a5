/* SPDX-License-Identifier: MIT */
/*
 * The paths that are watched, as a tree of their own: a change at a path goes down it once and
 * meets just those who wait for it, however many others there are. A place lives while somebody
 * watches it or a place below it. Nothing recurses: depth is the guests' choice.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/list.h"

struct store_place {
    struct store_place *parent;
    struct list siblings, children;
    struct list observers;     /* who watches just this path; see store_observer.h */
    unsigned int users;        /* observers and children */
    unsigned int depth;        /* names in its path */
    struct store_place *chain; /* of its slot in the table */
    uint32_t hash;
    size_t name_length;
    const char *name;
};

/* The table finds a place by its parent and its name. */
struct store_places {
    struct store_place paths, specials; /* the root, and what the special events lie under */
    struct store_place **slots;
    size_t slot_count, count;
};

int store_places_init(struct store_places *places); /* 0 or -XEN_ENOMEM */
void store_places_destroy(struct store_places *places);

/* The place of a path below a root, made if need be and held; NULL when memory is exhausted. */
struct store_place *store_place_hold(struct store_places *places, struct store_place *root,
                                     const char *path);
void store_place_release(struct store_places *places, struct store_place *place);

/* The same without making it: NULL when nobody watches there or below. */
struct store_place *store_place_find(const struct store_places *places, struct store_place *root,
                                     const char *path);

/* The place one component below another, or NULL. */
struct store_place *store_place_child(const struct store_places *places,
                                      const struct store_place *parent, const char *name,
                                      size_t length);

/* All places below `top`, one after the other, beginning with `top` itself; NULL at the end. */
struct store_place *store_place_next(struct store_place *place, struct store_place *top);
