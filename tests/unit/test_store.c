/* SPDX-License-Identifier: MIT */
/* The store's logic through its wire protocol: paths, rights, values, transactions, watches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvguest/control/store_account.h"
#include "pvguest/control/store_observer.h"
#include "pvguest/control/store_quota.h"
#include "tests/unit/host_heap.h"
#include "tests/unit/store_client.h"
#include <xen/errno.h>

static struct store_database database;
static struct store_client control, one, two;
static unsigned int introduced, released;

static int introduce(domid_t domain, uint64_t mfn, evtchn_port_t port)
{
    introduced++;
    return domain == 7 && mfn == 1234 && port == 9 ? 0 : -XEN_EINVAL;
}

static int release(domid_t domain)
{
    released = domain;
    return 0;
}

static const struct store_domain_hooks hooks = {.introduce = introduce, .release = release};

/* Domains 1 and 2 with a home of their own each, as the control domain makes them. */
static int setup(void **state)
{
    (void)state;
    assert_int_equal(store_database_init(&database, &hooks), 0);
    client_begin(&control, &database, 0);
    client_begin(&one, &database, 1);
    client_begin(&two, &database, 2);
    assert_int_equal(client_mkdir(&control, 0, "/local/domain/1"), 0);
    assert_int_equal(client_permit(&control, "/local/domain/1", "n1 r2"), 0);
    assert_int_equal(client_mkdir(&control, 0, "/local/domain/2"), 0);
    assert_int_equal(client_permit(&control, "/local/domain/2", "n2"), 0);
    return 0;
}

struct sum {
    domid_t domain;
    struct store_usage usage;
};

static void sum_node(struct store_node *node, void *argument)
{
    struct sum *sum = argument;

    if (node->permissions.entries[0].domain != sum->domain)
        return;
    sum->usage.nodes++;
    sum->usage.bytes += store_node_bytes(node);
}

static void audit_account(struct domain_link *link, void *argument)
{
    struct store_account *account = container_of(link, struct store_account, link);
    struct sum sum = {.domain = link->domain};

    (void)argument;
    store_node_visit(database.root, sum_node, &sum);
    if (link->domain == 0) {
        sum.usage.nodes--;
        sum.usage.bytes -= store_node_bytes(database.root);
    }
    assert_int_equal(account->usage.nodes, sum.usage.nodes);
    assert_int_equal(account->usage.bytes, sum.usage.bytes);
}

static void count_mentions(struct store_node *node, void *argument)
{
    struct store_mentions *mentions = argument;

    for (unsigned int i = 1; i < node->permissions.count; i++)
        mentions->counts[node->permissions.entries[i].domain % STORE_MENTIONS]++;
}

/*
 * Every account is what a count of the tree gives, and so are the mentions unless they say that
 * they are not. The root itself is nobody's.
 */
static void audit(void)
{
    struct store_mentions counted = {0};

    domain_table_visit(&database.accounts.table, audit_account, NULL);
    store_node_visit(database.root, count_mentions, &counted);
    if (!database.mentions.unknown)
        assert_memory_equal(&database.mentions, &counted, sizeof counted);
}

static int teardown(void **state)
{
    (void)state;
    audit();
    store_connection_end(&control.connection);
    store_connection_end(&one.connection);
    store_connection_end(&two.connection);
    assert_int_equal(database.places.count, 0);
    store_database_destroy(&database);
    assert_int_equal(host_heap_blocks(), 0);
    return 0;
}

static void values_are_kept(void **state)
{
    (void)state;
    assert_int_equal(client_write(&one, 0, "device/vbd/1/state", "3"), 0);
    assert_int_equal(client_read(&control, 0, "/local/domain/1/device/vbd/1/state"), 0);
    assert_string_equal(control.payload, "3");
    assert_int_equal(control.header.len, 1);
    assert_int_equal(client_read(&one, 0, "device/vbd/1"), 0);
    assert_int_equal(one.header.len, 0);
    assert_int_equal(client_request(&one, XS_WRITE, 0, "bin\0a\0b", 7), 0);
    assert_int_equal(client_read(&one, 0, "bin"), 0);
    assert_memory_equal(one.payload, "a\0b", 3);
    assert_int_equal(one.header.len, 3);
    assert_int_equal(client_write(&one, 0, "bin", ""), 0);
    assert_int_equal(client_read(&one, 0, "bin"), 0);
    assert_int_equal(one.header.len, 0);
}

static void bad_paths_are_refused(void **state)
{
    static const char *const bad[] = {
        "", "//", "/a//b", "/a/", "a/", "/a b", "/a.b", "/a\n", "@releaseDomain", "/a:b",
    };
    char path[XENSTORE_ABS_PATH_MAX + 2];

    (void)state;
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(client_read(&control, 0, bad[i]), -XEN_EINVAL);
        assert_int_equal(client_write(&control, 0, bad[i], "x"), -XEN_EINVAL);
    }
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(client_mkdir(&control, 0, path), -XEN_EINVAL);
    path[sizeof(path) - 2] = '\0';
    assert_int_equal(client_mkdir(&control, 0, path), 0);
    path[XENSTORE_REL_PATH_MAX + 2] = '\0';
    assert_int_equal(client_mkdir(&one, 0, path + 1), -XEN_EINVAL);
    path[XENSTORE_REL_PATH_MAX + 1] = '\0';
    assert_int_equal(client_mkdir(&one, 0, path + 1), 0);
}

static void malformed_messages_are_answered(void **state)
{
    (void)state;
    for (uint32_t type = 0; type < 64; type++) {
        int error = client_request(&one, type, 0, "x", 1);

        if (type != XS_RESET_WATCHES && type != XS_TRANSACTION_START)
            assert_in_set(-error, ((uintmax_t[]){XEN_EINVAL, XEN_ENOSYS, XEN_EACCES, XEN_ENOENT}),
                          4);
        client_request(&one, type, 0, "", 0);
        client_request(&one, type, 0, "\0\0\0", 3);
    }
    assert_int_equal(client_request(&one, XS_READ, 0, "a\0b", 4), -XEN_EINVAL);
    assert_int_equal(client_request(&one, XS_WATCH, 0, "a\0b", 3), -XEN_EINVAL);
    assert_int_equal(client_request(&one, XS_WATCH, 0, "a\0b\0c", 6), -XEN_EINVAL);
    assert_int_equal(client_read(&one, 77, "a"), -XEN_ENOENT);
    assert_int_equal(client_request(&one, 0xffff, 0, "", 0), -XEN_ENOSYS);
    assert_int_equal(client_request(&one, XS_TRANSACTION_END, 0, "T", 2), -XEN_ENOENT);
}

static void rights_are_kept(void **state)
{
    (void)state;
    assert_int_equal(client_write(&one, 0, "data", "1"), 0);
    assert_int_equal(client_read(&two, 0, "/local/domain/1/data"), 0);
    assert_int_equal(client_write(&two, 0, "/local/domain/1/data", "2"), -XEN_EACCES);
    assert_int_equal(client_write(&two, 0, "/local/domain/1/new", "2"), -XEN_EACCES);
    assert_int_equal(client_remove(&two, 0, "/local/domain/1/data"), -XEN_EACCES);
    assert_int_equal(client_permit(&two, "/local/domain/1/data", "b2"), -XEN_EACCES);
    assert_int_equal(client_read(&one, 0, "/local/domain/2"), -XEN_EACCES);
    assert_int_equal(client_read(&one, 0, "/local/domain/2/x"), -XEN_EACCES);
    assert_int_equal(client_read(&one, 0, "/local/nothing"), -XEN_ENOENT);
    assert_int_equal(client_write(&one, 0, "/mine", "x"), -XEN_EACCES);
    assert_int_equal(client_permit(&one, "data", "n2"), -XEN_EPERM);
    assert_int_equal(client_permit(&one, "data", "n1 w2"), 0);
    assert_int_equal(client_write(&two, 0, "/local/domain/1/data/deep", "2"), 0);
    assert_int_equal(client_request(&control, XS_GET_PERMS, 0, "/local/domain/1/data/deep", 26), 0);
    assert_memory_equal(control.payload, "n2\0w2", 6);
    assert_int_equal(client_read(&two, 0, "/local/domain/1/data"), -XEN_EACCES);
    assert_int_equal(client_permit(&one, "data", "x1"), -XEN_EINVAL);
    assert_int_equal(client_permit(&one, "data", "n"), -XEN_EINVAL);
    assert_int_equal(client_permit(&one, "data", "n1 n2 n3 n4 n5 n6 n7"), -XEN_ENOSPC);
}

static void control_requests_need_privilege(void **state)
{
    (void)state;
    assert_int_equal(client_request(&one, XS_INTRODUCE, 0,
                                    "7\0"
                                    "1234\0"
                                    "9",
                                    9),
                     -XEN_EACCES);
    assert_int_equal(client_request(&one, XS_RELEASE, 0, "7", 2), -XEN_EACCES);
    assert_int_equal(client_request(&one, XS_SET_TARGET, 0,
                                    "1\0"
                                    "2",
                                    4),
                     -XEN_EACCES);
    assert_int_equal(introduced, 0);
    assert_int_equal(client_request(&control, XS_INTRODUCE, 0,
                                    "7\0"
                                    "1234\0"
                                    "9",
                                    9),
                     0);
    assert_int_equal(client_request(&control, XS_INTRODUCE, 0,
                                    "7\0"
                                    "1234",
                                    7),
                     -XEN_EINVAL);
    assert_int_equal(client_request(&control, XS_RELEASE, 0, "7", 2), 0);
    assert_int_equal(released, 7);
    assert_int_equal(client_request(&control, XS_SET_TARGET, 0,
                                    "1\0"
                                    "2",
                                    4),
                     0);
    assert_int_equal(client_write(&one, 0, "/local/domain/2/x", "1"), 0);
    assert_int_equal(client_request(&one, XS_IS_DOMAIN_INTRODUCED, 0, "2", 2), 0);
    assert_string_equal(one.payload, "T");
    assert_int_equal(client_request(&one, XS_IS_DOMAIN_INTRODUCED, 0, "3", 2), 0);
    assert_string_equal(one.payload, "F");
    assert_int_equal(client_request(&one, XS_GET_DOMAIN_PATH, 0, "12", 3), 0);
    assert_string_equal(one.payload, "/local/domain/12");
}

static void removal_takes_all_below(void **state)
{
    (void)state;
    assert_int_equal(client_write(&one, 0, "a/b/c", "1"), 0);
    assert_int_equal(client_remove(&one, 0, "a/x"), 0);
    assert_int_equal(client_remove(&one, 0, "a/x/y"), -XEN_ENOENT);
    assert_int_equal(client_remove(&one, 0, "a"), 0);
    assert_int_equal(client_read(&one, 0, "a/b/c"), -XEN_ENOENT);
    assert_int_equal(client_remove(&control, 0, "/"), -XEN_EINVAL);
    assert_int_equal(client_remove(&control, 0, "/local/domain/1"), 0);
    assert_null(store_account_find(&database.accounts, 1)->usage.nodes ? &one : NULL);
}

static void directories_come_whole_or_in_parts(void **state)
{
    char path[64], request[32] = "big\0"
                                 "0";
    char names[8192];
    size_t total = 0;

    (void)state;
    for (unsigned int i = 0; i < 600; i++) {
        snprintf(path, sizeof(path), "big/name-%03u", i);
        assert_int_equal(client_mkdir(&one, 0, path), 0);
    }
    assert_int_equal(client_request(&one, XS_DIRECTORY, 0, "big", 4), -XEN_E2BIG);
    for (;;) {
        size_t size = 4 + (size_t)snprintf(request + 4, sizeof(request) - 4, "%zu", total) + 1;
        size_t generation, count;

        assert_int_equal(client_request(&one, XS_DIRECTORY_PART, 0, request, size), 0);
        generation = strlen(one.payload) + 1;
        count = one.header.len - generation;
        memcpy(names + total, one.payload + generation, count);
        total += count;
        if (names[total - 1] == '\0' && (total == 1 || names[total - 2] == '\0'))
            break;
    }
    assert_int_equal(total, 600 * 9 + 1);
    assert_string_equal(names, "name-000");
    assert_string_equal(names + 599 * 9, "name-599");
    assert_int_equal(client_request(&control, XS_DIRECTORY, 0, "/", 2), 0);
    assert_memory_equal(control.payload, "local\0tool", 11);
}

static void transactions_are_isolated(void **state)
{
    uint32_t first, second;

    (void)state;
    first = client_start(&one);
    assert_int_not_equal(first, 0);
    assert_int_equal(client_write(&one, first, "a", "1"), 0);
    assert_int_equal(client_read(&one, 0, "a"), -XEN_ENOENT);
    assert_int_equal(client_read(&one, first, "a"), 0);
    assert_int_equal(client_read(&two, first, "a"), -XEN_ENOENT);
    assert_int_equal(client_end(&one, first, true), 0);
    assert_int_equal(client_read(&one, 0, "a"), 0);
    assert_int_equal(client_read(&one, first, "a"), -XEN_ENOENT);
    second = client_start(&one);
    assert_int_equal(client_remove(&one, second, "a"), 0);
    assert_int_equal(client_read(&one, second, "a"), -XEN_ENOENT);
    assert_int_equal(client_end(&one, second, false), 0);
    assert_int_equal(client_read(&one, 0, "a"), 0);
    assert_int_equal(client_request(&one, XS_TRANSACTION_START, client_start(&one), "", 1),
                     -XEN_EBUSY);
}

static void conflicts_are_found(void **state)
{
    uint32_t first, second;

    (void)state;
    assert_int_equal(client_write(&one, 0, "a", "1"), 0);
    first = client_start(&one);
    assert_int_equal(client_read(&one, first, "a"), 0);
    assert_int_equal(client_write(&one, first, "b", "1"), 0);
    assert_int_equal(client_write(&control, 0, "/local/domain/1/a", "2"), 0);
    assert_int_equal(client_end(&one, first, true), -XEN_EAGAIN);
    assert_int_equal(client_read(&one, 0, "b"), -XEN_ENOENT);

    /* Something that was missing appears; a change elsewhere does not matter. */
    first = client_start(&one);
    second = client_start(&one);
    assert_int_equal(client_read(&one, first, "c"), -XEN_ENOENT);
    assert_int_equal(client_write(&one, second, "d/e", "1"), 0);
    assert_int_equal(client_write(&one, second, "d/f", "1"), 0);
    assert_int_equal(client_read(&one, second, "d"), 0);
    assert_int_equal(client_write(&one, 0, "c", "1"), 0);
    assert_int_equal(client_end(&one, first, true), -XEN_EAGAIN);
    assert_int_equal(client_end(&one, second, true), 0);
    assert_int_equal(client_read(&one, 0, "d/f"), 0);
    audit();

    /* A list of children that grew is a change of their parent. */
    first = client_start(&one);
    assert_int_equal(client_request(&one, XS_DIRECTORY, first, "d", 2), 0);
    assert_int_equal(client_write(&one, 0, "d/g", "1"), 0);
    assert_int_equal(client_end(&one, first, true), -XEN_EAGAIN);
}

static void transactions_can_grow_permissions(void **state)
{
    uint32_t id = client_start(&control);

    (void)state;
    assert_int_equal(client_write(&control, id, "/tool/x", "1"), 0);
    assert_int_equal(client_request(&control, XS_SET_PERMS, id, "/tool/x\0n0\0b1", 14), 0);
    assert_int_equal(client_end(&control, id, true), 0);
    assert_int_equal(client_write(&one, 0, "/tool/x", "2"), 0);
    audit();
}

static void watches_fire(void **state)
{
    (void)state;
    assert_int_equal(client_watch(&one, "device", "t1"), 0);
    assert_string_equal(client_event(&one), "device|t1");
    assert_int_equal(client_watch(&one, "device", "t1"), -XEN_EEXIST);
    assert_int_equal(client_watch(&control, "/local/domain/1/device/x/y", "t2"), 0);
    assert_string_equal(client_event(&control), "/local/domain/1/device/x/y|t2");

    assert_int_equal(client_write(&one, 0, "device/x/y", "1"), 0);
    assert_string_equal(client_event(&one), "device/x/y|t1");
    assert_null(client_event(&one));
    assert_string_equal(client_event(&control), "/local/domain/1/device/x/y|t2");
    assert_int_equal(client_write(&one, 0, "device/x/y2", "1"), 0);
    assert_null(client_event(&control));
    assert_string_equal(client_event(&one), "device/x/y2|t1");

    /* Removal from above is told as the watched path itself. */
    assert_int_equal(client_remove(&one, 0, "device"), 0);
    assert_string_equal(client_event(&one), "device|t1");
    assert_string_equal(client_event(&control), "/local/domain/1/device/x/y|t2");
    assert_int_equal(client_mkdir(&one, 0, "device"), 0);
    assert_string_equal(client_event(&one), "device|t1");
    assert_int_equal(client_mkdir(&one, 0, "device"), 0);
    assert_null(client_event(&one));
    assert_int_equal(client_permit(&control, "/local/domain/1/device", "n1 b2"), 0);
    assert_string_equal(client_event(&one), "device|t1");
    assert_int_equal(client_request(&one, XS_UNWATCH, 0, "device\0t2", 10), -XEN_ENOENT);
    assert_int_equal(client_request(&one, XS_UNWATCH, 0, "device\0t1", 10), 0);
    assert_int_equal(client_write(&one, 0, "device/z", "1"), 0);
    assert_null(client_event(&one));
}

static void transactions_fire_when_committed(void **state)
{
    uint32_t id;

    (void)state;
    assert_int_equal(client_watch(&control, "/local/domain/1", "t"), 0);
    assert_non_null(client_event(&control));
    id = client_start(&one);
    assert_int_equal(client_write(&one, id, "a", "1"), 0);
    assert_int_equal(client_write(&one, id, "b", "1"), 0);
    assert_null(client_event(&control));
    assert_int_equal(client_end(&one, id, true), 0);
    assert_string_equal(client_event(&control), "/local/domain/1/a|t");
    assert_string_equal(client_event(&control), "/local/domain/1/b|t");
}

static void watches_tell_only_what_may_be_read(void **state)
{
    (void)state;
    assert_int_equal(client_watch(&one, "/local/domain/2", "t"), 0);
    assert_string_equal(client_event(&one), "/local/domain/2|t");
    assert_int_equal(client_write(&two, 0, "secret", "1"), 0);
    assert_null(client_event(&one));
    assert_int_equal(client_permit(&two, "secret", "n2 r1"), 0);
    assert_string_equal(client_event(&one), "/local/domain/2/secret|t");
    assert_int_equal(client_remove(&two, 0, "secret"), 0);
    assert_string_equal(client_event(&one), "/local/domain/2/secret|t");
    assert_null(client_event(&one));
}

static void special_events_are_the_control_domains(void **state)
{
    (void)state;
    assert_int_equal(client_watch(&control, STORE_SPECIAL_RELEASE, "r"), 0);
    assert_int_equal(client_watch(&one, STORE_SPECIAL_RELEASE, "r"), 0);
    assert_string_equal(client_event(&control), "@releaseDomain|r");
    assert_string_equal(client_event(&one), "@releaseDomain|r");
    store_observer_fire_special(&database, STORE_SPECIAL_RELEASE);
    store_observer_fire_special(&database, STORE_SPECIAL_INTRODUCE);
    assert_string_equal(client_event(&control), "@releaseDomain|r");
    assert_null(client_event(&control));
    assert_null(client_event(&one));
}

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

/* A domain that does not read its events: they merge, and none is lost for good. */
static void unread_events_are_merged(void **state)
{
    char path[64];
    unsigned int events = 0;
    bool whole = false;
    const char *event;

    (void)state;
    assert_int_equal(client_watch(&one, "w", "t"), 0);
    assert_non_null(client_event(&one));
    for (unsigned int i = 0; i < 5; i++)
        assert_int_equal(client_write(&control, 0, "/local/domain/1/w/same", "x"), 0);
    for (unsigned int i = 0; i < 3 * STORE_QUOTA_EVENTS; i++) {
        snprintf(path, sizeof(path), "/local/domain/1/w/%u", i);
        assert_int_equal(client_write(&control, 0, path, "x"), 0);
    }
    while ((event = client_event(&one)) != NULL) {
        events++;
        whole = strcmp(event, "w|t") == 0;
    }
    assert_true(whole);
    assert_int_equal(events, STORE_QUOTA_EVENTS + 1);
    assert_int_equal(client_write(&control, 0, "/local/domain/1/w/later", "x"), 0);
    assert_string_equal(client_event(&one), "w/later|t");
}

static void deep_trees_need_no_stack(void **state)
{
    char path[XENSTORE_ABS_PATH_MAX + 1];
    uint32_t id;

    (void)state;
    for (unsigned int i = 0; i + 1 < sizeof(path); i += 2)
        memcpy(path + i, "/d", 2);
    path[XENSTORE_ABS_PATH_MAX] = '\0';
    assert_int_equal(client_write(&control, 0, path, "deep"), 0);
    id = client_start(&control);
    assert_int_equal(client_write(&control, 0, path, "down"), 0);
    assert_int_equal(client_remove(&control, 0, "/d"), 0);
    assert_int_equal(client_read(&control, id, path), 0);
    assert_string_equal(control.payload, "deep");
    assert_int_equal(client_end(&control, id, true), -XEN_EAGAIN);
}

static void a_released_domain_is_forgotten(void **state)
{
    struct store_view view = store_database_view(&database);

    (void)state;
    assert_int_equal(client_write(&one, 0, "left", "1"), 0);
    assert_int_equal(client_permit(&two, "/local/domain/2", "n2 b1"), 0);
    store_tree_forget(&view, 1);
    audit();
    assert_null(store_account_find(&database.accounts, 1));
    assert_int_equal(client_read(&one, 0, "left"), -XEN_EACCES);
    assert_int_equal(client_read(&one, 0, "/local/domain/2"), -XEN_EACCES);
    assert_int_equal(client_read(&control, 0, "/local/domain/1/left"), 0);
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
        audit();
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
            audit();
        if (round % 7 == 0)
            client_event(client);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_are_kept),
        TEST(bad_paths_are_refused),
        TEST(malformed_messages_are_answered),
        TEST(rights_are_kept),
        TEST(control_requests_need_privilege),
        TEST(removal_takes_all_below),
        TEST(directories_come_whole_or_in_parts),
        TEST(transactions_are_isolated),
        TEST(conflicts_are_found),
        TEST(transactions_can_grow_permissions),
        TEST(watches_fire),
        TEST(transactions_fire_when_committed),
        TEST(watches_tell_only_what_may_be_read),
        TEST(special_events_are_the_control_domains),
        TEST(quotas_hold),
        TEST(connection_quotas_hold),
        TEST(deep_watches_are_bounded),
        TEST(transaction_records_are_bounded),
        TEST(unread_events_are_merged),
        TEST(deep_trees_need_no_stack),
        TEST(a_released_domain_is_forgotten),
        TEST(exhaustion_is_survived),
        TEST(random_messages_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
