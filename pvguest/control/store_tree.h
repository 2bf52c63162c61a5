/* SPDX-License-Identifier: MIT */
/*
 * Operations on a version of the tree, with permissions and quotas. A view is a version and how
 * it is accounted: the main version charges every owner's account, a transaction's only counts
 * what its own domain would own (the accounts are charged when it is committed).
 *
 * Each operation checks everything first; an error leaves the tree as it was.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pvguest/control/store_account.h"
#include "pvguest/control/store_node.h"
#include "pvguest/control/store_permission.h"

struct store_view {
    struct store_node **root;
    uint64_t *generation;            /* the last one given */
    struct store_accounts *accounts; /* the main version's, with its mentions; else NULL */
    struct store_mentions *mentions;
    domid_t counted;           /* otherwise: this domain's nodes ... */
    struct store_usage *usage; /* ... are counted here */
};

/*
 * How many permission entries behind the owner's name a domain, by the last bits of its number: a
 * domain that nobody mentions and that owns nothing is forgotten without a look at the tree.
 */
#define STORE_MENTIONS 1024
struct store_mentions {
    bool unknown; /* a commit was undone: count again */
    uint32_t counts[STORE_MENTIONS];
};

enum store_operation_type {
    STORE_OPERATION_READ, /* recorded by transactions only */
    STORE_OPERATION_WRITE,
    STORE_OPERATION_MKDIR,
    STORE_OPERATION_REMOVE,
    STORE_OPERATION_SET_PERMISSIONS,
};

struct store_operation {
    enum store_operation_type type;
    const char *path; /* absolute and valid */
    const void *value;
    size_t value_size;
    struct store_permissions permissions;
};

/* The node at an absolute path, or NULL. Takes no reference. */
struct store_node *store_tree_find(struct store_node *root, const char *path);

/*
 * The node, if `who` has this access to it. Else -XEN_EACCES, or -XEN_ENOENT for a missing one
 * below a node that `who` has this access to.
 */
int store_tree_get(struct store_node *root, const struct store_identity *who, const char *path,
                   unsigned int access, struct store_node **node);

/* Do a changing operation; *changed tells whether there was anything to do. */
int store_tree_apply(const struct store_view *view, const struct store_identity *who,
                     const struct store_operation *operation, bool *changed);

/* The domain is no more: its nodes in the main version go to domain 0, its rights to nobody. */
void store_tree_forget(const struct store_view *view, domid_t domain);
