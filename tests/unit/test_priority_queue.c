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
        nodes[i] = (struct priority_node){.rank = 0};
}

static uint32_t rank_of(const struct priority_node *node)
{
    return node ? node->rank : 0;
}

/* Order, ranks and parents; returns how many nodes were seen. */
static unsigned check_queue(void)
{
    unsigned count = 0;

    for (struct priority_node *node = queue.first; node; node = priority_next(node)) {
        assert_true(priority_queued(node));
        assert_true(rank_of(node->left) >= rank_of(node->right));
        assert_int_equal(node->rank, rank_of(node->right) + 1);
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
        if (priority_queued(node)) {
            priority_remove(&queue, node);
            queued--;
        } else {
            priority_insert(&queue, node, random_number() % 100);
            queued++;
        }
        assert_int_equal(check_queue(), queued);
    }
}

/* However the tree came about: the way down by the right stays short. */
static void test_ranks_stay_small(void **state)
{
    (void)state;

    for (unsigned order = 0; order < 3; order++) {
        begin(3);
        for (unsigned i = 0; i < NODES; i++)
            priority_insert(&queue, &nodes[i],
                            order == 0   ? i
                            : order == 1 ? NODES - i
                                         : random_number());
        assert_true(queue.first->rank <= 8); /* log2(501) */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_random_changes),
        cmocka_unit_test(test_ranks_stay_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
