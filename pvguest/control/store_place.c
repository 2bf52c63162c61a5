/* SPDX-License-Identifier: MIT */
#include "pvguest/control/store_place.h"

#include <xen/errno.h>

#include "lib/string.h"
#include "pvguest/control/store_path.h"
#include "pvguest/kernel/heap.h"

#define FIRST_SLOTS 64 /* a power of two */

static void place_init(struct store_place *place, struct store_place *parent)
{
    memset(place, 0, sizeof *place);
    place->parent = parent;
    place->depth = parent ? parent->depth + 1 : 0;
    list_init(&place->siblings);
    list_init(&place->children);
    list_init(&place->observers);
}

int store_places_init(struct store_places *places)
{
    memset(places, 0, sizeof *places);
    place_init(&places->paths, NULL);
    place_init(&places->specials, NULL);
    places->slots = heap_allocate_zeroed(FIRST_SLOTS * sizeof(*places->slots));
    places->slot_count = FIRST_SLOTS;
    return places->slots ? 0 : -XEN_ENOMEM;
}

void store_places_destroy(struct store_places *places)
{
    heap_free(places->slots);
}

/* FNV-1a over the name, beginning with the parent. */
static uint32_t place_hash(const struct store_place *parent, const char *name, size_t length)
{
    uint32_t hash = 2166136261u ^ (uint32_t)((uintptr_t)parent >> 4);

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return hash ^ hash >> 16;
}

static struct store_place **place_slot(const struct store_places *places, uint32_t hash)
{
    return &places->slots[hash & (places->slot_count - 1)];
}

static void table_insert(struct store_places *places, struct store_place *place)
{
    struct store_place **slot = place_slot(places, place->hash);

    place->chain = *slot;
    *slot = place;
}

/* As many slots again. Without memory for them it only becomes slower. */
static void table_grow(struct store_places *places)
{
    struct store_place **old = places->slots;
    size_t old_count = places->slot_count;
    struct store_place **slots = heap_allocate_zeroed(2 * old_count * sizeof(*slots));

    if (!slots)
        return;
    places->slots = slots;
    places->slot_count = 2 * old_count;
    for (size_t i = 0; i < old_count; i++) {
        for (struct store_place *place = old[i], *next; place; place = next) {
            next = place->chain;
            table_insert(places, place);
        }
    }
    heap_free(old);
}

struct store_place *store_place_child(const struct store_places *places,
                                      const struct store_place *parent, const char *name,
                                      size_t length)
{
    uint32_t hash = place_hash(parent, name, length);

    for (struct store_place *place = *place_slot(places, hash); place; place = place->chain) {
        if (place->hash == hash && place->parent == parent && place->name_length == length &&
            memcmp(place->name, name, length) == 0)
            return place;
    }
    return NULL;
}

static struct store_place *place_make(struct store_places *places, struct store_place *parent,
                                      const char *name, size_t length)
{
    struct store_place *place = heap_allocate(sizeof(*place) + length);

    if (!place)
        return NULL;
    place_init(place, parent);
    place->hash = place_hash(parent, name, length);
    place->name_length = length;
    place->name = memcpy(place + 1, name, length);
    if (places->count++ == places->slot_count)
        table_grow(places);
    table_insert(places, place);
    list_push_back(&parent->children, &place->siblings);
    parent->users++;
    return place;
}

static void place_free(struct store_places *places, struct store_place *place)
{
    struct store_place **link = place_slot(places, place->hash);

    while (*link != place)
        link = &(*link)->chain;
    *link = place->chain;
    list_remove(&place->siblings);
    places->count--;
    heap_free(place);
}

/* Free a place that nobody uses, and what it was the last user of. */
static void place_prune(struct store_places *places, struct store_place *place)
{
    while (place->users == 0 && place->parent) {
        struct store_place *parent = place->parent;

        place_free(places, place);
        parent->users--;
        place = parent;
    }
}

struct store_place *store_place_hold(struct store_places *places, struct store_place *root,
                                     const char *path)
{
    struct store_place *place = root, *below;
    const char *name;
    size_t length;

    while (store_path_component(&path, &name, &length)) {
        below = store_place_child(places, place, name, length);
        if (!below)
            below = place_make(places, place, name, length);
        if (!below) {
            place_prune(places, place);
            return NULL;
        }
        place = below;
    }
    place->users++;
    return place;
}

struct store_place *store_place_find(const struct store_places *places, struct store_place *root,
                                     const char *path)
{
    struct store_place *place = root;
    const char *name;
    size_t length;

    while (place && store_path_component(&path, &name, &length))
        place = store_place_child(places, place, name, length);
    return place;
}

void store_place_release(struct store_places *places, struct store_place *place)
{
    place->users--;
    place_prune(places, place);
}

struct store_place *store_place_next(struct store_place *place, struct store_place *top)
{
    if (!list_empty(&place->children))
        return container_of(list_first(&place->children), struct store_place, siblings);
    while (place != top) {
        struct store_place *parent = place->parent;

        if (place->siblings.next != &parent->children)
            return container_of(place->siblings.next, struct store_place, siblings);
        place = parent;
    }
    return NULL;
}
