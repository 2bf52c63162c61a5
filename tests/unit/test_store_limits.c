/* SPDX-License-Identifier: MIT */
/* The store at its limits: quotas, memory that is out, messages without sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvguest/control/store_account.h"
#include "pvguest/control/store_quota.h"
#include "tests/unit/host_heap.h"
#include "tests/unit/store_machine.h"
#include <xen/errno.h>

static void quotas_hold(void **state)
{
    static char large[STORE_QUOTA_VALUE + 2];
    char path[64];
    unsigned int count = 0;
    int error;

    (void)state;
    memset(large, 'v', STORE_QUOTA_VALUE + 1);
    assert_int_equal(client_write(&one, 0, "v", large), -XEN_ENOSPC);
    do {
        snprintf(path, sizeof(path), "n/%u", count++);
        error = client_mkdir(&one, 0, path);
    } while (!error);
    assert_int_equal(error, -XEN_ENOSPC);
    assert_int_equal(store_account_find(&database.accounts, 1)->usage.nodes, STORE_QUOTA_NODES);
    assert_int_equal(client_mkdir(&two, 0, "n"), 0);
    assert_int_equal(client_remove(&one, 0, "n"), 0);

    large[STORE_QUOTA_VALUE] = '\0';
    count = 0;
    do {
        snprintf(path, sizeof(path), "v/%u", count++);
        error = client_write(&one, 0, path, large);
    } while (!error);
    assert_int_equal(error, -XEN_ENOSPC);
    assert_in_range(store_account_find(&database.accounts, 1)->usage.bytes,
                    STORE_QUOTA_BYTES - 2 * STORE_QUOTA_VALUE, STORE_QUOTA_BYTES);
    /* The same through a transaction: nothing gained. */
    assert_int_equal(client_write(&one, client_start(&one), path, large), -XEN_ENOSPC);
}

static void connection_quotas_hold(void **state)
{
    char path[64], token[STORE_QUOTA_TOKEN + 1];

    (void)state;
    for (unsigned int i = 0; i < STORE_QUOTA_WATCHES; i++) {
        snprintf(path, sizeof(path), "w/%u", i);
        assert_int_equal(client_watch(&one, path, "t"), 0);
        assert_non_null(client_event(&one));
    }
    assert_int_equal(client_watch(&one, "more", "t"), -XEN_ENOSPC);
    memset(token, 't', sizeof(token));
    token[STORE_QUOTA_TOKEN] = '\0';
    assert_int_equal(client_watch(&two, "more", token), -XEN_E2BIG);
    for (unsigned int i = 0; i < STORE_QUOTA_TRANSACTIONS; i++)
        assert_int_not_equal(client_start(&one), 0);
    assert_int_equal(client_request(&one, XS_TRANSACTION_START, 0, "", 1), -XEN_ENOSPC);
    assert_int_equal(client_request(&one, XS_RESET_WATCHES, 0, "", 1), 0);
    assert_int_not_equal(client_start(&one), 0);
    assert_int_equal(client_watch(&one, "more", "t"), 0);
}

/* Each name of a watched path costs memory, and a path may have many. */
static void deep_watches_are_bounded(void **state)
{
    const unsigned int names = XENSTORE_REL_PATH_MAX / 2 - 8;
    long blocks = host_heap_blocks();
    char path[XENSTORE_REL_PATH_MAX] = "00";
    unsigned int held = 0;

    (void)state;
    for (unsigned int i = 0; i < names; i++)
        strcat(path, "/x");
    for (unsigned int i = 0; i < STORE_QUOTA_WATCHES; i++) {
        path[0] = (char)('A' + i / 10);
        path[1] = (char)('0' + i % 10);
        int error = client_watch(&one, path, "t");
        assert_true(error == 0 || error == -XEN_ENOSPC);
        held += error == 0;
    }
    assert_in_range(held, 1, STORE_QUOTA_WATCHED_NAMES / names);
    assert_in_range(host_heap_blocks() - blocks, held, STORE_QUOTA_WATCHED_NAMES + 4 * held);
    assert_int_equal(client_watch(&one, "w", "t"), 0);
    /* What is given back may be used again. */
    path[0] = 'A';
    path[1] = '0';
    assert_int_equal(client_request(&one, XS_RESET_WATCHES, 0, "", 1), 0);
    assert_int_equal(client_watch(&one, path, "t"), 0);
}

static void transaction_records_are_bounded(void **state)
{
    uint32_t id = client_start(&one);
    unsigned int count = 0;
    int error;

    (void)state;
    do {
        error = client_write(&one, id, "again", "x");
        count++;
    } while (!error);
    assert_int_equal(error, -XEN_ENOSPC);
    assert_in_range(count, 100, STORE_QUOTA_TRANSACTION_OPERATIONS + 1);
    assert_int_equal(client_end(&one, id, true), 0);
}

/* Memory fails at every point of a few requests: an answer each time, and a consistent tree. */
static void exhaustion_is_survived(void **state)
{
    (void)state;
    for (long point = 0; point < 80; point++) {
        char path[32];
        uint32_t id;

        snprintf(path, sizeof(path), "x/%ld/y", point);
        id = client_start(&one);
        host_heap_fail_after(point);
        client_write(&one, id, path, "value");
        client_write(&one, id, "x/again", "value");
        client_read(&one, id, "x");
        client_watch(&two, path, "t");
        client_end(&one, id, true);
        client_write(&one, 0, path, "other");
        client_permit(&control, "/local/domain/1/x", "n1 r2");
        client_remove(&one, 0, path);
        host_heap_fail_after(-1);
        client_end(&one, id, false);
        store_machine_audit();
    }
    while (client_event(&two) != NULL)
        ;
}

static uint32_t random_state = 20;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

/* Pieces that requests are made of, put together without sense. */
static size_t random_payload(char *payload)
{
    static const char *const words[] = {
        "",
        "a",
        "/",
        "b",
        "/local/domain/1",
        "/local/domain/2/",
        "T",
        "F",
        "n1",
        "r2",
        "b0",
        "@x",
        "0",
        "7",
        "4096",
        "a/b/c",
        "@releaseDomain",
        "18446744073709551616",
        "value",
        "t1",
        "t2",
    };
    size_t size = 0;

    for (uint32_t count = random_below(6); count > 0; count--) {
        const char *word = words[random_below(sizeof(words) / sizeof(words[0]))];

        memcpy(payload + size, word, strlen(word));
        size += strlen(word);
        if (random_below(4) == 0)
            payload[size++] = '/';
        if (random_below(3) > 0)
            payload[size++] = '\0';
    }
    return size;
}

/* Any sequence of messages is answered, the figures stay true and memory comes back. */
static void random_messages_are_survived(void **state)
{
    struct store_client *const clients[] = {&one, &two, &control};
    uint32_t transactions[4] = {0};
    char payload[256];

    (void)state;
    for (unsigned int round = 0; round < 60000; round++) {
        struct store_client *client = clients[random_below(round % 50 ? 2 : 3)];
        uint32_t *transaction = &transactions[random_below(4)];
        uint32_t type = random_below(XS_TYPE_COUNT + 1);
        size_t size = random_payload(payload);
        int error = client_request(client, type, *transaction, payload, size);

        if (!error && type == XS_TRANSACTION_START)
            *transaction = (uint32_t)strtoul(client->payload, NULL, 10);
        if (!error && type == XS_TRANSACTION_END)
            *transaction = 0;
        if (round % 200 == 0)
            store_machine_audit();
        if (round % 7 == 0)
            client_event(client);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_machine_begin, store_machine_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(quotas_hold),
        TEST(connection_quotas_hold),
        TEST(deep_watches_are_bounded),
        TEST(transaction_records_are_bounded),
        TEST(exhaustion_is_survived),
        TEST(random_messages_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
