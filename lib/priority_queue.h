/* SPDX-License-Identifier: MIT */
/*
 * A priority queue whose nodes lie in what they queue: nothing is allocated, so nothing can fail.
 * Insertion and removal of any node take O(log n) steps each in the long run, of some ten
 * instructions; of the only one a few instructions. Equal keys come in no particular order. The
 * caller's lock guards it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct priority_node {
    struct priority_node *left, *right, *parent;
    uint64_t key;
    bool queued;
};

struct priority_queue {
    struct priority_node *first; /* with the least key; NULL = empty */
};

static inline bool priority_queued(const struct priority_node *node)
{
    return node->queued;
}

/* The node is in no queue. */
void priority_insert(struct priority_queue *queue, struct priority_node *node, uint64_t key);
/* The node, which is in this queue or in none, is in it with that key: often it need not move. */
void priority_place(struct priority_queue *queue, struct priority_node *node, uint64_t key);
/* The node is in this queue. */
void priority_remove(struct priority_queue *queue, struct priority_node *node);
/* From `first` through all of the queue, in the order of the tree, not of the keys; then NULL. */
struct priority_node *priority_next(const struct priority_node *node);
