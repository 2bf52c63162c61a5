/* SPDX-License-Identifier: MIT */
/*
 * A skew heap: trees are merged along their ways down by the right, and what was passed changes
 * sides, so that a long way is not met twice.
 */
#include "lib/priority_queue.h"

#include <stddef.h>

static struct priority_node *merge(struct priority_node *one, struct priority_node *other)
{
    struct priority_node *top = NULL, *last = NULL, **place = &top;

    while (one && other) {
        if (other->key < one->key) {
            struct priority_node *exchanged = one;
            one = other;
            other = exchanged;
        }
        struct priority_node *rest = one->right;
        one->right = one->left;
        *place = one;
        one->parent = last;
        last = one;
        place = &one->left;
        one = rest;
    }
    *place = one ? one : other;
    if (*place)
        (*place)->parent = last;
    return top;
}

void priority_insert(struct priority_queue *queue, struct priority_node *node, uint64_t key)
{
    *node = (struct priority_node){.key = key, .queued = true};
    queue->first = merge(queue->first, node);
}

void priority_remove(struct priority_queue *queue, struct priority_node *node)
{
    struct priority_node *parent = node->parent, *rest = merge(node->left, node->right);

    node->queued = false;
    if (rest)
        rest->parent = parent;
    if (!parent)
        queue->first = rest;
    else if (parent->left == node)
        parent->left = rest;
    else
        parent->right = rest;
}

static bool in_order(const struct priority_node *upper, const struct priority_node *lower)
{
    return !upper || !lower || upper->key <= lower->key;
}

void priority_place(struct priority_queue *queue, struct priority_node *node, uint64_t key)
{
    if (priority_queued(node)) {
        node->key = key;
        if (in_order(node->parent, node) && in_order(node, node->left) &&
            in_order(node, node->right))
            return;
        priority_remove(queue, node);
    }
    priority_insert(queue, node, key);
}

struct priority_node *priority_next(const struct priority_node *node)
{
    if (node->left)
        return node->left;
    if (node->right)
        return node->right;
    while (node->parent && (node->parent->right == node || !node->parent->right))
        node = node->parent;
    return node->parent ? node->parent->right : NULL;
}
