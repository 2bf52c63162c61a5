/* SPDX-License-Identifier: MIT */
/* The timer heap gives timers back in order, whatever is taken out of its middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "hypervisor/panic.h"
#include "hypervisor/processor/timer_heap.h"

#define TIMERS 500

void panic(const char *format, ...)
{
    (void)format;
    fail_msg("panic");
    abort();
}

static struct timer *slots[TIMERS + 1];
static struct timer timers[TIMERS];
static struct timer_heap heap;
static uint64_t seed;

static uint64_t random_number(void)
{
    seed = seed * 6364136223846793005UL + 1442695040888963407UL;
    return seed >> 33;
}

static void begin(uint64_t with_seed)
{
    seed = with_seed;
    heap = (struct timer_heap){.slots = slots, .capacity = TIMERS + 1};
    for (unsigned i = 0; i < TIMERS; i++)
        timers[i] = (struct timer){.deadline = 0};
}

static void check_heap(void)
{
    for (uint32_t i = 1; i <= heap.count; i++) {
        assert_int_equal(slots[i]->position, i);
        if (i > 1)
            assert_true(slots[i / 2]->deadline <= slots[i]->deadline);
    }
}

static void test_order(void **state)
{
    (void)state;
    uint64_t last = 0;

    begin(1);
    for (unsigned i = 0; i < TIMERS; i++) {
        timers[i].deadline = random_number() % 1000;
        timer_heap_insert(&heap, &timers[i]);
    }
    check_heap();
    for (unsigned i = 0; i < TIMERS; i++) {
        struct timer *first = slots[1];
        assert_true(first->deadline >= last);
        last = first->deadline;
        timer_heap_remove(&heap, first);
        assert_int_equal(first->position, 0);
    }
    assert_int_equal(heap.count, 0);
}

static void test_random_changes(void **state)
{
    (void)state;
    unsigned in_heap = 0;

    begin(2);
    for (unsigned step = 0; step < 20000; step++) {
        struct timer *timer = &timers[random_number() % TIMERS];
        if (timer->position) {
            timer_heap_remove(&heap, timer);
            in_heap--;
        } else {
            timer->deadline = random_number() % 100;
            timer_heap_insert(&heap, timer);
            in_heap++;
        }
        assert_int_equal(heap.count, in_heap);
        if (step % 64 == 0)
            check_heap();
    }
    check_heap();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_random_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
