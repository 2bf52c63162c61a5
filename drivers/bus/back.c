/* SPDX-License-Identifier: MIT */
#include "drivers/bus/back.h"

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/heap.h"
#include <xen/errno.h>

static void back_switch(struct bus_back *back, enum xenbus_state state)
{
    if (back->state == state)
        return;
    back->state = state;
    bus_key_write_anchored(back->directory, "frontend", "state", "%u", (unsigned int)state);
}

static void back_fail(struct bus_back *back, const char *what, int error)
{
    notice("%s: cannot %s (error %d)", back->directory, what, -error);
    bus_key_write_anchored(back->directory, "frontend", "error", "%d cannot %s", -error, what);
    back_switch(back, XenbusStateClosed);
}

static void back_connect(struct bus_back *back)
{
    int error = back->driver->connect(back);

    if (error) {
        back_fail(back, "connect", error);
        return;
    }
    back->connected = true;
    back_switch(back, XenbusStateConnected);
}

static void back_disconnect(struct bus_back *back)
{
    if (!back->connected)
        return;
    back->connected = false;
    back->driver->disconnect(back);
}

/* The front end let go. One that waits for us in InitWait was never connected: nothing to close. */
static void back_close(struct bus_back *back, enum xenbus_state state)
{
    back->leading_out = false;
    back_disconnect(back);
    if (back->state == XenbusStateConnected || back->state == XenbusStateClosing)
        back_switch(back, state);
}

static void back_offer(struct bus_back *back)
{
    back->leading_out = false;
    back_switch(back, XenbusStateInitWait);
}

static void back_follow(struct bus_back *back)
{
    switch (bus_state_read(back->front_directory)) {
    case XenbusStateInitialising:
        back_disconnect(back);
        back_offer(back);
        break;
    case XenbusStateInitialised:
    case XenbusStateConnected:
        if (back->state == XenbusStateInitWait)
            back_connect(back);
        break;
    case XenbusStateClosing:
        if (!back->leading_out)
            back_close(back, XenbusStateClosing);
        break;
    case XenbusStateClosed:
    case XenbusStateUnknown:
        if (back->leading_out)
            back_offer(back);
        else
            back_close(back, XenbusStateClosed);
        break;
    default:
        break;
    }
}

static void front_changed(const char *path, void *argument)
{
    (void)path;
    back_follow(argument);
}

static void back_end(struct bus_back *back)
{
    if (back->created)
        store_unwatch(&back->front_watch);
    back_disconnect(back);
    if (back->created)
        back->driver->destroy(back);
    list_remove(&back->link);
    heap_free(back);
}

/* What the toolstack wrote: where the front end is. */
static int back_read_front(struct bus_back *back)
{
    uint64_t domain;
    int error = bus_key_read(back->directory, "frontend", back->front_directory,
                             sizeof(back->front_directory));

    if (!error)
        error = bus_key_read_unsigned(back->directory, "frontend-id", &domain);
    if (!error && domain != back->front_domain)
        error = -XEN_EINVAL;
    return error;
}

/*
 * A front end that is connected, or has set itself up for a former back end, may be about to take
 * that apart: it is led out, and InitWait comes when it is Closed.
 */
static enum xenbus_state first_state(enum xenbus_state front_state, enum xenbus_state former_state)
{
    bool for_former =
        front_state == XenbusStateInitialised && former_state != XenbusStateInitialising;

    return front_state == XenbusStateConnected || for_former ? XenbusStateClosing
                                                             : XenbusStateInitWait;
}

/*
 * Look and write in one transaction: a front end in the middle of its set-up has either written
 * Initialised before we look, or sees our state, and no former one, when it looks next.
 */
static int first_state_write(struct bus_back *back)
{
    char front_directory[STORE_PATH_SIZE];
    store_transaction_t transaction;
    int error = store_transaction_start(&transaction);

    if (error)
        return error;
    /* Gone meanwhile, it must not come back to life. */
    error = bus_key_read_in(transaction, back->directory, "frontend", front_directory,
                            sizeof(front_directory));
    if (error)
        goto finish;
    back->state = first_state(bus_state_read_in(transaction, back->front_directory),
                              bus_state_read_in(transaction, back->directory));
    error = bus_key_write(transaction, back->directory, "state", "%u", (unsigned int)back->state);
finish:
    return store_transaction_finish(transaction, error);
}

/*
 * A device that cannot be created stays listed as Closed until its directory goes, so that the
 * events of its own error message do not make another attempt.
 */
static void back_begin(struct bus_back *back)
{
    char path[STORE_PATH_SIZE];
    int error = back_read_front(back);

    if (!error)
        error = back->driver->create(back);
    if (error)
        goto fail;
    do {
        error = first_state_write(back);
    } while (error == -XEN_EAGAIN);
    if (error)
        goto destroy;
    back->leading_out = back->state == XenbusStateClosing;
    error = -XEN_E2BIG;
    if (format_text(path, sizeof(path), "%s/state", back->front_directory) >= STORE_PATH_SIZE)
        goto destroy;
    error = store_watch(&back->front_watch, path, front_changed, back);
    if (error)
        goto destroy;
    back->created = true;
    return;

destroy:
    back->driver->destroy(back);
fail:
    back_fail(back, "create", error);
}

static void back_create(struct bus_back_class *class, domid_t domain, unsigned int id,
                        const char *directory)
{
    struct bus_back *back = heap_allocate_zeroed(sizeof(*back));

    if (back == NULL) {
        notice("%s: no memory", directory);
        return;
    }
    back->driver = class->driver;
    back->class = class;
    back->front_domain = domain;
    back->id = id;
    text_copy(back->directory, directory, sizeof(back->directory));
    list_push_back(&class->instances, &back->link);
    back_begin(back);
}

static struct bus_back *back_find(struct bus_back_class *class, domid_t domain, unsigned int id)
{
    list_for_each(position, &class->instances)
    {
        struct bus_back *back = container_of(position, struct bus_back, link);

        if (back->front_domain == domain && back->id == id)
            return back;
    }
    return NULL;
}

/* Bring one device in line with its directory: gone, new, made anew, or to be detached. */
static void back_check(struct bus_back_class *class, domid_t domain, unsigned int id)
{
    struct bus_back *back = back_find(class, domain, id);
    char directory[STORE_PATH_SIZE], front_directory[STORE_PATH_SIZE];
    enum xenbus_state state;
    bool exists;

    format_text(directory, sizeof(directory), "backend/%s/%u/%u", class->driver->type, domain, id);
    exists = bus_key_read(directory, "frontend", front_directory, sizeof(front_directory)) == 0;
    state = bus_state_read(directory);
    if (back != NULL && (!exists || (state == XenbusStateInitialising && state != back->state))) {
        back_end(back);
        back = NULL;
    }
    if (exists && back == NULL)
        back_create(class, domain, id, directory);
    else if (exists && state == XenbusStateClosing && back->state < XenbusStateClosing) {
        back_disconnect(back);
        back->state = XenbusStateClosing;
    }
}

/* The numbers of one level of directories, and what they belong to. */
struct scan {
    struct bus_back_class *class;
    domid_t domain;
};

static int scan_device(const char *name, void *argument)
{
    const struct scan *scan = argument;
    uint64_t id;

    if (text_parse_unsigned(&name, &id) && *name == '\0' && id <= UINT32_MAX)
        back_check(scan->class, scan->domain, (unsigned int)id);
    return 0;
}

static int scan_domain(const char *name, void *argument)
{
    struct scan *scan = argument;
    char path[STORE_PATH_SIZE];
    uint64_t domain;

    if (!text_parse_unsigned(&name, &domain) || *name != '\0' || domain >= DOMID_FIRST_RESERVED)
        return 0;
    scan->domain = (domid_t)domain;
    format_text(path, sizeof(path), "backend/%s/%u", scan->class->driver->type, scan->domain);
    store_directory(path, scan_device, scan);
    return 0;
}

static void class_scan(struct bus_back_class *class)
{
    struct scan scan = {.class = class};
    char path[STORE_PATH_SIZE];

    list_for_each_safe(position, following, &class->instances)
    {
        struct bus_back *back = container_of(position, struct bus_back, link);

        back_check(class, back->front_domain, back->id);
    }
    format_text(path, sizeof(path), "backend/%s", class->driver->type);
    store_directory(path, scan_domain, &scan);
}

/* "backend/<type>[/<domid>[/<id>[/...]]]": look at one device when the path names one. */
static void directory_changed(const char *path, void *argument)
{
    struct bus_back_class *class = argument;
    const char *cursor = path + sizeof("backend/") - 1 + strlen(class->driver->type);
    uint64_t domain, id;

    if (*cursor++ == '/' && text_parse_unsigned(&cursor, &domain) && *cursor++ == '/' &&
        text_parse_unsigned(&cursor, &id) && domain < DOMID_FIRST_RESERVED && id <= UINT32_MAX)
        back_check(class, (domid_t)domain, (unsigned int)id);
    else
        class_scan(class);
}

static void domains_changed(const char *path, void *argument)
{
    struct bus_back_class *class = argument;

    (void)path;
    list_for_each_safe(position, following, &class->instances)
    {
        struct bus_back *back = container_of(position, struct bus_back, link);
        bool introduced;

        if (store_domain_introduced(back->front_domain, &introduced) == 0 && !introduced)
            back_close(back, XenbusStateClosed);
    }
}

int bus_back_register(struct bus_back_class *class, const struct bus_back_driver *driver)
{
    char path[STORE_PATH_SIZE];
    int error;

    class->driver = driver;
    list_init(&class->instances);
    error = store_watch(&class->release_watch, "@releaseDomain", domains_changed, class);
    if (error)
        return error;
    format_text(path, sizeof(path), "backend/%s", driver->type);
    error = store_watch(&class->directory_watch, path, directory_changed, class);
    if (error)
        store_unwatch(&class->release_watch);
    return error;
}

void bus_back_unregister(struct bus_back_class *class)
{
    store_unwatch(&class->directory_watch);
    store_unwatch(&class->release_watch);
    while (!list_empty(&class->instances)) {
        struct bus_back *back = container_of(list_first(&class->instances), struct bus_back, link);

        if (back->created)
            store_unwatch(&back->front_watch);
        back_disconnect(back);
        back_switch(back, XenbusStateClosing);
        back_switch(back, XenbusStateClosed);
        if (back->created)
            back->driver->destroy(back);
        list_remove(&back->link);
        heap_free(back);
    }
}
