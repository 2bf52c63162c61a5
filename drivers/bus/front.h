/* SPDX-License-Identifier: MIT */
/*
 * The front end's half of the connection state machine (xenbus), the same for every device class.
 *
 * A driver gives four functions; the bus calls them in the store's watch thread, never two at once,
 * in this order, and writes the states:
 *
 *   back end reaches InitWait   -> setup(), publish() in a transaction      -> Initialised
 *   back end reaches Connected  -> connected()                              -> Connected
 *   back end Closing or Closed, its directory vanishes, or it starts anew (Initialising, InitWait)
 *   while we are connected      -> disconnect()                             -> Closed
 *   a back end that is in Initialising or InitWait while we are Closed begins the circle again
 *   (Initialising), so that a restarted back end is found by itself; one that is connected to a
 *   former life of ours is first led to Closed (Closing, Closed, Initialising).
 *
 * Owns: the front's `state` key and its copy in struct bus_front. The other end is not trusted:
 * every value that a driver reads from its directory must be checked by the driver.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/bus/key.h"
#include "pvguest/kernel/store.h"
#include "pvguest/kernel/thread.h"
#include <xen/io/xenbus.h>
#include <xen/xen.h>

struct bus_front;

struct bus_front_driver {
    const char *type; /* the directory below device/: "vbd", "vif", "console" */
    /* Read the back end's features, allocate ring, grants and event channel for back_domain. */
    int (*setup)(struct bus_front *front);
    /* Write ring-ref, event-channel, features (bus_key_write); may be called again on conflict. */
    int (*publish)(struct bus_front *front, store_transaction_t transaction);
    /* The back end is Connected: read the device's properties from back_directory, start I/O. */
    int (*connected)(struct bus_front *front);
    /* Undo setup() and connected(), as far as they came; requests in flight wait for a new
     * connection or fail. Called exactly once for each setup(), also for one that failed. */
    void (*disconnect)(struct bus_front *front);
};

struct bus_front {
    /* For the driver, constant after bus_front_start() except where said. */
    const struct bus_front_driver *driver;
    void *context;
    unsigned id;
    char directory[STORE_PATH_SIZE];      /* device/<type>/<id> */
    char back_directory[STORE_PATH_SIZE]; /* changes only while disconnected */
    domid_t back_domain;                  /* likewise */
    enum xenbus_state state;              /* ours, as last written */

    /* The bus's own. */
    struct wait_queue changed;
    struct store_watch directory_watch, back_watch;
    enum xenbus_state back_state; /* the other end's, as last seen */
    bool watching_back, set_up, busy, stopping;
    bool restarting; /* the back end is being led through Closed */
    bool failed;     /* no new attempt before the back end has closed */
};

/*
 * Begin to follow the device `id` of the driver's class. Returns at once; the connection comes
 * when the back end is there (which may be later). `front` is the caller's storage.
 */
int bus_front_start(struct bus_front *front, const struct bus_front_driver *driver, unsigned id,
                    void *context);

/*
 * Disconnect (through Closing and Closed) and follow no more; afterwards it may be started anew.
 * Waits for the back end to let go, though not for ever. Not in a watch function.
 */
void bus_front_stop(struct bus_front *front);

/* Wait until connected; false at the deadline (clock_monotonic_ns). Not in a watch function. */
bool bus_front_wait(struct bus_front *front, uint64_t deadline_ns);

/* Call `found` with the number of each device of a class that this domain has in the store. */
int bus_front_list(const char *type, void (*found)(unsigned id, void *argument), void *argument);
