/* SPDX-License-Identifier: MIT */
/* What is put into a trace ring comes out in order and whole, or is counted as lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hypervisor/processor/trace_ring.h"

#define BYTES 4096
#define EVENT (TRC_SCHED_VERBOSE + 10)

static uint32_t memory[BYTES / sizeof(uint32_t)];
static struct t_buf *const head = (struct t_buf *)memory;
static struct trace_ring ring;
static uint32_t lost_seen;

static int set_up(void **state)
{
    (void)state;
    memset(memory, 0, sizeof(memory));
    trace_ring_init(&ring, memory, BYTES);
    lost_seen = 0;
    return 0;
}

/* What every record says: its number, as time and in each of its words. */
static void put(uint32_t number, unsigned count)
{
    uint32_t words[TRACE_EXTRA_MAX];

    for (unsigned i = 0; i < count; i++)
        words[i] = number + i;
    trace_ring_put(&ring, EVENT, number, words, count);
}

/* Consume one record; false when there is none. Wraps and losses are passed over. */
static bool take(uint32_t *number, unsigned *count)
{
    while (head->cons != head->prod) {
        const uint32_t *record = memory + (sizeof(*head) + head->cons % ring.size) / 4;
        unsigned extra = TRC_HD_EXTRA(record[0]);
        bool timed = TRC_HD_INCLUDES_CYCLE_COUNT(record[0]);
        uint32_t bytes = 4 * (1 + (timed ? 2 : 0) + extra);
        assert_true(head->cons % ring.size + bytes <= ring.size);
        head->cons = (head->cons + bytes) % (2 * ring.size);
        switch (TRC_HD_TO_EVENT(record[0])) {
        case TRC_LOST_RECORDS:
            assert_int_equal(extra, 4);
            lost_seen += record[3];
            break;
        case TRC_TRACE_WRAP_BUFFER:
            assert_int_equal(head->cons % ring.size, 0);
            break;
        default:
            assert_int_equal(TRC_HD_TO_EVENT(record[0]), EVENT);
            assert_true(timed);
            for (unsigned i = 0; i < extra; i++)
                assert_int_equal(record[3 + i], record[1] + i);
            *number = record[1];
            *count = extra;
            return true;
        }
    }
    return false;
}

/* Records of every length, so that the end of the ring is met in every way, three times around. */
static void test_order(void **state)
{
    uint32_t number, expected = 0;
    unsigned count;

    (void)state;
    for (uint32_t i = 0; i < 3 * BYTES; i++) {
        put(i, i % (TRACE_EXTRA_MAX + 1));
        if (i % 3)
            continue;
        while (take(&number, &count)) {
            assert_int_equal(number, expected);
            assert_int_equal(count, expected % (TRACE_EXTRA_MAX + 1));
            expected++;
        }
        assert_int_equal(expected, i + 1);
    }
    assert_int_equal(lost_seen, 0);
}

/* A full ring keeps what it has; what came meanwhile is counted, and said later. */
static void test_loss(void **state)
{
    uint32_t number, taken = 0;
    unsigned count;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++)
        put(i, 4);
    while (take(&number, &count))
        assert_int_equal(number, taken++);
    assert_in_range(taken, BYTES / 28 - 4, BYTES / 28);
    put(1000, 0);
    assert_true(take(&number, &count));
    assert_int_equal(number, 1000);
    assert_int_equal(taken + lost_seen, 1000);
}

/* A reader that writes nonsense loses records, and nothing is written beyond the ring. */
static void test_nonsense(void **state)
{
    const uint32_t nonsense[] = {1, UINT32_MAX, 2 * ring.size, 0x80000000, BYTES};

    (void)state;
    for (unsigned i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        head->cons = nonsense[i];
        uint32_t before = head->prod;
        put(i, TRACE_EXTRA_MAX);
        assert_int_equal(head->prod, before);
    }
    head->cons = 0;
    head->prod = 0x12345678; /* is not read back */
    put(7, 1);
    assert_in_range(head->prod, 1, ring.size);
    assert_int_equal(ring.lost, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_order, set_up),
        cmocka_unit_test_setup(test_loss, set_up),
        cmocka_unit_test_setup(test_nonsense, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
