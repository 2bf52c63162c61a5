/* SPDX-License-Identifier: MIT */
/* printf formatting: every case is compared with what the C library makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/format.h"

#define ASSERT_LIKE_LIBC(...)                                        \
    do {                                                             \
        char own[128], libc[128];                                    \
        int own_length = format_text(own, sizeof(own), __VA_ARGS__); \
        int libc_length = snprintf(libc, sizeof(libc), __VA_ARGS__); \
        assert_string_equal(own, libc);                              \
        assert_int_equal(own_length, libc_length);                   \
    } while (0)

static void test_integers(void **state)
{
    (void)state;
    ASSERT_LIKE_LIBC("plain, 100%%");
    ASSERT_LIKE_LIBC("%d %i %u", -5, INT32_MIN, UINT32_MAX);
    ASSERT_LIKE_LIBC("%x %X %#x %#X %#x", 0xbeef, 0xbeef, 0xbeef, 0xbeef, 0);
    ASSERT_LIKE_LIBC("%ld %lld %lu", INT64_MIN, (long long)INT64_MAX, UINT64_MAX);
    ASSERT_LIKE_LIBC("%hhd %hhu %hd %hx", -1, 255, -1, 0xffff);
    ASSERT_LIKE_LIBC("%zu %td %jd", (size_t)7, (ptrdiff_t)-8, (intmax_t)-9);
    ASSERT_LIKE_LIBC("%p", (void *)0x1234abcd);
}

static void test_flags(void **state)
{
    (void)state;
    ASSERT_LIKE_LIBC("[%5d] [%-5d] [%05d] [%+d] [% d]", 42, 42, -42, 42, 42);
    ASSERT_LIKE_LIBC("[%016lx] [%#10x] [%#010x] [%-#10x]", 0x1234ul, 0xab, 0xab, 0xab);
    ASSERT_LIKE_LIBC("[%.3d] [%8.3d] [%-8.3d] [%.0d] [%5.0d]", 7, 7, -7, 0, 0);
    ASSERT_LIKE_LIBC("[%*d] [%*d] [%.*d] [%.*d]", 6, 1, -6, 1, 4, 1, -1, 1);
    ASSERT_LIKE_LIBC("[%.2x]%c", 5u, 'z');
}

static void test_strings(void **state)
{
    (void)state;
    const char unterminated[3] = {'a', 'b', 'c'};
    ASSERT_LIKE_LIBC("[%s] [%8s] [%-8s] [%.2s]", "text", "text", "text", "text");
    ASSERT_LIKE_LIBC("[%.*s] [%.0s]", 3, unterminated, "gone");
    ASSERT_LIKE_LIBC("[%c] [%3c] [%-3c]", 'a', 'b', 'c');
    const char *volatile none = NULL;
    char buffer[16];
    assert_int_equal(format_text(buffer, sizeof(buffer), "%s", none), 6);
    assert_string_equal(buffer, "(null)");
}

static void test_truncation(void **state)
{
    (void)state;
    char buffer[6] = "?????";
    assert_int_equal(format_text(buffer, 4, "%s", "abcdef"), 6);
    assert_memory_equal(buffer, "abc\0?", 5);
    assert_int_equal(format_text(buffer, 1, "%d", 12345), 5);
    assert_string_equal(buffer, "");
    assert_int_equal(format_text(NULL, 0, "%d", 12345), 5);
}

/* A specification that ends too early, or that is unknown, must not run past its string. */
static void test_malformed(void **state)
{
    (void)state;
    char buffer[16];
    const char *volatile formats[] = {"%", "%-", "%5", "%.", "%l", "%ll", "%h"};
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
        assert_int_equal(format_text(buffer, sizeof(buffer), formats[i]), 0);
#pragma GCC diagnostic pop
        assert_string_equal(buffer, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),  cmocka_unit_test(test_flags),
        cmocka_unit_test(test_strings),   cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
