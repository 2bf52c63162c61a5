/* SPDX-License-Identifier: MIT */
#include "pvguest/control/store_server.h"

#include "pvguest/control/store_observer.h"
#include "pvguest/control/store_request.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/grant.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/store_stream.h"
#include "pvguest/kernel/thread.h"
#include <xen/errno.h>

/*
 * A domain's ring. Its thread is the only one that waits with it; whoever releases it closes
 * everything and leaves the structure itself for the thread to free.
 */
struct channel {
    struct store_connection connection;
    struct xenstore_domain_interface *page;
    struct grant_mapping mapping;
    bool granted;
    evtchn_port_t port;
    struct store_stream requests, replies;
    struct wait_queue queue;
    bool signalled, ending, failed;
    size_t received; /* bytes of the message below */
    struct xsd_sockmsg header;
    char payload[XENSTORE_PAYLOAD_MAX];
};

static struct store_database database;
static bool started;

static const struct store_domain_hooks hooks = {
    .introduce = store_server_introduce,
    .release = store_server_release,
};

int store_server_start(void)
{
    int error;

    if (started)
        return 0;
    error = store_database_init(&database, &hooks);
    if (!error)
        started = true;
    return error;
}

struct store_database *store_server_database(void)
{
    return &database;
}

static void channel_signal(struct channel *channel)
{
    channel->signalled = true;
    wait_queue_wake(&channel->queue);
}

static void channel_event(evtchn_port_t port, void *argument)
{
    (void)port;
    channel_signal(argument);
}

static void channel_ready(struct store_connection *connection)
{
    channel_signal(container_of(connection, struct channel, connection));
}

/* The domain broke the protocol: it is told and served no more until it asks for a new start. */
static void channel_fail(struct channel *channel, uint32_t reason)
{
    print("store: domain %u: connection ended, %s\n", channel->connection.who.domain,
          reason == XENSTORE_ERROR_PROTO ? "message too long" : "bad ring index");
    store_connection_reset(&channel->connection);
    channel->received = 0;
    channel->failed = true;
    WRITE_ONCE(channel->page->error, reason);
    event_notify(channel->port);
}

static void channel_restart(struct channel *channel)
{
    store_connection_reset(&channel->connection);
    store_stream_empty(&channel->requests);
    store_stream_empty(&channel->replies);
    channel->received = 0;
    channel->failed = false;
    WRITE_ONCE(channel->page->error, XENSTORE_ERROR_NONE);
    write_barrier();
    WRITE_ONCE(channel->page->connection, XENSTORE_CONNECTED);
    event_notify(channel->port);
}

/* Send what there is as far as the ring has room. Bytes moved, or a negative errno. */
static int channel_send(struct channel *channel)
{
    const char *data;
    size_t size;
    int moved = 0;

    while (store_connection_output(&channel->connection, &data, &size)) {
        int count = store_stream_write(&channel->replies, data, size);

        if (count < 0)
            return count;
        if (count == 0)
            break;
        store_connection_sent(&channel->connection, (size_t)count);
        moved += count;
    }
    return moved;
}

/* Collect the next message. Bytes moved; *whole tells whether it is complete. */
static int channel_receive(struct channel *channel, bool *whole)
{
    size_t head = sizeof(channel->header);
    int moved = 0, count;

    *whole = false;
    while (!*whole) {
        if (channel->received < head)
            count =
                store_stream_read(&channel->requests, (char *)&channel->header + channel->received,
                                  head - channel->received);
        else
            count =
                store_stream_read(&channel->requests, channel->payload + channel->received - head,
                                  head + channel->header.len - channel->received);
        if (count < 0)
            return count;
        channel->received += (size_t)count;
        moved += count;
        if (channel->received >= head && channel->header.len > XENSTORE_PAYLOAD_MAX)
            return -XEN_E2BIG;
        *whole = channel->received >= head && channel->received == head + channel->header.len;
        if (count == 0)
            break;
    }
    return moved;
}

/* At most one request; the reply must have left before the next one is looked at. */
static void channel_serve(struct channel *channel)
{
    int sent, received = 0;
    bool whole = false;

    if (READ_ONCE(channel->page->connection) == XENSTORE_RECONNECT)
        channel_restart(channel);
    if (channel->failed)
        return;
    sent = channel_send(channel);
    if (sent >= 0 && !channel->connection.replying)
        received = channel_receive(channel, &whole);
    if (sent < 0 || received < 0) {
        channel_fail(channel,
                     received == -XEN_E2BIG ? XENSTORE_ERROR_PROTO : XENSTORE_ERROR_RINGIDX);
        return;
    }
    if (whole) {
        channel->received = 0;
        store_request_handle(&channel->connection, &channel->header, channel->payload);
    }
    if (sent > 0 || received > 0)
        event_notify(channel->port);
}

static void channel_loop(void *argument)
{
    struct channel *channel = argument;

    for (;;) {
        WAIT_UNTIL(&channel->queue, channel->signalled);
        if (channel->ending)
            break;
        channel->signalled = false;
        channel_serve(channel);
        thread_yield();
    }
    heap_free(channel);
}

/* The grant that the domain's builder made for the store, else the frame itself. */
static int channel_map(struct channel *channel, domid_t domain, uint64_t mfn)
{
    grant_ref_t ref = GNTTAB_RESERVED_XENSTORE;
    void *address;
    int error = grant_map(domain, &ref, 1, false, &channel->mapping);

    channel->granted = error == 0;
    if (error)
        error = foreign_map(domain, &mfn, 1, true, &address);
    else
        address = channel->mapping.address;
    if (!error)
        channel->page = address;
    return error;
}

static void channel_unmap(struct channel *channel)
{
    if (channel->granted)
        grant_unmap(&channel->mapping);
    else
        foreign_unmap(channel->page, 1);
}

static void channel_open(struct channel *channel, domid_t domain)
{
    struct xenstore_domain_interface *page = channel->page;
    struct store_identity who = {.domain = domain, .target = DOMID_INVALID};

    wait_queue_init(&channel->queue);
    store_stream_open(&channel->requests, page->req, &page->req_cons, &page->req_prod);
    store_stream_open(&channel->replies, page->rsp, &page->rsp_prod, &page->rsp_cons);
    WRITE_ONCE(page->server_features,
               XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR);
    store_connection_begin(&channel->connection, &database, &who, channel_ready);
    channel->signalled = true;
}

int store_server_introduce(domid_t domain, uint64_t mfn, evtchn_port_t remote_port)
{
    struct channel *channel;
    int error;

    if (store_database_connection(&database, domain) != NULL)
        return -XEN_EEXIST;
    channel = heap_allocate_zeroed(sizeof(*channel));
    if (channel == NULL)
        return -XEN_ENOMEM;
    error = channel_map(channel, domain, mfn);
    if (error)
        goto free;
    channel_open(channel, domain);
    error = event_bind_interdomain(domain, remote_port, &channel->port);
    if (error)
        goto end;
    error = -XEN_ENOMEM;
    if (thread_create("store channel", channel_loop, channel) == NULL)
        goto close;
    error = event_bind(channel->port, channel_event, channel);
    if (error)
        goto stop;
    store_observer_fire_special(&database, STORE_SPECIAL_INTRODUCE);
    return 0;

stop:
    event_close(channel->port);
    store_connection_end(&channel->connection);
    channel_unmap(channel);
    channel->ending = true;
    channel_signal(channel);
    return error;
close:
    event_close(channel->port);
end:
    store_connection_end(&channel->connection);
    channel_unmap(channel);
free:
    heap_free(channel);
    return error;
}

int store_server_release(domid_t domain)
{
    struct store_connection *connection = store_database_connection(&database, domain);
    struct store_view view = store_database_view(&database);
    struct channel *channel;

    if (connection == NULL || connection->who.privileged)
        return -XEN_ENOENT;
    channel = container_of(connection, struct channel, connection);
    event_close(channel->port);
    store_connection_end(connection);
    channel_unmap(channel);
    channel->ending = true;
    channel_signal(channel);
    store_tree_forget(&view, domain);
    store_observer_fire_special(&database, STORE_SPECIAL_RELEASE);
    return 0;
}

void store_server_announce_end(void)
{
    store_observer_fire_special(&database, STORE_SPECIAL_RELEASE);
}
