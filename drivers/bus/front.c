/* SPDX-License-Identifier: MIT */
#include "drivers/bus/front.h"

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/print.h"
#include <xen/errno.h>

/* How long a back end may take to let go of a device that is stopped. */
#define STOP_TIMEOUT_NS 5000000000ULL

static void front_switch(struct bus_front *front, enum xenbus_state state)
{
    front->state = state;
    bus_key_write_anchored(front->directory, "backend", "state", "%u", (unsigned int)state);
    wait_queue_wake(&front->changed);
}

static void front_tear_down(struct bus_front *front)
{
    if (!front->set_up)
        return;
    front->set_up = false;
    front->driver->disconnect(front);
}

static void front_fail(struct bus_front *front, const char *what, int error)
{
    print("%s: cannot %s (error %d)\n", front->directory, what, -error);
    front_tear_down(front);
    front->failed = true;
    front_switch(front, XenbusStateClosed);
}

static int front_publish(struct bus_front *front)
{
    store_transaction_t transaction;
    int error;

    do {
        error = store_transaction_start(&transaction);
        if (error)
            return error;
        error = front->driver->publish(front, transaction);
        error = store_transaction_finish(transaction, error);
    } while (error == -XEN_EAGAIN);
    return error;
}

static void front_set_up(struct bus_front *front)
{
    int error;

    front->set_up = true;
    error = front->driver->setup(front);
    if (!error)
        error = front_publish(front);
    if (error)
        front_fail(front, "set up", error);
    else
        front_switch(front, XenbusStateInitialised);
}

static void front_connect(struct bus_front *front)
{
    int error = front->driver->connected(front);

    if (error)
        front_fail(front, "connect", error);
    else
        front_switch(front, XenbusStateConnected);
}

static void front_disconnect(struct bus_front *front)
{
    front_tear_down(front);
    front_switch(front, XenbusStateClosed);
}

/* Not connected: Unknown (just started), Closing (leading an old back end out) or Closed. */
static void follow_apart(struct bus_front *front)
{
    switch (front->back_state) {
    case XenbusStateInitialising:
    case XenbusStateInitWait:
        if (front->failed)
            return;
        front->restarting = false;
        front_switch(front, XenbusStateInitialising);
        if (front->back_state == XenbusStateInitWait)
            front_set_up(front);
        return;
    case XenbusStateInitialised:
    case XenbusStateConnected:
        if (front->state != XenbusStateUnknown)
            return;
        front->restarting = true;
        front_switch(front, XenbusStateClosing);
        return;
    case XenbusStateClosing:
        if (front->state != XenbusStateClosed)
            front_switch(front, XenbusStateClosed);
        break;
    case XenbusStateClosed:
        if (front->restarting || front->state == XenbusStateUnknown)
            front_switch(front, XenbusStateInitialising);
        else if (front->state != XenbusStateClosed)
            front_switch(front, XenbusStateClosed);
        front->restarting = false;
        break;
    default:
        break;
    }
    front->failed = false;
}

/* Connected, or waiting for the back end with our side published. */
static void follow_together(struct bus_front *front)
{
    switch (front->back_state) {
    case XenbusStateConnected:
        if (front->state == XenbusStateInitialised)
            front_connect(front);
        return;
    case XenbusStateInitialising:
    case XenbusStateInitWait:
        if (front->state == XenbusStateInitialised)
            return;
        front_tear_down(front);
        follow_apart(front);
        return;
    case XenbusStateUnknown:
    case XenbusStateClosing:
    case XenbusStateClosed:
        front_disconnect(front);
        return;
    default:
        return;
    }
}

static void front_follow(struct bus_front *front)
{
    front->back_state = bus_state_read(front->back_directory);
    wait_queue_wake(&front->changed);
    if (front->stopping)
        return;
    switch (front->state) {
    case XenbusStateInitialising:
        if (front->back_state == XenbusStateInitWait)
            front_set_up(front);
        break;
    case XenbusStateInitialised:
    case XenbusStateConnected:
        follow_together(front);
        break;
    default:
        follow_apart(front);
        break;
    }
}

/* Whoever stops the device waits until the watch thread has left it. */
static void front_leave(struct bus_front *front)
{
    front->busy = false;
    wait_queue_wake(&front->changed);
}

static void back_changed(const char *path, void *argument)
{
    struct bus_front *front = argument;

    (void)path;
    front->busy = true;
    front_follow(front);
    front_leave(front);
}

/* The toolstack named a (new) back end, or none. */
static void front_find_back(struct bus_front *front, const char *back_directory)
{
    char path[STORE_PATH_SIZE];
    uint64_t domain = 0;

    if (front->watching_back)
        store_unwatch(&front->back_watch);
    front->watching_back = false;
    text_copy(front->back_directory, back_directory, sizeof(front->back_directory));
    if (back_directory[0] == '\0' ||
        bus_key_read_unsigned(front->directory, "backend-id", &domain) ||
        domain >= DOMID_FIRST_RESERVED ||
        format_text(path, sizeof(path), "%s/state", back_directory) >= STORE_PATH_SIZE) {
        front->back_directory[0] = '\0';
        return;
    }
    front->back_domain = (domid_t)domain;
    front->watching_back = store_watch(&front->back_watch, path, back_changed, front) == 0;
}

static void backend_key_changed(const char *path, void *argument)
{
    struct bus_front *front = argument;
    char back_directory[STORE_PATH_SIZE];

    (void)path;
    if (front->stopping)
        return;
    front->busy = true;
    if (bus_key_read(front->directory, "backend", back_directory, sizeof(back_directory)))
        back_directory[0] = '\0';
    if (strcmp(back_directory, front->back_directory) != 0) {
        front->back_state = XenbusStateUnknown;
        if (front->set_up)
            front_disconnect(front);
        front_find_back(front, back_directory);
    }
    front_follow(front);
    front_leave(front);
}

int bus_front_start(struct bus_front *front, const struct bus_front_driver *driver, unsigned int id,
                    void *context)
{
    char path[STORE_PATH_SIZE];

    memset(front, 0, sizeof(*front));
    front->driver = driver;
    front->context = context;
    front->id = id;
    wait_queue_init(&front->changed);
    format_text(front->directory, sizeof(front->directory), "device/%s/%u", driver->type, id);
    format_text(path, sizeof(path), "%s/backend", front->directory);
    return store_watch(&front->directory_watch, path, backend_key_changed, front);
}

static bool back_let_go(const struct bus_front *front)
{
    return front->back_state == XenbusStateUnknown || front->back_state == XenbusStateClosing ||
           front->back_state == XenbusStateClosed;
}

void bus_front_stop(struct bus_front *front)
{
    front->stopping = true;
    WAIT_UNTIL(&front->changed, !front->busy);
    if (front->set_up) {
        front_switch(front, XenbusStateClosing);
        WAIT_UNTIL_DEADLINE(&front->changed, back_let_go(front),
                            clock_monotonic_ns() + STOP_TIMEOUT_NS);
    }
    store_unwatch(&front->directory_watch);
    if (front->watching_back)
        store_unwatch(&front->back_watch);
    front->watching_back = false;
    front_disconnect(front);
}

bool bus_front_wait(struct bus_front *front, uint64_t deadline_ns)
{
    return WAIT_UNTIL_DEADLINE(&front->changed, front->state == XenbusStateConnected, deadline_ns);
}

struct listing {
    void (*found)(unsigned int id, void *argument);
    void *argument;
};

static int list_one(const char *name, void *argument)
{
    const struct listing *listing = argument;
    uint64_t id;

    if (text_parse_unsigned(&name, &id) && *name == '\0' && id <= UINT32_MAX)
        listing->found((unsigned int)id, listing->argument);
    return 0;
}

int bus_front_list(const char *type, void (*found)(unsigned int id, void *argument), void *argument)
{
    struct listing listing = {found, argument};
    char path[STORE_PATH_SIZE];
    int error;

    format_text(path, sizeof(path), "device/%s", type);
    error = store_directory(path, list_one, &listing);
    return error == -XEN_ENOENT ? 0 : error;
}
