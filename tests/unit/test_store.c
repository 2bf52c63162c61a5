/* SPDX-License-Identifier: MIT */
/* The store's logic through its wire protocol: paths, rights, values, directories, transactions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pvguest/control/store_account.h"
#include "tests/unit/store_machine.h"
#include <xen/errno.h>

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
    store_machine_audit();

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
    store_machine_audit();
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
    store_machine_audit();
    assert_null(store_account_find(&database.accounts, 1));
    assert_int_equal(client_read(&one, 0, "left"), -XEN_EACCES);
    assert_int_equal(client_read(&one, 0, "/local/domain/2"), -XEN_EACCES);
    assert_int_equal(client_read(&control, 0, "/local/domain/1/left"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_machine_begin, store_machine_end)

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
        TEST(deep_trees_need_no_stack),
        TEST(a_released_domain_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
