/* SPDX-License-Identifier: MIT */
/*
 * Every node's right subtree has at most the rank of its left one, so that a way down by the right
 * has at most log2(n + 1) nodes; trees are merged along it.
 */
#include "lib/priority_queue.h"

#include <stddef.h>

static uint32_t rank_of(const struct priority_node *node)
{
    return node ? node->rank : 0;
}

/* Returns whether the node's rank has changed. */
static bool rank_restore(struct priority_node *node)
{
    if (rank_of(node->left) < rank_of(node->right)) {
        struct priority_node *exchanged = node->left;
        node->left = node->right;
        node->right = exchanged;
    }
    uint32_t before = node->rank;
    node->rank = rank_of(node->right) + 1;
    return node->rank != before;
}

static struct priority_node *merge(struct priority_node *one, struct priority_node *other)
{
    struct priority_node *top = NULL, *last = NULL, **place = &top;

    while (one && other) {
        if (other->key < one->key) {
            struct priority_node *exchanged = one;
            one = other;
            other = exchanged;
        }
        *place = one;
        one->parent = last;
        last = one;
        place = &one->right;
        one = one->right;
    }
    *place = one ? one : other;
    if (*place)
        (*place)->parent = last;
    for (; last; last = last->parent)
        rank_restore(last);
    return top;
}

void priority_insert(struct priority_queue *queue, struct priority_node *node, uint64_t key)
{
    *node = (struct priority_node){.key = key, .rank = 1};
    queue->first = merge(queue->first, node);
}

void priority_remove(struct priority_queue *queue, struct priority_node *node)
{
    struct priority_node *parent = node->parent, *rest = merge(node->left, node->right);

    node->rank = 0;
    if (rest)
        rest->parent = parent;
    if (!parent)
        queue->first = rest;
    else if (parent->left == node)
        parent->left = rest;
    else
        parent->right = rest;
    /* Ranks change along O(log n) nodes: each that does is one more than the one below it. */
    while (parent && rank_restore(parent))
        parent = parent->parent;
}

struct priority_node *priority_next(const struct priority_node *node)
{
    if (node->left)
        return node->left;
    /* No left subtree: no right one either. Up to where a right subtree is still to be seen. */
    while (node->parent && (node->parent->right == node || !node->parent->right))
        node = node->parent;
    return node->parent ? node->parent->right : NULL;
}
