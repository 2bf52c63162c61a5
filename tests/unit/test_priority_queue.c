/* SPDX-License-Identifier: MIT */
/* The priority queue gives nodes back in order, whatever is taken out of its middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/priority_queue.h"

#define NODES 500

static struct priority_node nodes[NODES];
static struct priority_queue queue;
static uint64_t seed;

static uint64_t random_number(void)
{
    seed = seed * 6364136223846793005UL + 1442695040888963407UL;
    return seed >> 33;
}

static void begin(uint64_t with_seed)
{
    seed = with_seed;
    queue.first = NULL;
    for (unsigned i = 0; i < NODES; i++)
        nodes[i] = (struct priority_node){.key = 0};
}

/* Order and parents; returns how many nodes were seen. */
static unsigned check_queue(void)
{
    unsigned count = 0;

    for (struct priority_node *node = queue.first; node; node = priority_next(node)) {
        assert_true(priority_queued(node));
        for (unsigned side = 0; side < 2; side++) {
            const struct priority_node *child = side ? node->right : node->left;
            if (!child)
                continue;
            assert_ptr_equal(child->parent, node);
            assert_true(child->key >= node->key);
        }
        count++;
    }
    if (queue.first)
        assert_null(queue.first->parent);
    return count;
}

static void test_order(void **state)
{
    (void)state;
    uint64_t last = 0;

    begin(1);
    for (unsigned i = 0; i < NODES; i++)
        priority_insert(&queue, &nodes[i], random_number() % 1000);
    assert_int_equal(check_queue(), NODES);
    for (unsigned i = 0; i < NODES; i++) {
        struct priority_node *first = queue.first;
        assert_true(first->key >= last);
        last = first->key;
        priority_remove(&queue, first);
        assert_false(priority_queued(first));
    }
    assert_null(queue.first);
}

static void test_random_changes(void **state)
{
    (void)state;
    unsigned queued = 0;

    begin(2);
    for (unsigned step = 0; step < 20000; step++) {
        struct priority_node *node = &nodes[random_number() % NODES];
        if (step % 3 == 0) {
            uint64_t key = random_number() % 100;
            queued += !priority_queued(node);
            priority_place(&queue, node, key);
            assert_int_equal(node->key, key);
        } else if (priority_queued(node)) {
            priority_remove(&queue, node);
            queued--;
        } else {
            priority_insert(&queue, node, random_number() % 100);
            queued++;
        }
        assert_int_equal(check_queue(), queued);
    }
}

static unsigned way_by_the_right(const struct priority_node *node)
{
    unsigned length = 0;

    for (; node; node = node->right)
        length++;
    return length;
}

/* In a queue from which the first is taken and put behind all others, as vcpus take turns. */
static void test_turns_are_short(void **state)
{
    (void)state;
    uint64_t steps = 0, key;

    begin(3);
    for (key = 0; key < NODES; key++)
        priority_insert(&queue, &nodes[key], key);
    for (; key < 100 * NODES; key++) {
        struct priority_node *first = queue.first;
        steps += way_by_the_right(first->left) + way_by_the_right(first->right);
        priority_remove(&queue, first);
        steps += way_by_the_right(queue.first);
        priority_insert(&queue, first, key);
    }
    assert_true(steps < 99 * NODES * 2 * 9); /* log2(500) = 9 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_random_changes),
        cmocka_unit_test(test_turns_are_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
