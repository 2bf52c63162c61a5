/* SPDX-License-Identifier: MIT */
#include "pvguest/control/store_tree.h"

#include "lib/string.h"
#include "pvguest/control/store_path.h"
#include "pvguest/control/store_quota.h"
#include <xen/errno.h>

/* The deepest existing node on the path; *rest is left at what is missing. */
static struct store_node *find_deepest(struct store_node *root, const char *path, const char **rest)
{
    const char *cursor = path, *name;
    size_t length;

    *rest = path;
    while (store_path_component(&cursor, &name, &length)) {
        struct store_node **slot = store_node_child(root, name, length);

        if (slot == NULL)
            return root;
        root = *slot;
        *rest = cursor;
    }
    return root;
}

static bool path_ends(const char *rest)
{
    return rest[0] == '\0' || (rest[0] == '/' && rest[1] == '\0');
}

struct store_node *store_tree_find(struct store_node *root, const char *path)
{
    const char *rest;
    struct store_node *node = find_deepest(root, path, &rest);

    return path_ends(rest) ? node : NULL;
}

int store_tree_get(struct store_node *root, const struct store_identity *who, const char *path,
                   unsigned int access, struct store_node **node)
{
    const char *rest;
    struct store_node *deepest = find_deepest(root, path, &rest);

    if (!(store_permission_access(&deepest->permissions, who) & access))
        return -XEN_EACCES;
    if (!path_ends(rest))
        return -XEN_ENOENT;
    *node = deepest;
    return 0;
}

/*
 * Make the nodes on the path this version's own, as far as they exist and lie in front of `stop`.
 * Copies are equal to their originals, so a failure half way changes nothing that can be seen.
 */
static int own_path(const struct store_view *view, const char *path, const char *stop,
                    struct store_node **node)
{
    struct store_node **slot = view->root;
    const char *cursor = path, *name;
    size_t length;

    if (store_node_own(slot))
        return -XEN_ENOMEM;
    while (store_path_component(&cursor, &name, &length) && name < stop) {
        struct store_node **child = store_node_child(*slot, name, length);

        if (child == NULL)
            break;
        if (store_node_own(child))
            return -XEN_ENOMEM;
        slot = child;
    }
    *node = *slot;
    return 0;
}

/* What the domain uses in this view; *found is NULL when the view does not count it. */
static int usage_obtain(const struct store_view *view, domid_t domain, struct store_usage **found)
{
    struct store_account *account;

    *found = NULL;
    if (view->accounts == NULL) {
        if (domain == view->counted)
            *found = view->usage;
        return 0;
    }
    account = store_account_obtain(view->accounts, domain);
    if (account == NULL)
        return -XEN_ENOMEM;
    *found = &account->usage;
    return 0;
}

static bool quota_allows(const struct store_usage *usage, const struct store_identity *who,
                         unsigned int nodes, size_t bytes)
{
    if (who->privileged || usage == NULL)
        return true;
    return usage->nodes + nodes <= STORE_QUOTA_NODES && usage->bytes + bytes <= STORE_QUOTA_BYTES;
}

static void usage_add(struct store_usage *usage, unsigned int nodes, size_t bytes)
{
    if (usage == NULL)
        return;
    usage->nodes += nodes;
    usage->bytes += bytes;
}

static void usage_subtract(struct store_usage *usage, unsigned int nodes, size_t bytes)
{
    if (usage == NULL)
        return;
    usage->nodes -= nodes;
    usage->bytes -= bytes;
}

/* `by` more nodes, or fewer, have these permissions. */
static void mentions_change(const struct store_view *view,
                            const struct store_permissions *permissions, int by)
{
    if (view->mentions == NULL)
        return;
    for (unsigned int i = 1; i < permissions->count; i++)
        view->mentions->counts[permissions->entries[i].domain % STORE_MENTIONS] += (uint32_t)by;
}

/* The missing nodes, one below the other, the last with the value. Counts them into *added. */
static struct store_node *chain_create(const struct store_view *view, const char *rest,
                                       const struct store_permissions *permissions,
                                       const struct store_operation *operation,
                                       struct store_usage *added)
{
    struct store_node *top = NULL, *last = NULL;
    const char *name;
    size_t length;

    while (store_path_component(&rest, &name, &length)) {
        struct store_node *node = store_node_create(name, length);

        if (node == NULL)
            goto release;
        node->permissions = *permissions;
        node->generation = *view->generation;
        if (last == NULL) {
            top = node;
        } else if (store_node_insert(last, node)) {
            store_node_release(node);
            goto release;
        }
        last = node;
        usage_add(added, 1, store_node_bytes(node));
    }
    if (store_node_set_value(last, operation->value, operation->value_size))
        goto release;
    added->bytes += operation->value_size;
    return top;

release:
    store_node_release(top);
    return NULL;
}

/* New nodes have the permissions of the node they are created under, owned by their creator. */
static struct store_permissions permissions_inherit(const struct store_node *parent,
                                                    const struct store_identity *who)
{
    struct store_permissions permissions = parent->permissions;

    if (!who->privileged)
        permissions.entries[0].domain = who->domain;
    return permissions;
}

static int tree_create(const struct store_view *view, const struct store_identity *who,
                       const struct store_operation *operation, struct store_node *parent,
                       const char *rest)
{
    struct store_permissions permissions = permissions_inherit(parent, who);
    struct store_usage added = {0}, *usage;
    struct store_node *chain;
    int error;

    ++*view->generation;
    error = usage_obtain(view, permissions.entries[0].domain, &usage);
    if (error)
        return error;
    chain = chain_create(view, rest, &permissions, operation, &added);
    if (chain == NULL)
        return -XEN_ENOMEM;
    error = -XEN_ENOSPC;
    if (!quota_allows(usage, who, added.nodes, added.bytes))
        goto release;
    error = own_path(view, operation->path, rest, &parent);
    if (error)
        goto release;
    error = store_node_insert(parent, chain);
    if (error)
        goto release;
    parent->generation = *view->generation;
    usage_add(usage, added.nodes, added.bytes);
    mentions_change(view, &permissions, (int)added.nodes);
    return 0;

release:
    store_node_release(chain);
    return error;
}

static int tree_overwrite(const struct store_view *view, const struct store_identity *who,
                          const struct store_operation *operation, const char *rest,
                          struct store_node *node)
{
    size_t old_size = node->value_size, size = operation->value_size;
    struct store_usage *usage;
    int error = usage_obtain(view, node->permissions.entries[0].domain, &usage);

    if (error)
        return error;
    if (size > old_size && !quota_allows(usage, who, 0, size - old_size))
        return -XEN_ENOSPC;
    error = own_path(view, operation->path, rest, &node);
    if (error)
        return error;
    error = store_node_set_value(node, operation->value, size);
    if (error)
        return error;
    node->generation = ++*view->generation;
    usage_subtract(usage, 0, old_size);
    usage_add(usage, 0, size);
    return 0;
}

/* WRITE and MKDIR. */
static int tree_write(const struct store_view *view, const struct store_identity *who,
                      const struct store_operation *operation, bool *changed)
{
    bool overwrite = operation->type == STORE_OPERATION_WRITE;
    const char *rest;
    struct store_node *node = find_deepest(*view->root, operation->path, &rest);

    if (!(store_permission_access(&node->permissions, who) & STORE_ACCESS_WRITE))
        return -XEN_EACCES;
    if (!who->privileged && operation->value_size > STORE_QUOTA_VALUE)
        return -XEN_ENOSPC;
    *changed = true;
    if (!path_ends(rest))
        return tree_create(view, who, operation, node, rest);
    if (overwrite)
        return tree_overwrite(view, who, operation, rest, node);
    *changed = false;
    return 0;
}

/* Only forgets what was counted, so it cannot fail. */
static void node_discharge(struct store_node *node, void *argument)
{
    const struct store_view *view = argument;
    domid_t owner = node->permissions.entries[0].domain;
    struct store_account *account;

    mentions_change(view, &node->permissions, -1);
    if (view->accounts == NULL) {
        if (owner == view->counted)
            usage_subtract(view->usage, 1, store_node_bytes(node));
        return;
    }
    account = store_account_find(view->accounts, owner);
    usage_subtract(account ? &account->usage : NULL, 1, store_node_bytes(node));
}

static int tree_remove(const struct store_view *view, const struct store_identity *who,
                       const struct store_operation *operation, bool *changed)
{
    const char *last = strrchr(operation->path, '/') + 1;
    struct store_node *node, *parent;
    const char *rest;
    int error;

    if (*last == '\0')
        return -XEN_EINVAL;
    node = find_deepest(*view->root, operation->path, &rest);
    if (!(store_permission_access(&node->permissions, who) & STORE_ACCESS_WRITE))
        return -XEN_EACCES;
    *changed = path_ends(rest);
    if (!*changed)
        return rest + 1 == last ? 0 : -XEN_ENOENT;
    error = own_path(view, operation->path, last, &parent);
    if (error)
        return error;
    store_node_visit(node, node_discharge, (void *)view);
    store_node_remove(parent, store_node_child(parent, last, strlen(last)));
    parent->generation = ++*view->generation;
    return 0;
}

static int tree_set_permissions(const struct store_view *view, const struct store_identity *who,
                                const struct store_operation *operation, bool *changed)
{
    domid_t new_owner = operation->permissions.entries[0].domain;
    struct store_usage *usage, *old_usage;
    struct store_node *node;
    int error = store_tree_get(*view->root, who, operation->path, STORE_ACCESS_OWNER, &node);

    if (error)
        return error;
    if (!who->privileged && new_owner != node->permissions.entries[0].domain)
        return -XEN_EPERM;
    error = usage_obtain(view, new_owner, &usage);
    if (error)
        return error;
    error = usage_obtain(view, node->permissions.entries[0].domain, &old_usage);
    if (error)
        return error;
    error = own_path(view, operation->path, operation->path + strlen(operation->path), &node);
    if (error)
        return error;
    usage_subtract(old_usage, 1, store_node_bytes(node));
    usage_add(usage, 1, store_node_bytes(node));
    mentions_change(view, &node->permissions, -1);
    mentions_change(view, &operation->permissions, 1);
    node->permissions = operation->permissions;
    node->generation = ++*view->generation;
    *changed = true;
    return 0;
}

int store_tree_apply(const struct store_view *view, const struct store_identity *who,
                     const struct store_operation *operation, bool *changed)
{
    *changed = false;
    switch (operation->type) {
    case STORE_OPERATION_WRITE:
    case STORE_OPERATION_MKDIR:
        return tree_write(view, who, operation, changed);
    case STORE_OPERATION_REMOVE:
        return tree_remove(view, who, operation, changed);
    case STORE_OPERATION_SET_PERMISSIONS:
        return tree_set_permissions(view, who, operation, changed);
    default:
        return -XEN_EINVAL;
    }
}

struct forgetting {
    const struct store_view *view;
    domid_t domain;
};

static void node_forget(struct store_node *node, void *argument)
{
    const struct forgetting *forgetting = argument;

    store_permission_forget(&node->permissions, forgetting->domain);
    mentions_change(forgetting->view, &node->permissions, 1);
}

static bool is_mentioned(const struct store_mentions *mentions, domid_t domain)
{
    return mentions->unknown || mentions->counts[domain % STORE_MENTIONS];
}

/* Every node is looked at, so what is mentioned is counted anew meanwhile. */
static void forget_everywhere(const struct store_view *view, domid_t domain)
{
    struct forgetting forgetting = {.view = view, .domain = domain};

    memset(view->mentions, 0, sizeof(*view->mentions));
    store_node_visit(*view->root, node_forget, &forgetting);
}

void store_tree_forget(const struct store_view *view, domid_t domain)
{
    struct store_account *account = store_account_find(view->accounts, domain);
    struct store_account *heir = store_account_find(view->accounts, 0);

    if ((account != NULL && account->usage.nodes > 0) || is_mentioned(view->mentions, domain))
        forget_everywhere(view, domain);
    if (account == NULL || account == heir)
        return;
    if (heir != NULL)
        usage_add(&heir->usage, account->usage.nodes, account->usage.bytes);
    store_account_close(account);
}
