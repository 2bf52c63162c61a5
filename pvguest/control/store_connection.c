/* SPDX-License-Identifier: MIT */
#include "pvguest/control/store_connection.h"

#include "lib/string.h"
#include "pvguest/control/store_database.h"
#include "pvguest/control/store_observer.h"
#include "pvguest/control/store_quota.h"
#include "pvguest/control/store_transaction.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/store_error.h"
#include <xen/errno.h>

struct store_event {
    struct list link;
    struct xsd_sockmsg header; /* the payload follows at once */
    char payload[];
};

void store_connection_begin(struct store_connection *connection, struct store_database *database,
                            const struct store_identity *who,
                            void (*ready)(struct store_connection *connection))
{
    memset(connection, 0, sizeof(*connection));
    connection->database = database;
    connection->who = *who;
    connection->ready = ready;
    list_init(&connection->observers);
    list_init(&connection->transactions);
    list_init(&connection->events);
    domain_table_add(&database->connections, &connection->link, who->domain);
}

static struct store_event *first_event(struct store_connection *connection)
{
    return container_of(list_first(&connection->events), struct store_event, link);
}

static void event_drop(struct store_connection *connection, struct store_event *event)
{
    list_remove(&event->link);
    connection->event_count--;
    connection->event_bytes -= event->header.len;
    heap_free(event);
}

void store_connection_reset(struct store_connection *connection)
{
    store_observer_remove_all(connection);
    store_transaction_abort_all(connection);
    while (!list_empty(&connection->events))
        event_drop(connection, first_event(connection));
    connection->missed = connection->replying = connection->sending_event = false;
    connection->sent = 0;
}

void store_connection_end(struct store_connection *connection)
{
    store_connection_reset(connection);
    domain_table_remove(&connection->link);
}

void store_reply_start(struct store_connection *connection, const struct xsd_sockmsg *request)
{
    connection->reply.header = *request;
    connection->reply.header.len = 0;
}

int store_reply_add(struct store_connection *connection, const void *data, size_t size)
{
    struct xsd_sockmsg *header = &connection->reply.header;

    if (size > XENSTORE_PAYLOAD_MAX - header->len)
        return -XEN_E2BIG;
    if (size > 0)
        memcpy(connection->reply.payload + header->len, data, size);
    header->len += (uint32_t)size;
    return 0;
}

void store_reply_finish(struct store_connection *connection, int error)
{
    if (error) {
        const char *name = store_error_name(error);

        connection->reply.header.type = XS_ERROR;
        connection->reply.header.len = 0;
        store_reply_add(connection, name, strlen(name) + 1);
    }
    connection->replying = true;
    connection->ready(connection);
}

/* The one being sent does not count: its reader may have looked before this change. */
static bool event_waiting(struct store_connection *connection, const char *path, size_t path_size,
                          const char *token, size_t token_size)
{
    list_for_each(position, &connection->events)
    {
        struct store_event *event = container_of(position, struct store_event, link);

        if (connection->sending_event && position == connection->events.next)
            continue;
        if (event->header.len == path_size + token_size &&
            memcmp(event->payload, path, path_size) == 0 &&
            memcmp(event->payload + path_size, token, token_size) == 0)
            return true;
    }
    return false;
}

bool store_connection_add_event(struct store_connection *connection, const char *path,
                                const char *token)
{
    size_t path_size = strlen(path) + 1, token_size = strlen(token) + 1;
    size_t size = path_size + token_size;
    struct store_event *event;

    if (event_waiting(connection, path, path_size, token, token_size))
        return true;
    if (connection->event_count >= STORE_QUOTA_EVENTS ||
        connection->event_bytes + size > STORE_QUOTA_EVENT_BYTES)
        return false;
    event = heap_allocate(sizeof(*event) + size);
    if (event == NULL)
        return false;
    event->header = (struct xsd_sockmsg){.type = XS_WATCH_EVENT, .len = (uint32_t)size};
    memcpy(event->payload, path, path_size);
    memcpy(event->payload + path_size, token, token_size);
    list_push_back(&connection->events, &event->link);
    connection->event_count++;
    connection->event_bytes += size;
    connection->ready(connection);
    return true;
}

bool store_connection_output(struct store_connection *connection, const char **data, size_t *size)
{
    const struct xsd_sockmsg *message;

    if (!connection->sending_event && !connection->replying) {
        if (list_empty(&connection->events) && connection->missed)
            store_observer_catch_up(connection);
        if (list_empty(&connection->events))
            return false;
        connection->sending_event = true;
    }
    message =
        connection->sending_event ? &first_event(connection)->header : &connection->reply.header;
    *data = (const char *)message + connection->sent;
    *size = sizeof(*message) + message->len - connection->sent;
    return true;
}

void store_connection_sent(struct store_connection *connection, size_t size)
{
    const char *data;
    size_t left;

    if (!store_connection_output(connection, &data, &left))
        return;
    connection->sent += size;
    if (size < left)
        return;
    connection->sent = 0;
    if (connection->sending_event)
        event_drop(connection, first_event(connection));
    else
        connection->replying = false;
    connection->sending_event = false;
}
