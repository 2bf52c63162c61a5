/* SPDX-License-Identifier: MIT */
/*
 * Nodes of the store's tree. A tree is a value: a version of it is a reference to its root, and
 * a node that belongs to several versions is never changed but copied first (store_node_own), its
 * parents before it. So a transaction's snapshot costs one reference.
 *
 * Owns: reference counts, children, values. Not safe against concurrent use; nothing here waits,
 * so on cooperative threads it needs no lock. Nothing recurses: depth is the guests' choice.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pvguest/control/store_permission.h"

struct store_node {
    uint32_t references;
    uint32_t child_count, child_capacity;
    struct store_node **children;  /* by name */
    struct store_node *visit_next; /* scratch, valid during one traversal */
    uint64_t generation;           /* changes with value, permissions and list of children */
    struct store_permissions permissions;
    char *value;
    size_t value_size;
    size_t name_length;
    char name[];
};

/* A node with one reference and no value; NULL when memory is exhausted. */
struct store_node *store_node_create(const char *name, size_t length);

struct store_node *store_node_hold(struct store_node *node);
void store_node_release(struct store_node *node); /* NULL is allowed */

/* Make *slot a node that only this version has. -XEN_ENOMEM leaves it as it was. */
int store_node_own(struct store_node **slot);

/* Where the parent keeps this child, or NULL. */
struct store_node **store_node_child(struct store_node *parent, const char *name, size_t length);

/* Add a child that is not there yet; takes over the caller's reference on success. */
int store_node_insert(struct store_node *parent, struct store_node *child);

/* Unlink a child (its slot in the parent) and drop the parent's reference to it. */
void store_node_remove(struct store_node *parent, struct store_node **slot);

int store_node_set_value(struct store_node *node, const void *value, size_t size);

/* What it counts against its owner's quota of bytes. */
size_t store_node_bytes(const struct store_node *node);

/* Call `visit` for a node and all below it, parents first. */
typedef void store_node_visit_t(struct store_node *node, void *argument);
void store_node_visit(struct store_node *top, store_node_visit_t *visit, void *argument);
