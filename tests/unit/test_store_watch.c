/* SPDX-License-Identifier: MIT */
/* The store's watches: what they tell, to whom, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pvguest/control/store_observer.h"
#include "pvguest/control/store_quota.h"
#include "tests/unit/store_machine.h"
#include <xen/errno.h>

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_machine_begin, store_machine_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(watches_fire),
        TEST(transactions_fire_when_committed),
        TEST(watches_tell_only_what_may_be_read),
        TEST(special_events_are_the_control_domains),
        TEST(unread_events_are_merged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
