/* SPDX-License-Identifier: MIT */
/* The calendar queue gives nodes back by their keys to within a slot, and each in its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/calendar_check.h"

#define NODES  500
#define START  (1UL << 40)
#define SLOT   (1UL << 16)
#define BEHIND 6000000000UL  /* a base may be so far beyond a key ... */
#define AHEAD  10000000000UL /* ... or so far before it */

static struct calendar_node nodes[NODES];
static bool queued[NODES];
static struct calendar_queue queue;
static uint64_t seed;

static uint64_t random_number(uint64_t limit)
{
    seed = seed * 6364136223846793005UL + 1442695040888963407UL;
    return (seed >> 20) % limit;
}

static void begin(uint64_t with_seed)
{
    seed = with_seed;
    memset(&queue, 0, sizeof(queue));
    memset(queued, 0, sizeof(queued));
}

static void insert(unsigned i, uint64_t key, uint64_t base)
{
    calendar_insert(&queue, &nodes[i], key, base);
    queued[i] = true;
}

static struct calendar_node *take_first(uint64_t base)
{
    struct calendar_node *first = queue.first;

    calendar_remove(&queue, first, base);
    queued[first - nodes] = false;
    return first;
}

/* Near ones come as exactly as a slot, far ones as half of the distance from the base. */
static void test_order(void **state)
{
    (void)state;

    begin(1);
    for (unsigned i = 0; i < NODES; i++)
        insert(i, START + random_number(1UL << (10 + i % 20)), START);
    for (unsigned i = NODES; i > 0; i--) {
        assert_int_equal(calendar_check(&queue, START), i);
        uint64_t key = take_first(START)->key;
        for (unsigned j = 0; j < NODES; j++)
            if (queued[j])
                assert_true(key < nodes[j].key + SLOT + (nodes[j].key - START) / 2);
    }
    assert_null(queue.first);
}

static void test_same_key_comes_in_turn(void **state)
{
    (void)state;

    begin(2);
    for (unsigned i = 0; i < NODES; i++)
        insert(i, START, START);
    for (unsigned i = 0; i < 3 * NODES; i++) {
        assert_ptr_equal(queue.first, &nodes[i % NODES]);
        take_first(START);
        insert(i % NODES, START + i / NODES, START);
    }
}

/* Who comes with a lesser key than all goes before them, in the same slot, too. */
static void test_least_leads(void **state)
{
    (void)state;

    begin(3);
    for (unsigned i = 0; i < 100; i++) {
        insert(i, START + 200 - i, START);
        assert_ptr_equal(queue.first, &nodes[i]);
    }
    assert_int_equal(calendar_check(&queue, START), 100);
    for (unsigned i = 100; i > 0; i--)
        assert_ptr_equal(take_first(START), &nodes[i - 1]);
}

/* From as far behind and ahead as there may be, while the base follows the first. */
static void test_random_changes(void **state)
{
    (void)state;
    uint64_t base = START;
    unsigned count = 0;

    begin(4);
    for (unsigned step = 0; step < 100000; step++) {
        unsigned i = (unsigned)random_number(NODES);
        if (step % 3 == 0 && queue.first) {
            take_first(base);
            count--;
        } else if (queued[i]) {
            calendar_remove(&queue, &nodes[i], base);
            queued[i] = false;
            count--;
        } else {
            uint64_t reach = (random_number(2) ? BEHIND : AHEAD) >> random_number(30);
            insert(i, base + random_number(reach) - random_number(BEHIND >> random_number(30)),
                   base);
            count++;
        }
        if (queue.first && queue.first->key > base)
            base = queue.first->key;
        assert_int_equal(calendar_check(&queue, base), count);
    }
}

/* Those that take turns: none waits for longer than for all others once. */
static void test_turns(void **state)
{
    (void)state;
    uint64_t last[NODES];

    begin(5);
    for (unsigned i = 0; i < NODES; i++) {
        insert(i, START + i, START);
        last[i] = i;
    }
    for (uint64_t turn = NODES, base = START; turn < 100 * NODES; turn++) {
        base = queue.first->key;
        struct calendar_node *first = take_first(base);
        unsigned i = (unsigned)(first - nodes);
        assert_true(turn - last[i] <= NODES + 70);
        last[i] = turn;
        insert(i, first->key + 500000, base);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),       cmocka_unit_test(test_same_key_comes_in_turn),
        cmocka_unit_test(test_least_leads), cmocka_unit_test(test_random_changes),
        cmocka_unit_test(test_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
