/* SPDX-License-Identifier: MIT */
/* The device bus: both halves of the state machine against each other and against bad partners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/bus/back.h"
#include "drivers/bus/front.h"
#include "pvguest/control/store_observer.h"
#include "pvguest/kernel/heap.h"
#include "tests/unit/fake_domains.h"
#include "tests/unit/host_heap.h"
#include <xen/errno.h>

#define FRONT "/local/domain/1/device/vbd/51712"
#define BACK  "/local/domain/0/backend/vbd/1/51712"

/* What the drivers were called for, one letter each. */
static char calls[256];
static int setup_error, connect_error, create_error;
/* What happens in domain 0 while the front end is in one of its functions. */
static void (*meanwhile)(void);
/* What the front end published can be used. */
static bool ring_is_there;

static void note(char letter)
{
    size_t length = strlen(calls);

    assert_true(length + 1 < sizeof(calls));
    calls[length] = letter;
    calls[length + 1] = '\0';
}

static void let_others_run(void)
{
    if (meanwhile) {
        fake_become(0);
        meanwhile();
        fake_become(1);
    }
}

static int front_setup(struct bus_front *front)
{
    assert_int_equal(front->back_domain, 0);
    note('s');
    ring_is_there = true;
    let_others_run();
    return setup_error;
}

static int front_publish(struct bus_front *front, store_transaction_t transaction)
{
    note('p');
    let_others_run();
    return bus_key_write(transaction, front->directory, "ring-ref", "%u", 8);
}

static int front_connected(struct bus_front *front)
{
    uint64_t sectors;

    note('c');
    let_others_run();
    assert_int_equal(bus_key_read_unsigned(front->back_directory, "sectors", &sectors), 0);
    assert_int_equal(sectors, 2048);
    return 0;
}

static void front_disconnect(struct bus_front *front)
{
    (void)front;
    note('d');
    ring_is_there = false;
    let_others_run();
}

static const struct bus_front_driver front_driver = {
    .type = "vbd",
    .setup = front_setup,
    .publish = front_publish,
    .connected = front_connected,
    .disconnect = front_disconnect,
};

static int back_create(struct bus_back *back)
{
    assert_int_equal(back->front_domain, 1);
    assert_int_equal(back->id, 51712);
    note('C');
    return create_error;
}

static int back_connect(struct bus_back *back)
{
    uint64_t ring_ref;

    note('K');
    if (connect_error)
        return connect_error;
    if (!ring_is_there)
        return -XEN_EINVAL;
    assert_int_equal(bus_key_read_unsigned(back->front_directory, "ring-ref", &ring_ref), 0);
    assert_int_equal(ring_ref, 8);
    return bus_key_write(STORE_NO_TRANSACTION, back->directory, "sectors", "2048");
}

static void back_disconnect(struct bus_back *back)
{
    assert_true(back->created);
    note('D');
}

static void back_destroy(struct bus_back *back)
{
    (void)back;
    note('X');
}

static const struct bus_back_driver back_driver = {
    .type = "vbd",
    .create = back_create,
    .connect = back_connect,
    .disconnect = back_disconnect,
    .destroy = back_destroy,
};

static struct bus_front front;
static struct bus_back_class class;

static void control_write(const char *path, const char *value)
{
    assert_int_equal(client_write(&fake_clients[0], 0, path, value), 0);
}

/* What a toolstack writes for one device. */
static void device_add(void)
{
    struct store_client *control = &fake_clients[0];

    control_write(FRONT, "");
    client_permit(control, FRONT, "n1 r0");
    control_write(BACK, "");
    client_permit(control, BACK, "n0 r1");
    control_write(FRONT "/backend", BACK);
    control_write(FRONT "/backend-id", "0");
    control_write(FRONT "/state", "1");
    control_write(BACK "/frontend-id", "1");
    control_write(BACK "/state", "1");
    control_write(BACK "/frontend", FRONT);
}

static void device_remove(void)
{
    assert_int_equal(client_remove(&fake_clients[0], 0, BACK), 0);
    assert_int_equal(client_remove(&fake_clients[0], 0, FRONT), 0);
}

static void front_begin(void)
{
    fake_become(1);
    assert_int_equal(bus_front_start(&front, &front_driver, 51712, NULL), 0);
    fake_become(0);
}

static void front_end(void)
{
    fake_become(1);
    bus_front_stop(&front);
    fake_become(0);
}

static void back_begin(void)
{
    fake_become(0);
    assert_int_equal(bus_back_register(&class, &back_driver), 0);
}

static void assert_states(enum xenbus_state front_state, enum xenbus_state back_state)
{
    assert_int_equal(client_read(&fake_clients[0], 0, FRONT "/state"), 0);
    assert_int_equal(fake_clients[0].payload[0] - '0', front_state);
    assert_int_equal(client_read(&fake_clients[0], 0, BACK "/state"), 0);
    assert_int_equal(fake_clients[0].payload[0] - '0', back_state);
}

/* The calls since the last look. */
static void assert_calls(const char *expected)
{
    assert_string_equal(calls, expected);
    calls[0] = '\0';
}

static int setup(void **state)
{
    (void)state;
    calls[0] = '\0';
    setup_error = connect_error = create_error = 0;
    meanwhile = NULL;
    fake_begin();
    control_write("/local/domain/0", "");
    control_write("/local/domain/1", "");
    client_permit(&fake_clients[0], "/local/domain/1", "n1 r0");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_end();
    assert_int_equal(host_heap_blocks(), 0);
    return 0;
}

static void connect_both(void)
{
    device_add();
    back_begin();
    front_begin();
    fake_run();
    assert_states(XenbusStateConnected, XenbusStateConnected);
    assert_calls("CspKc");
}

static void ends_connect_in_either_order(void **state)
{
    (void)state;
    connect_both();
    front_end();
    fake_run();
    assert_states(XenbusStateClosed, XenbusStateClosed);
    assert_calls("Dd");

    /* The front end starts again first, the back end is there. */
    front_begin();
    fake_run();
    assert_states(XenbusStateConnected, XenbusStateConnected);
    assert_calls("spKc");
    bus_back_unregister(&class);
    assert_calls("DX");
    fake_run();
    assert_states(XenbusStateClosed, XenbusStateClosed);
    assert_calls("d");

    /* And now the back end comes anew. */
    back_begin();
    fake_run();
    assert_states(XenbusStateConnected, XenbusStateConnected);
    assert_calls("CspKc");
    front_end();
    fake_run();
    bus_back_unregister(&class);
    assert_calls("DdX");
}

static void front_waits_for_its_device(void **state)
{
    (void)state;
    front_begin();
    fake_run();
    assert_calls("");
    device_add();
    fake_run();
    assert_calls("");
    back_begin();
    fake_run();
    assert_calls("CspKc");
    fake_become(1);
    assert_true(bus_front_wait(&front, 0));
    front_end();
    bus_back_unregister(&class);
}

/* The guest's kernel starts again without having closed anything. */
static void front_that_vanished_is_led_out(void **state)
{
    (void)state;
    connect_both();
    fake_become(1);
    store_unwatch(&front.back_watch);
    store_unwatch(&front.directory_watch);
    front_begin();
    fake_run();
    assert_states(XenbusStateConnected, XenbusStateConnected);
    assert_calls("DspKc");
    front_end();
    bus_back_unregister(&class);
    assert_calls("DdX");
}

/* The back end's domain starts again without having closed anything. */
static void back_that_vanished_is_replaced(void **state)
{
    struct bus_back *back;

    (void)state;
    connect_both();
    back = container_of(list_first(&class.instances), struct bus_back, link);
    store_unwatch(&class.directory_watch);
    store_unwatch(&class.release_watch);
    store_unwatch(&back->front_watch);
    back_begin();
    fake_run();
    assert_calls("CdspKc");
    assert_states(XenbusStateConnected, XenbusStateConnected);
    front_end();
    bus_back_unregister(&class);
    assert_calls("DdX");
    heap_free(back);
}

static void restart_back(void)
{
    meanwhile = NULL;
    back_begin();
    while (fake_step_of(0))
        ;
}

/* The former back end said Closing before the front end got so far as to be connected. */
static void back_restarts_while_front_takes_itself_apart(void **state)
{
    (void)state;
    device_add();
    back_begin();
    front_begin();
    while (front.state != XenbusStateInitialised)
        assert_true(fake_step_of(1) || fake_step_of(0));
    bus_back_unregister(&class);
    meanwhile = restart_back;
    fake_run();
    assert_states(XenbusStateConnected, XenbusStateConnected);
    assert_calls("CspXdCspKc");
    front_end();
    bus_back_unregister(&class);
}

static unsigned int restarts_left;

static void restart_or_not(void)
{
    unsigned int choice = (unsigned int)rand() % 8;

    if (choice == 0 && restarts_left > 0) {
        restarts_left--;
        bus_back_unregister(&class);
        back_begin();
    }
    for (unsigned int i = 0; i < choice; i++)
        fake_step_of(0);
}

/* Whatever comes between what, in the end both are connected. */
static void back_restarts_at_any_moment(void **state)
{
    (void)state;
    device_add();
    back_begin();
    front_begin();
    for (unsigned int seed = 0; seed < 2000; seed++) {
        srand(seed);
        calls[0] = '\0';
        restarts_left = 6;
        meanwhile = restart_or_not;
        for (unsigned int i = 0; i < 20; i++) {
            fake_become(0);
            restart_or_not();
            if (rand() % 2)
                fake_step_of(1);
        }
        meanwhile = NULL;
        fake_become(0);
        fake_run();
        assert_states(XenbusStateConnected, XenbusStateConnected);
    }
    front_end();
    bus_back_unregister(&class);
}

static void removed_device_ends_both(void **state)
{
    (void)state;
    connect_both();
    device_remove();
    fake_run();
    assert_true(list_empty(&class.instances));
    assert_non_null(strchr(calls, 'd'));
    assert_non_null(strstr(calls, "DX"));
    /* Neither end wrote its state into a directory that is gone. */
    assert_int_equal(client_read(&fake_clients[0], 0, BACK), -XEN_ENOENT);
    assert_int_equal(client_read(&fake_clients[0], 0, FRONT), -XEN_ENOENT);
    front_end();
    bus_back_unregister(&class);
}

static void device_made_anew_is_a_new_device(void **state)
{
    (void)state;
    connect_both();
    device_remove();
    device_add();
    fake_run();
    assert_non_null(strstr(calls, "DXC"));
    assert_states(XenbusStateConnected, XenbusStateConnected);
    front_end();
    bus_back_unregister(&class);
}

static void toolstack_can_detach(void **state)
{
    (void)state;
    connect_both();
    control_write(BACK "/state", "5");
    fake_run();
    /* Both ends see the toolstack's word, in either order. */
    assert_int_equal(strlen(calls), 2);
    assert_true(strchr(calls, 'D') && strchr(calls, 'd'));
    assert_states(XenbusStateClosed, XenbusStateClosed);
    front_end();
    bus_back_unregister(&class);
}

static void ended_domain_is_let_go(void **state)
{
    (void)state;
    connect_both();
    store_connection_end(&fake_clients[1].connection);
    store_observer_fire_special(&fake_database, STORE_SPECIAL_RELEASE);
    fake_run();
    assert_calls("D");
    client_begin(&fake_clients[1], &fake_database, 1);
    bus_back_unregister(&class);
    assert_calls("X");
    free(front.back_watch.path);
    free(front.directory_watch.path);
}

static void refused_connection_closes_this_device(void **state)
{
    (void)state;
    connect_error = -XEN_EINVAL;
    device_add();
    back_begin();
    front_begin();
    fake_run();
    assert_calls("CspKd");
    assert_states(XenbusStateClosed, XenbusStateClosed);
    assert_int_equal(client_read(&fake_clients[0], 0, BACK "/error"), 0);
    assert_string_equal(fake_clients[0].payload, "22 cannot connect");
    front_end();
    bus_back_unregister(&class);
}

static void failed_setup_is_not_repeated(void **state)
{
    (void)state;
    setup_error = -XEN_ENOMEM;
    device_add();
    back_begin();
    front_begin();
    fake_run();
    assert_calls("Csd");
    setup_error = 0;
    bus_back_unregister(&class);
    back_begin();
    fake_run();
    assert_calls("XCspKc");
    front_end();
    bus_back_unregister(&class);
}

static void failed_creation_is_not_repeated(void **state)
{
    (void)state;
    create_error = -XEN_ENOENT;
    device_add();
    back_begin();
    fake_run();
    assert_calls("C");
    control_write(BACK "/params", "other");
    fake_run();
    assert_calls("");
    device_remove();
    create_error = 0;
    device_add();
    fake_run();
    assert_calls("C");
    bus_back_unregister(&class);
}

/* The front end's state key says anything at all; only this device suffers. */
static void nonsense_states_are_survived(void **state)
{
    static const char *const nonsense[] = {"4", "99", "-1", "",  "x", "3", "2", "7", "6",
                                           "4", "5",  "1",  "3", "3", "1", "4", "0"};

    (void)state;
    device_add();
    back_begin();
    fake_run();
    connect_error = -XEN_EINVAL;
    for (unsigned int i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        fake_become(1);
        client_write(&fake_clients[1], 0, "device/vbd/51712/state", nonsense[i]);
        fake_become(0);
        fake_run();
    }
    assert_null(strchr(calls, 'D'));
    bus_back_unregister(&class);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ends_connect_in_either_order),
        TEST(front_waits_for_its_device),
        TEST(front_that_vanished_is_led_out),
        TEST(back_that_vanished_is_replaced),
        TEST(back_restarts_while_front_takes_itself_apart),
        TEST(back_restarts_at_any_moment),
        TEST(removed_device_ends_both),
        TEST(device_made_anew_is_a_new_device),
        TEST(toolstack_can_detach),
        TEST(ended_domain_is_let_go),
        TEST(refused_connection_closes_this_device),
        TEST(failed_setup_is_not_repeated),
        TEST(failed_creation_is_not_repeated),
        TEST(nonsense_states_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
