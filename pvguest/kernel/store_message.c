/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/store_message.h"

#include "lib/list.h"
#include "lib/string.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/store_error.h"
#include "pvguest/kernel/store_transport.h"
#include "pvguest/kernel/thread.h"
#include <stdbool.h>
#include <xen/errno.h>

/* One request that waits for its reply; lives on its thread's stack. */
struct exchange {
    struct list link;
    uint32_t id;
    bool done;
    int error;
    char *reply;
    size_t size;
    struct wait_queue queue;
};

static struct list exchanges = {&exchanges, &exchanges};
static struct mutex start_mutex = MUTEX_INIT(start_mutex);
static uint32_t last_id;
static bool started, ended;

static int client_start(void)
{
    int error = 0;

    mutex_lock(&start_mutex);
    if (!started)
        error = store_transport_start();
    if (!started && !error)
        error = store_watch_start();
    if (!error)
        started = true;
    mutex_unlock(&start_mutex);
    return error;
}

static void exchange_finish(struct exchange *exchange, int error)
{
    exchange->done = true;
    exchange->error = error;
    wait_queue_wake(&exchange->queue);
}

static struct exchange *exchange_find(uint32_t id)
{
    list_for_each(position, &exchanges)
    {
        struct exchange *exchange = container_of(position, struct exchange, link);

        if (exchange->id == id && !exchange->done)
            return exchange;
    }
    return NULL;
}

void store_receive(const struct xsd_sockmsg *message, const char *payload)
{
    struct exchange *exchange;

    if (message->type == XS_WATCH_EVENT) {
        store_watch_receive(payload, message->len);
        return;
    }
    exchange = exchange_find(message->req_id);
    if (exchange == NULL)
        return;
    exchange->reply = heap_allocate(message->len + 1);
    if (exchange->reply == NULL) {
        exchange_finish(exchange, -XEN_ENOMEM);
        return;
    }
    memcpy(exchange->reply, payload, message->len);
    exchange->reply[message->len] = '\0';
    exchange->size = message->len;
    exchange_finish(exchange, message->type == XS_ERROR ? store_error_number(exchange->reply) : 0);
}

void store_receive_end(void)
{
    ended = true;
    list_for_each(position, &exchanges)
    {
        exchange_finish(container_of(position, struct exchange, link), -XEN_EIO);
    }
}

static struct xsd_sockmsg *message_create(uint32_t type, uint32_t transaction,
                                          const struct store_piece *pieces, size_t count)
{
    struct xsd_sockmsg *message;
    size_t size = 0;
    char *end;

    for (size_t i = 0; i < count; i++)
        size += pieces[i].size;
    message = heap_allocate(sizeof(*message) + size);
    if (message == NULL)
        return NULL;
    *message = (struct xsd_sockmsg){
        .type = type,
        .req_id = ++last_id,
        .tx_id = transaction,
        .len = (uint32_t)size,
    };
    end = (char *)(message + 1);
    for (size_t i = 0; i < count; i++) {
        memcpy(end, pieces[i].data, pieces[i].size);
        end += pieces[i].size;
    }
    return message;
}

static int exchange_run(struct exchange *exchange, const struct xsd_sockmsg *message)
{
    int error;

    if (message->len > XENSTORE_PAYLOAD_MAX)
        return -XEN_E2BIG;
    if (ended)
        return -XEN_EIO;
    wait_queue_init(&exchange->queue);
    exchange->id = message->req_id;
    list_push_back(&exchanges, &exchange->link);
    error = store_transport_send(message);
    if (!error) {
        WAIT_UNTIL(&exchange->queue, exchange->done);
        error = exchange->error;
    }
    list_remove(&exchange->link);
    return error;
}

int store_message_exchange(uint32_t type, uint32_t transaction, const struct store_piece *pieces,
                           size_t count, char **reply, size_t *reply_size)
{
    struct exchange exchange = {.done = false};
    struct xsd_sockmsg *message;
    int error = client_start();

    if (error)
        return error;
    message = message_create(type, transaction, pieces, count);
    if (message == NULL)
        return -XEN_ENOMEM;
    error = exchange_run(&exchange, message);
    heap_free(message);
    if (error || reply == NULL) {
        heap_free(exchange.reply);
        return error;
    }
    *reply = exchange.reply;
    *reply_size = exchange.size;
    return 0;
}
