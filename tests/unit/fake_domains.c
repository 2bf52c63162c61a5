/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_domains.h"

#include "pvguest/control/notice.h"
#include "pvguest/control/store_observer.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/store.h"
#include "pvguest/kernel/store_message.h"
#include "pvguest/kernel/thread.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/errno.h>

struct store_database fake_database;
struct store_client fake_clients[FAKE_DOMAINS];

static struct list watches[FAKE_DOMAINS];
static domid_t present;
static uint32_t last_token;

static const struct store_domain_hooks hooks = {.introduce = NULL};

void fake_begin(void)
{
    if (store_database_init(&fake_database, &hooks))
        abort();
    for (domid_t domain = 0; domain < FAKE_DOMAINS; domain++) {
        client_begin(&fake_clients[domain], &fake_database, domain);
        list_init(&watches[domain]);
    }
    present = 0;
}

void fake_end(void)
{
    for (domid_t domain = 0; domain < FAKE_DOMAINS; domain++)
        store_connection_end(&fake_clients[domain].connection);
    store_database_destroy(&fake_database);
}

void fake_become(domid_t domain)
{
    present = domain;
}

bool fake_step_of(domid_t domain)
{
    const char *event = client_event(&fake_clients[domain]);
    domid_t before = present;
    uint32_t token;
    char *path, *bar;

    if (event == NULL)
        return false;
    path = strdup(event);
    bar = strrchr(path, '|');
    *bar = '\0';
    token = (uint32_t)strtoul(bar + 1, NULL, 10);
    present = domain;
    list_for_each(position, &watches[domain])
    {
        struct store_watch *watch = container_of(position, struct store_watch, link);

        if (watch->token == token) {
            watch->function(path, watch->argument);
            break;
        }
    }
    present = before;
    free(path);
    return true;
}

/* Domains take turns, so that events interleave. */
bool fake_step(void)
{
    static domid_t turn;

    for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
        turn = (domid_t)((turn + 1) % FAKE_DOMAINS);
        if (fake_step_of(turn))
            return true;
    }
    return false;
}

void fake_run(void)
{
    for (unsigned int steps = 0; fake_step(); steps++)
        if (steps > 10000)
            abort();
}

int store_message_exchange(uint32_t type, uint32_t transaction, const struct store_piece *pieces,
                           size_t count, char **reply, size_t *reply_size)
{
    struct store_client *client = &fake_clients[present];
    char payload[XENSTORE_PAYLOAD_MAX];
    size_t size = 0;
    int error;

    for (size_t i = 0; i < count; i++) {
        memcpy(payload + size, pieces[i].data, pieces[i].size);
        size += pieces[i].size;
    }
    error = client_request(client, type, transaction, payload, size);
    if (error || reply == NULL)
        return error;
    *reply_size = client->header.len;
    *reply = heap_allocate(*reply_size + 1);
    memcpy(*reply, client->payload, *reply_size + 1);
    return 0;
}

int store_watch(struct store_watch *watch, const char *path, store_watch_function_t *function,
                void *argument)
{
    char token[16];

    watch->path = strdup(path);
    watch->function = function;
    watch->argument = argument;
    watch->token = ++last_token;
    snprintf(token, sizeof(token), "%u", watch->token);
    list_push_back(&watches[present], &watch->link);
    return client_watch(&fake_clients[present], path, token);
}

int store_unwatch(struct store_watch *watch)
{
    char payload[STORE_PATH_SIZE + 16];
    size_t size = (size_t)snprintf(payload, sizeof(payload), "%s", watch->path) + 1;

    size += (size_t)snprintf(payload + size, sizeof(payload) - size, "%u", watch->token) + 1;
    list_remove(&watch->link);
    free(watch->path);
    return client_request(&fake_clients[present], XS_UNWATCH, 0, payload, size);
}

void wait_queue_init(struct wait_queue *queue)
{
    list_init(&queue->waiters);
}

void wait_queue_wake(struct wait_queue *queue)
{
    (void)queue;
}

/* Others run while one waits; when nothing is left to happen, every deadline passes. */
bool wait_queue_sleep(struct wait_queue *queue, uint32_t seen, uint64_t deadline_ns)
{
    domid_t before = present;
    bool stepped = fake_step();

    (void)queue;
    (void)seen;
    present = before;
    if (!stepped && deadline_ns == WAIT_FOR_EVER)
        abort();
    return stepped;
}

unsigned long events_mask(void)
{
    return 0;
}

void events_restore(unsigned long was_masked)
{
    (void)was_masked;
}

uint64_t clock_monotonic_ns(void)
{
    return 0;
}

void print(const char *format, ...)
{
    (void)format;
}

void notice(const char *format, ...)
{
    (void)format;
}
