/* SPDX-License-Identifier: MIT */
/*
 * The back end's half of the connection state machine (xenbus), the same for every device class.
 *
 * bus_back_register() watches backend/<type> of the own domain; every backend/<type>/<domid>/<id>
 * that holds `frontend` and `frontend-id` gets an instance. The bus calls the driver's functions in
 * the store's watch thread, never two at once, and writes the states:
 *
 *   the directory appears         -> create()                                   -> InitWait
 *   the same, with a front end that is set up for a former back end
 *                                 -> create()                                   -> Closing,
 *                                    and InitWait when the front end is Closed
 *   front end Initialised or Connected
 *                                 -> connect() if we are in InitWait            -> Connected
 *   front end Closing             -> disconnect()                               -> Closing
 *   front end Closed, or its directory vanishes, or its domain ends
 *                                 -> disconnect()                               -> Closed
 *   front end Initialising again  -> disconnect() if connected                  -> InitWait
 *   somebody writes Closing to our state (a toolstack detaches the device)
 *                                 -> disconnect()                               -> Closing
 *   the directory vanishes        -> disconnect() if connected, destroy()
 *
 * Owns: the back end's `state` key and the list of instances. The front end is not trusted: every
 * value read from its directory must be checked by the driver; a refusal (negative errno of
 * connect()) is written to the `error` key, printed, and closes this device only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/bus/key.h"
#include "lib/list.h"
#include "pvguest/kernel/store.h"
#include <xen/io/xenbus.h>
#include <xen/xen.h>

struct bus_back;

struct bus_back_driver {
    const char *type; /* the directory below backend/: "vbd", "vif", "console" */
    /* Read the toolstack's parameters from `directory`, set `context`, write features there. */
    int (*create)(struct bus_back *back);
    /* Read ring-ref, event-channel, features from front_directory, check them, map the ring, bind
     * the channel to front_domain, write the device's properties. On an error undo everything. */
    int (*connect)(struct bus_back *back);
    /* Undo connect(): no access to the front's memory may remain. Only after a good connect(). */
    void (*disconnect)(struct bus_back *back);
    /* Free `context`. Only after a good create(). */
    void (*destroy)(struct bus_back *back);
};

struct bus_back {
    /* For the driver, constant for the life of the instance. */
    const struct bus_back_driver *driver;
    void *context;
    domid_t front_domain;
    unsigned id;
    char directory[STORE_PATH_SIZE];       /* backend/<type>/<domid>/<id> */
    char front_directory[STORE_PATH_SIZE]; /* from the `frontend` key, absolute */
    enum xenbus_state state;               /* ours, as last written */

    /* The bus's own. */
    struct list link;
    struct bus_back_class *class;
    struct store_watch front_watch;
    bool created, connected;
    bool leading_out; /* Closing, until a front end of a former back end's is Closed */
};

/* The caller's (static) storage for one registered driver. */
struct bus_back_class {
    const struct bus_back_driver *driver;
    struct list instances;
    struct store_watch directory_watch, release_watch;
};

int bus_back_register(struct bus_back_class *class, const struct bus_back_driver *driver);

/* Close all instances (Closing, Closed: their front ends wait for a new back end) and forget them.
 */
void bus_back_unregister(struct bus_back_class *class);
