/* SPDX-License-Identifier: MIT */
/*
 * The console back end's ring against an honest and a hostile guest, and the flood limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <xen/errno.h>

#include "drivers/console/back_limit.h"
#include "drivers/console/back_ring.h"

#define SECOND_NS 1000000000ULL

static struct xencons_interface page;
static struct console_back_ring ring;

static int reset(void **state)
{
    (void)state;
    memset(&page, 0, sizeof(page));
    console_back_ring_init(&ring, &page);
    return 0;
}

static void guest_write(const char *text)
{
    for (; *text != '\0'; text++)
        page.out[MASK_XENCONS_IDX(page.out_prod++, page.out)] = *text;
}

static void test_output(void **state)
{
    char text[16];

    (void)state;
    guest_write("hello");
    assert_int_equal(console_back_ring_take(&ring, text, 3), 3);
    assert_memory_equal(text, "hel", 3);
    assert_int_equal(console_back_ring_take(&ring, text, sizeof(text)), 2);
    assert_memory_equal(text, "lo", 2);
    assert_int_equal(console_back_ring_take(&ring, text, sizeof(text)), 0);
    assert_int_equal(page.out_cons, 5);
}

static void test_output_wraps(void **state)
{
    char text[16];

    (void)state;
    page.out_prod = page.out_cons = UINT32_MAX - 1;
    console_back_ring_init(&ring, &page);
    guest_write("wrap");
    assert_int_equal(console_back_ring_take(&ring, text, sizeof(text)), 4);
    assert_memory_equal(text, "wrap", 4);
}

static void test_full_ring_is_legal(void **state)
{
    static char text[sizeof(page.out) + 1];

    (void)state;
    page.out_prod = sizeof(page.out);
    assert_int_equal(console_back_ring_take(&ring, text, sizeof(text)), sizeof(page.out));
}

static void test_output_hostile(void **state)
{
    char text[16];

    (void)state;
    page.out_prod = sizeof(page.out) + 1;
    assert_int_equal(console_back_ring_take(&ring, text, sizeof(text)), -XEN_EINVAL);
    page.out_prod = UINT32_MAX;
    assert_int_equal(console_back_ring_take(&ring, text, sizeof(text)), -XEN_EINVAL);
    /* Our own index is private: rewriting the shared one changes nothing. */
    page.out_prod = 0;
    page.out_cons = 77;
    assert_int_equal(console_back_ring_take(&ring, text, sizeof(text)), 0);
}

static void test_input(void **state)
{
    char text[sizeof(page.in) + 10];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(console_back_ring_give(&ring, "ab", 2), 2);
    assert_memory_equal(page.in, "ab", 2);
    assert_int_equal(console_back_ring_give(&ring, text, sizeof(text)), sizeof(page.in) - 2);
    assert_int_equal(console_back_ring_give(&ring, text, sizeof(text)), 0);
    page.in_cons = 5;
    assert_int_equal(console_back_ring_give(&ring, text, sizeof(text)), 5);
}

static void test_input_hostile(void **state)
{
    (void)state;
    page.in_cons = 1;
    assert_int_equal(console_back_ring_give(&ring, "a", 1), -XEN_EINVAL);
    page.in_cons = 0x80000000;
    assert_int_equal(console_back_ring_give(&ring, "a", 1), -XEN_EINVAL);
}

static void test_limit(void **state)
{
    struct console_limit limit;

    (void)state;
    console_limit_init(&limit, 1000);
    assert_int_equal(console_limit_budget(&limit, 1000), CONSOLE_LIMIT_BURST);
    console_limit_spend(&limit, CONSOLE_LIMIT_BURST);
    assert_int_equal(console_limit_budget(&limit, 1000), 0);
    console_limit_spend(&limit, 1);
    assert_int_equal(console_limit_budget(&limit, 1000 + SECOND_NS / 16),
                     CONSOLE_LIMIT_PER_SECOND / 16);
    assert_int_equal(console_limit_budget(&limit, 1000 + 100 * SECOND_NS), CONSOLE_LIMIT_BURST);
}

/* Looking often must not lose the fractions of a byte. */
static void test_limit_small_steps(void **state)
{
    struct console_limit limit;
    uint64_t now = 0;

    (void)state;
    console_limit_init(&limit, now);
    console_limit_spend(&limit, CONSOLE_LIMIT_BURST);
    while (now < SECOND_NS / 8) {
        now += 1000;
        console_limit_budget(&limit, now);
    }
    assert_in_range(console_limit_budget(&limit, now), CONSOLE_LIMIT_PER_SECOND / 8 * 9 / 10,
                    CONSOLE_LIMIT_PER_SECOND / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_output, reset),
        cmocka_unit_test_setup(test_output_wraps, reset),
        cmocka_unit_test_setup(test_full_ring_is_legal, reset),
        cmocka_unit_test_setup(test_output_hostile, reset),
        cmocka_unit_test_setup(test_input, reset),
        cmocka_unit_test_setup(test_input_hostile, reset),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_limit_small_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
