/* SPDX-License-Identifier: MIT */
#include "pvguest/control/store_node.h"

#include <stdbool.h>

#include "lib/string.h"
#include "pvguest/kernel/heap.h"
#include <xen/errno.h>

struct store_node *store_node_create(const char *name, size_t length)
{
    struct store_node *node = heap_allocate_zeroed(sizeof(*node) + length + 1);

    if (node == NULL)
        return NULL;
    node->references = 1;
    node->name_length = length;
    memcpy(node->name, name, length);
    return node;
}

struct store_node *store_node_hold(struct store_node *node)
{
    node->references++;
    return node;
}

/* Nodes to be freed are chained, so that a deep tree needs no deep stack. */
void store_node_release(struct store_node *node)
{
    struct store_node *doomed = NULL;

    if (node == NULL || --node->references > 0)
        return;
    node->visit_next = NULL;
    doomed = node;
    while (doomed != NULL) {
        node = doomed;
        doomed = node->visit_next;
        for (uint32_t i = 0; i < node->child_count; i++) {
            if (--node->children[i]->references > 0)
                continue;
            node->children[i]->visit_next = doomed;
            doomed = node->children[i];
        }
        heap_free(node->children);
        heap_free(node->value);
        heap_free(node);
    }
}

static int children_copy(struct store_node *copy, const struct store_node *node)
{
    if (node->child_count == 0)
        return 0;
    copy->children = heap_allocate(node->child_count * sizeof(*copy->children));
    if (copy->children == NULL)
        return -XEN_ENOMEM;
    copy->child_count = copy->child_capacity = node->child_count;
    for (uint32_t i = 0; i < node->child_count; i++)
        copy->children[i] = store_node_hold(node->children[i]);
    return 0;
}

int store_node_own(struct store_node **slot)
{
    struct store_node *node = *slot;
    struct store_node *copy;

    if (node->references == 1)
        return 0;
    copy = store_node_create(node->name, node->name_length);
    if (copy == NULL)
        return -XEN_ENOMEM;
    copy->generation = node->generation;
    copy->permissions = node->permissions;
    if (store_node_set_value(copy, node->value, node->value_size) || children_copy(copy, node)) {
        store_node_release(copy);
        return -XEN_ENOMEM;
    }
    node->references--;
    *slot = copy;
    return 0;
}

static int name_compare(const struct store_node *node, const char *name, size_t length)
{
    size_t shorter = node->name_length < length ? node->name_length : length;
    int order = memcmp(node->name, name, shorter);

    if (order != 0)
        return order;
    return node->name_length < length ? -1 : node->name_length > length;
}

/* Where the child is, or where it would have to be inserted. */
static bool child_find(const struct store_node *parent, const char *name, size_t length,
                       uint32_t *position)
{
    uint32_t low = 0, high = parent->child_count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = name_compare(parent->children[middle], name, length);

        *position = middle;
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *position = low;
    return false;
}

struct store_node **store_node_child(struct store_node *parent, const char *name, size_t length)
{
    uint32_t position;

    return child_find(parent, name, length, &position) ? &parent->children[position] : NULL;
}

static int children_grow(struct store_node *parent)
{
    uint32_t capacity = parent->child_capacity ? parent->child_capacity * 2 : 4;
    struct store_node **children = heap_allocate(capacity * sizeof(*children));

    if (children == NULL)
        return -XEN_ENOMEM;
    if (parent->child_count > 0)
        memcpy(children, parent->children, parent->child_count * sizeof(*children));
    heap_free(parent->children);
    parent->children = children;
    parent->child_capacity = capacity;
    return 0;
}

int store_node_insert(struct store_node *parent, struct store_node *child)
{
    uint32_t position;

    if (parent->child_count == parent->child_capacity && children_grow(parent))
        return -XEN_ENOMEM;
    child_find(parent, child->name, child->name_length, &position);
    memmove(&parent->children[position + 1], &parent->children[position],
            (parent->child_count - position) * sizeof(*parent->children));
    parent->children[position] = child;
    parent->child_count++;
    return 0;
}

void store_node_remove(struct store_node *parent, struct store_node **slot)
{
    struct store_node *child = *slot;
    size_t behind = (size_t)(&parent->children[parent->child_count] - (slot + 1));

    memmove(slot, slot + 1, behind * sizeof(*slot));
    parent->child_count--;
    store_node_release(child);
}

int store_node_set_value(struct store_node *node, const void *value, size_t size)
{
    char *copy = NULL;

    if (size > 0) {
        copy = heap_allocate(size);
        if (copy == NULL)
            return -XEN_ENOMEM;
        memcpy(copy, value, size);
    }
    heap_free(node->value);
    node->value = copy;
    node->value_size = size;
    return 0;
}

size_t store_node_bytes(const struct store_node *node)
{
    return sizeof(*node) + node->name_length + 1 + node->value_size;
}

void store_node_visit(struct store_node *top, store_node_visit_t *visit, void *argument)
{
    struct store_node *waiting = top;

    top->visit_next = NULL;
    while (waiting != NULL) {
        struct store_node *node = waiting;

        waiting = node->visit_next;
        for (uint32_t i = 0; i < node->child_count; i++) {
            node->children[i]->visit_next = waiting;
            waiting = node->children[i];
        }
        visit(node, argument);
    }
}
