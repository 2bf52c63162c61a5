/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/calendar_check.h"

#define BEFORE 24

static unsigned shift_of(unsigned slot)
{
    return 16 + slot / CALENDAR_SLOTS * 4;
}

static void check_node(const struct calendar_queue *queue, const struct calendar_node *node,
                       unsigned slot, uint64_t base)
{
    uint64_t number = node->key >> shift_of(slot);

    assert_int_equal(node->slot, slot);
    assert_ptr_equal(node->next->previous, node);
    assert_ptr_equal(node->previous->next, node);
    assert_int_equal(number % CALENDAR_SLOTS, slot % CALENDAR_SLOTS);
    assert_true(number - (base >> shift_of(slot)) + BEFORE < CALENDAR_SLOTS);
    assert_true(queue->first->key <= node->key + (1UL << shift_of(slot)));
}

static unsigned check_slot(const struct calendar_queue *queue, unsigned slot, uint64_t base)
{
    const struct calendar_node *front = queue->slots[slot], *node = front;
    bool occupied = queue->occupied[slot / CALENDAR_SLOTS] >> slot % CALENDAR_SLOTS & 1;
    unsigned count = 0;

    assert_int_equal(occupied, front != NULL);
    if (!front)
        return 0;
    do {
        check_node(queue, node, slot, base);
        node = node->next;
        count++;
    } while (node != front);
    return count;
}

unsigned calendar_check(const struct calendar_queue *queue, uint64_t base)
{
    unsigned count = queue->first != NULL, seen = 0;

    for (unsigned slot = 0; slot < CALENDAR_ROWS * CALENDAR_SLOTS; slot++)
        count += check_slot(queue, slot, base);
    for (unsigned row = 0; row < CALENDAR_ROWS; row++)
        assert_int_equal(queue->rows >> row & 1, queue->occupied[row] != 0);
    if (!queue->first)
        assert_int_equal(count, 0);
    for (const struct calendar_node *node = queue->first; node; node = calendar_next(queue, node))
        seen++;
    assert_int_equal(seen, count);
    return count;
}
