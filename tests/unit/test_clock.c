/* SPDX-License-Identifier: MIT */
/* Clock arithmetic: ticks to time and back, and the battery clock's calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hypervisor/processor/clock_scale.h"
#include "hypervisor/processor/wall_clock.h"

#define DAY_NS (86400UL * 1000000000UL)

/* Rates from a slow emulator to beyond today's processors: error below one in a thousand million
 * after a day, and the multiplier always normalized. */
static void test_scale_is_exact(void **state)
{
    (void)state;
    const uint64_t rates[] = {1000000,    99999999,   500000000,  999999999, 1000000000,
                              1000000001, 2596123456, 3999999999, 5800000000};

    for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct clock_scale scale = clock_scale_make(rates[i], 1000000000);
        uint64_t day = clock_scale_ticks(scale, rates[i] * 86400);
        assert_true(scale.multiplier >= 1U << 31);
        assert_true(day <= DAY_NS && DAY_NS - day <= DAY_NS / 1000000000 + 1);
    }
}

static void test_equal_rates(void **state)
{
    (void)state;
    struct clock_scale scale = clock_scale_make(1000000000, 1000000000);

    assert_int_equal(scale.multiplier, 1U << 31);
    assert_int_equal(scale.shift, 1);
    assert_int_equal(clock_scale_ticks(scale, 123456789), 123456789);
}

/* A deadline turned into ticks is never before the deadline, and at most some ticks after it. */
static void test_deadline_is_not_early(void **state)
{
    (void)state;
    const uint64_t rates[] = {100000000, 1000000000, 2596123456, 5800000000};

    for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct clock_scale scale = clock_scale_make(rates[i], 1000000000);
        for (uint64_t ns = 1; ns < DAY_NS * 1000; ns = ns * 3 + 1) {
            uint64_t ticks = clock_scale_nanoseconds(scale, ns);
            assert_true(clock_scale_ticks(scale, ticks) >= ns);
            assert_true(clock_scale_ticks(scale, ticks) - ns <= 20);
        }
    }
}

/* A guest may name any deadline. */
static void test_absurd_deadline(void **state)
{
    (void)state;
    const uint64_t rates[] = {1000000, 1000000000, 5800000000};

    for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct clock_scale scale = clock_scale_make(rates[i], 1000000000);
        uint64_t farthest = clock_scale_nanoseconds(scale, CLOCK_SCALE_MAX);
        assert_int_equal(clock_scale_nanoseconds(scale, ~0UL), farthest);
        assert_int_equal(clock_scale_nanoseconds(scale, 1UL << 63), farthest);
        assert_true(farthest > clock_scale_nanoseconds(scale, DAY_NS));
    }
}

static void test_epoch(void **state)
{
    (void)state;
    const struct {
        struct wall_clock_date date;
        uint64_t seconds;
    } known[] = {
        {{1970, 1, 1, 0, 0, 0}, 0},
        {{1972, 2, 29, 12, 0, 0}, 68212800},
        {{2000, 2, 29, 23, 59, 59}, 951868799},
        {{2000, 3, 1, 0, 0, 0}, 951868800},
        {{2038, 1, 19, 3, 14, 8}, 2147483648},
        {{2100, 3, 1, 0, 0, 0}, 4107542400},
    };

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_true(wall_clock_valid(&known[i].date));
        assert_int_equal(wall_clock_epoch(&known[i].date), known[i].seconds);
    }
}

static void test_decode(void **state)
{
    (void)state;
    const uint8_t decimal[7] = {0x59, 0x58, 0x23, 0x31, 0x12, 0x99, 0x19};
    const uint8_t binary[7] = {59, 58, 0x80 | 12, 31, 12, 26, 0};

    struct wall_clock_date date = wall_clock_decode(decimal, 0x02);
    assert_int_equal(date.year, 1999);
    assert_int_equal(date.hour, 23);
    assert_int_equal(date.second, 59);
    date = wall_clock_decode(binary, 0x04); /* 12 hours, no century: 12 pm is noon */
    assert_int_equal(date.year, 2026);
    assert_int_equal(date.hour, 12);
}

static void test_nonsense_is_refused(void **state)
{
    (void)state;
    const uint8_t garbage[7] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct wall_clock_date date = wall_clock_decode(garbage, 0xff);

    assert_false(wall_clock_valid(&date));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scale_is_exact),
        cmocka_unit_test(test_equal_rates),
        cmocka_unit_test(test_deadline_is_not_early),
        cmocka_unit_test(test_absurd_deadline),
        cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
