/* SPDX-License-Identifier: MIT */
/*
 * The freestanding memory and string functions against the C library's. They are compiled here
 * under names of their own, so that both are there to be compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define memcpy  own_memcpy
#define memmove own_memmove
#define memset  own_memset
#define memcmp  own_memcmp
#define memchr  own_memchr
#define strlen  own_strlen
#define strnlen own_strnlen
#define strcmp  own_strcmp
#define strncmp own_strncmp
#define strchr  own_strchr
#define strrchr own_strrchr
#define strstr  own_strstr
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr

#define SIZE 64

static void fill(unsigned char *buffer)
{
    for (int i = 0; i < SIZE; i++)
        buffer[i] = i + 1;
}

/* Every offset, distance and size within a small buffer, so also every kind of overlap. */
static void test_moves(void **state)
{
    (void)state;
    unsigned char own[SIZE], libc[SIZE];
    for (int from = 0; from < 32; from++) {
        for (int to = 0; to < 32; to++) {
            for (int size = 0; size <= 32; size++) {
                fill(own);
                fill(libc);
                assert_ptr_equal(own_memmove(own + to, own + from, size), own + to);
                memmove(libc + to, libc + from, size);
                assert_memory_equal(own, libc, SIZE);
            }
        }
    }
}

static void test_copy_and_set(void **state)
{
    (void)state;
    unsigned char own[SIZE], libc[SIZE], source[SIZE];
    fill(source);
    for (int size = 0; size <= SIZE; size++) {
        memset(libc, 0, SIZE);
        assert_ptr_equal(own_memset(own, 0, SIZE), own);
        assert_memory_equal(own, libc, SIZE);
        own_memcpy(own, source, size);
        memcpy(libc, source, size);
        assert_memory_equal(own, libc, SIZE);
        own_memset(own, 0x1a5, size);
        memset(libc, 0xa5, size);
        assert_memory_equal(own, libc, SIZE);
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void test_comparisons(void **state)
{
    (void)state;
    unsigned char left[SIZE], right[SIZE];
    for (int i = 0; i < 24; i++) {
        fill(left);
        fill(right);
        right[i] = 0xff;
        assert_int_equal(own_memcmp(left, right, i), 0);
        assert_int_equal(sign(own_memcmp(left, right, i + 1)), -1);
        assert_int_equal(sign(own_memcmp(right, left, SIZE)), 1);
        assert_ptr_equal(own_memchr(right, 0xff, SIZE), right + i);
        assert_null(own_memchr(right, 0xff, i));
    }
    assert_int_equal(own_strcmp("abc", "abc"), 0);
    assert_int_equal(sign(own_strcmp("abc", "abcd")), -1);
    assert_int_equal(sign(own_strcmp("\x80", "a")), 1);
    assert_int_equal(own_strncmp("abcx", "abcy", 3), 0);
    assert_int_equal(own_strncmp("abc", "abc", 10), 0);
}

static void test_searches(void **state)
{
    (void)state;
    const char *text = "one two two";
    assert_int_equal(own_strlen(text), 11);
    assert_int_equal(own_strnlen(text, 4), 4);
    assert_int_equal(own_strnlen(text, 40), 11);
    assert_ptr_equal(own_strchr(text, 't'), text + 4);
    assert_ptr_equal(own_strrchr(text, 't'), text + 8);
    assert_ptr_equal(own_strchr(text, 0), text + 11);
    assert_ptr_equal(own_strrchr(text, 0), text + 11);
    assert_null(own_strchr(text, 'z'));
    assert_null(own_strrchr(text, 'z'));
    assert_ptr_equal(own_strstr(text, "two"), text + 4);
    assert_ptr_equal(own_strstr(text, ""), text);
    assert_null(own_strstr(text, "twos"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_copy_and_set),
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_searches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
