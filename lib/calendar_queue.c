/* SPDX-License-Identifier: MIT */
#include "lib/calendar_queue.h"

#include <stdbool.h>
#include <stddef.h>

#define SLOT_BITS 16
#define ROW_BITS  4
#define BEFORE    24 /* slots of each row that lie before the base */

/* How many slots of that row after the first that may be in use; 0: one that the base has left
 * behind. Beyond the row when it is no less than CALENDAR_SLOTS. */
static uint64_t distance(uint64_t key, uint64_t base, unsigned shift)
{
    return (key >> shift) - (base >> shift) + BEFORE;
}

static unsigned slot_of(uint64_t key, uint64_t base)
{
    unsigned row = 0, shift = SLOT_BITS;

    while (row < CALENDAR_ROWS - 1 && distance(key, base, shift) - 1 >= CALENDAR_SLOTS - 1) {
        row++;
        shift += ROW_BITS;
    }
    return row * CALENDAR_SLOTS + (key >> shift) % CALENDAR_SLOTS;
}

static void slot_insert(struct calendar_queue *queue, struct calendar_node *node, uint64_t base,
                        bool in_front)
{
    unsigned slot = slot_of(node->key, base);
    struct calendar_node *front = queue->slots[slot];

    node->slot = (uint8_t)slot;
    if (!front) {
        node->next = node->previous = node;
        queue->slots[slot] = node;
        queue->occupied[slot / CALENDAR_SLOTS] |= 1UL << slot % CALENDAR_SLOTS;
        queue->rows |= 1U << slot / CALENDAR_SLOTS;
        return;
    }
    node->next = front;
    node->previous = front->previous;
    front->previous->next = node;
    front->previous = node;
    if (in_front)
        queue->slots[slot] = node;
}

static void slot_remove(struct calendar_queue *queue, struct calendar_node *node)
{
    unsigned slot = node->slot;

    if (node->next == node) {
        queue->slots[slot] = NULL;
        queue->occupied[slot / CALENDAR_SLOTS] &= ~(1UL << slot % CALENDAR_SLOTS);
        if (!queue->occupied[slot / CALENDAR_SLOTS])
            queue->rows &= ~(1U << slot / CALENDAR_SLOTS);
        return;
    }
    node->next->previous = node->previous;
    node->previous->next = node->next;
    if (queue->slots[slot] == node)
        queue->slots[slot] = node->next;
}

/* Who came first of the row's first slot that is occupied. */
static struct calendar_node *row_front(const struct calendar_queue *queue, unsigned row,
                                       uint64_t base)
{
    unsigned start = ((base >> (SLOT_BITS + row * ROW_BITS)) - BEFORE) % CALENDAR_SLOTS;
    uint64_t occupied = queue->occupied[row];
    uint64_t turned = occupied >> start | occupied << (-start % CALENDAR_SLOTS);

    return queue
        ->slots[row * CALENDAR_SLOTS + (start + (unsigned)__builtin_ctzl(turned)) % CALENDAR_SLOTS];
}

/* The one with the least key of the rows' fronts, taken out of its slot; NULL. */
static struct calendar_node *take_least(struct calendar_queue *queue, uint64_t base)
{
    struct calendar_node *least = NULL;

    for (uint32_t rows = queue->rows; rows; rows &= rows - 1) {
        struct calendar_node *front = row_front(queue, (unsigned)__builtin_ctz(rows), base);
        if (!least || front->key < least->key)
            least = front;
    }
    if (least)
        slot_remove(queue, least);
    return least;
}

void calendar_insert(struct calendar_queue *queue, struct calendar_node *node, uint64_t key,
                     uint64_t base)
{
    struct calendar_node *first = queue->first;

    node->key = key;
    if (!first) {
        queue->first = node;
        return;
    }
    bool leads = key < first->key;
    if (leads)
        queue->first = node;
    slot_insert(queue, leads ? first : node, base, leads);
}

void calendar_remove(struct calendar_queue *queue, struct calendar_node *node, uint64_t base)
{
    if (node == queue->first)
        queue->first = take_least(queue, base);
    else
        slot_remove(queue, node);
}

struct calendar_node *calendar_next(const struct calendar_queue *queue,
                                    const struct calendar_node *node)
{
    unsigned slot = 0;

    if (node != queue->first) {
        if (node->next != queue->slots[node->slot])
            return node->next;
        slot = node->slot + 1U;
    }
    for (; slot < CALENDAR_ROWS * CALENDAR_SLOTS; slot++)
        if (queue->slots[slot])
            return queue->slots[slot];
    return NULL;
}
