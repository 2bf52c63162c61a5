/* SPDX-License-Identifier: MIT */
/* SHA-256 against the examples of its standard and against itself in pieces of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/sha256.h"

static void text_of(const char *message, char *text)
{
    struct sha256 sha256;

    sha256_start(&sha256);
    sha256_add(&sha256, message, strlen(message));
    sha256_finish_text(&sha256, text);
}

static void test_examples(void **state)
{
    static const struct {
        const char *message, *digest;
    } examples[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char text[SHA256_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        text_of(examples[i].message, text);
        assert_string_equal(text, examples[i].digest);
    }
}

static void test_million(void **state)
{
    static char chunk[1000];
    char text[SHA256_TEXT_SIZE];
    struct sha256 sha256;

    (void)state;
    memset(chunk, 'a', sizeof(chunk));
    sha256_start(&sha256);
    for (unsigned int i = 0; i < 1000; i++)
        sha256_add(&sha256, chunk, sizeof(chunk));
    sha256_finish_text(&sha256, text);
    assert_string_equal(text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_pieces(void **state)
{
    uint8_t message[300], whole[SHA256_SIZE], pieces[SHA256_SIZE];
    struct sha256 sha256;

    (void)state;
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)(i * 7);
    sha256_start(&sha256);
    sha256_add(&sha256, message, sizeof(message));
    sha256_finish(&sha256, whole);
    for (size_t size = 1; size < sizeof(message); size++) {
        sha256_start(&sha256);
        for (size_t at = 0; at < sizeof(message); at += size)
            sha256_add(&sha256, message + at,
                       size < sizeof(message) - at ? size : sizeof(message) - at);
        sha256_finish(&sha256, pieces);
        assert_memory_equal(pieces, whole, sizeof(whole));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_million),
        cmocka_unit_test(test_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
