/* SPDX-License-Identifier: MIT */
/* Bounded copies, number and size parsing, boot options, and the freestanding string functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/text.h"

static void test_copy(void **state)
{
    (void)state;
    char buffer[5];
    assert_true(text_copy(buffer, "abcd", sizeof(buffer)));
    assert_string_equal(buffer, "abcd");
    assert_false(text_copy(buffer, "abcde", sizeof(buffer)));
    assert_string_equal(buffer, "abcd");
    assert_false(text_copy(buffer, "x", 1));
    assert_string_equal(buffer, "");
}

static void test_starts_with(void **state)
{
    (void)state;
    assert_true(text_starts_with("console=com1", "console="));
    assert_true(text_starts_with("abc", ""));
    assert_false(text_starts_with("ab", "abc"));
}

static void assert_number(const char *text, uint64_t expected, const char *rest)
{
    uint64_t value = 0;
    assert_true(text_parse_unsigned(&text, &value));
    assert_int_equal(value, expected);
    assert_string_equal(text, rest);
}

static void assert_no_number(const char *text)
{
    const char *cursor = text;
    uint64_t value = 77;
    assert_false(text_parse_unsigned(&cursor, &value));
    assert_ptr_equal(cursor, text);
    assert_int_equal(value, 77);
}

static void test_parse_unsigned(void **state)
{
    (void)state;
    assert_number("0", 0, "");
    assert_number("12,3", 12, ",3");
    assert_number("0x1fG", 0x1f, "G");
    assert_number("0x", 0, "x");
    assert_number("18446744073709551615", UINT64_MAX, "");
    assert_number("0xffffffffffffffff", UINT64_MAX, "");
    assert_no_number("18446744073709551616");
    assert_no_number("0x10000000000000000");
    assert_no_number("");
    assert_no_number("-1");
    assert_no_number("abc");
}

static void assert_size(const char *text, uint64_t expected, const char *rest)
{
    uint64_t value = 0;
    assert_true(text_parse_size(&text, &value));
    assert_int_equal(value, expected);
    assert_string_equal(text, rest);
}

static void test_parse_size(void **state)
{
    (void)state;
    assert_size("512M", 512ull << 20, "");
    assert_size("1g,max:2g", 1ull << 30, ",max:2g");
    assert_size("0x10k", 16384, "");
    assert_size("4096", 4096, "");
    uint64_t value = 5;
    const char *text = "17179869184G";
    assert_false(text_parse_size(&text, &value));
    assert_int_equal(value, 5);
}

static void test_option(void **state)
{
    (void)state;
    char value[8];
    const char *line = "dom0_mem=64M  console=com1\tnoreboot console=vga dom0_mem_x=1";
    assert_true(text_option(line, "dom0_mem", value, sizeof(value)));
    assert_string_equal(value, "64M");
    assert_true(text_option(line, "console", value, sizeof(value)));
    assert_string_equal(value, "vga");
    assert_true(text_option(line, "noreboot", value, sizeof(value)));
    assert_string_equal(value, "");
    assert_false(text_option(line, "dom0", value, sizeof(value)));
    assert_false(text_option(line, "reboot", value, sizeof(value)));
    assert_true(text_option("a=123456789", "a", value, sizeof(value)));
    assert_string_equal(value, "1234567");
    assert_true(text_option("a=1", "a", NULL, 0));
    assert_false(text_option("", "a", value, sizeof(value)));
}

static void test_option_unsigned(void **state)
{
    (void)state;
    assert_int_equal(text_option_unsigned("a=7 b=0x10", "a", 1), 7);
    assert_int_equal(text_option_unsigned("a=7 b=0x10", "b", 1), 16);
    assert_int_equal(text_option_unsigned("a=7,8", "a", 1), 7);
    assert_int_equal(text_option_unsigned("a=x", "a", 1), 1);
    assert_int_equal(text_option_unsigned("a", "a", 1), 1);
    assert_int_equal(text_option_unsigned("", "a", 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy),           cmocka_unit_test(test_starts_with),
        cmocka_unit_test(test_parse_unsigned), cmocka_unit_test(test_parse_size),
        cmocka_unit_test(test_option),         cmocka_unit_test(test_option_unsigned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
