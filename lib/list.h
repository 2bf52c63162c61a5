/* SPDX-License-Identifier: MIT */
/*
 * Circular doubly linked list with the node inside the element. The caller's lock guards it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous;
};

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* Iterate; `position` may not be removed. The safe form allows its removal. */
#define list_for_each(position, head) \
    for (struct list *position = (head)->next; position != (head); position = position->next)
#define list_for_each_safe(position, following, head)                                           \
    for (struct list *position = (head)->next, *following = position->next; position != (head); \
         position = following, following = position->next)

static inline void list_init(struct list *head)
{
    head->next = head->previous = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert_after(struct list *where, struct list *node)
{
    node->next = where->next;
    node->previous = where;
    where->next->previous = node;
    where->next = node;
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_insert_after(head, node);
}

static inline void list_push_back(struct list *head, struct list *node)
{
    list_insert_after(head->previous, node);
}

/* Unlink and leave the node as an empty list of its own, so that removing twice is harmless. */
static inline void list_remove(struct list *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    list_init(node);
}

/* First element's node, or NULL. */
static inline struct list *list_first(const struct list *head)
{
    return list_empty(head) ? NULL : head->next;
}
