/* SPDX-License-Identifier: MIT */
/*
 * Watches of the store client: events are queued as they arrive and delivered by one thread. An
 * event that waits already is not queued again. If the queue is full or memory is lacking, every
 * watch is called once with its own path instead.
 */
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/store.h"
#include "pvguest/kernel/store_message.h"
#include "pvguest/kernel/thread.h"
#include <xen/errno.h>

#define TOKEN_SIZE  16
#define QUEUE_LIMIT 1024

struct event {
    struct list link;
    uint32_t token;
    char path[];
};

static struct list watches = {&watches, &watches};
static struct list events = {&events, &events};
static struct wait_queue arrived = WAIT_QUEUE_INIT(arrived);
static struct wait_queue finished = WAIT_QUEUE_INIT(finished);
static struct thread *watch_thread;
static struct store_watch *running;
static uint32_t last_token;
static unsigned int event_count;
static bool events_lost;

static struct store_watch *watch_find(uint32_t token)
{
    list_for_each(position, &watches)
    {
        struct store_watch *watch = container_of(position, struct store_watch, link);

        if (watch->token == token)
            return watch;
    }
    return NULL;
}

static bool event_waits(uint32_t token, const char *path)
{
    list_for_each(position, &events)
    {
        struct event *event = container_of(position, struct event, link);

        if (event->token == token && strcmp(event->path, path) == 0)
            return true;
    }
    return false;
}

static void event_queue(uint32_t token, const char *path)
{
    size_t size = strlen(path) + 1;
    struct event *event;

    if (events_lost || event_waits(token, path))
        return;
    event = event_count < QUEUE_LIMIT ? heap_allocate(sizeof(*event) + size) : NULL;
    if (event == NULL) {
        events_lost = true;
        return;
    }
    event->token = token;
    memcpy(event->path, path, size);
    list_push_back(&events, &event->link);
    event_count++;
}

static void event_drop(struct event *event)
{
    list_remove(&event->link);
    event_count--;
    heap_free(event);
}

/* "path\0token\0"; anything else is not ours. */
void store_watch_receive(const char *payload, size_t size)
{
    const char *end = size ? memchr(payload, '\0', size) : NULL;
    const char *cursor = end + 1;
    uint64_t token;

    if (end == NULL || payload[size - 1] != '\0' || end + 1 == payload + size ||
        !text_parse_unsigned(&cursor, &token))
        return;
    event_queue((uint32_t)token, payload);
    wait_queue_wake(&arrived);
}

static void watch_call(struct store_watch *watch, const char *path)
{
    running = watch;
    watch->function(path, watch->argument);
    running = NULL;
    wait_queue_wake(&finished);
}

/* A function may end other watches: begin again at the first with a greater token. */
static void call_all(void)
{
    uint32_t done = 0;
    bool called;

    do {
        called = false;
        list_for_each(position, &watches)
        {
            struct store_watch *watch = container_of(position, struct store_watch, link);

            if (watch->token <= done)
                continue;
            done = watch->token;
            called = true;
            watch_call(watch, watch->path);
            break;
        }
    } while (called);
}

static void deliver_first(void)
{
    struct event *event = container_of(list_first(&events), struct event, link);
    struct store_watch *watch = watch_find(event->token);

    list_remove(&event->link);
    event_count--;
    if (watch != NULL)
        watch_call(watch, event->path);
    heap_free(event);
}

static void watch_loop(void *unused)
{
    (void)unused;
    for (;;) {
        WAIT_UNTIL(&arrived, !list_empty(&events) || events_lost);
        if (events_lost) {
            while (!list_empty(&events))
                event_drop(container_of(list_first(&events), struct event, link));
            events_lost = false;
            call_all();
        } else {
            deliver_first();
        }
    }
}

int store_watch_start(void)
{
    watch_thread = thread_create("store watch", watch_loop, NULL);
    return watch_thread != NULL ? 0 : -XEN_ENOMEM;
}

static int watch_request(uint32_t type, const struct store_watch *watch)
{
    char token[TOKEN_SIZE];
    size_t token_size = (size_t)format_text(token, sizeof(token), "%u", watch->token) + 1;
    struct store_piece pieces[] = {
        {watch->path, strlen(watch->path) + 1},
        {token, token_size},
    };

    return store_message_exchange(type, STORE_NO_TRANSACTION, pieces, 2, NULL, NULL);
}

int store_watch(struct store_watch *watch, const char *path, store_watch_function_t *function,
                void *argument)
{
    size_t size = strlen(path) + 1;
    int error;

    watch->path = heap_allocate(size);
    if (watch->path == NULL)
        return -XEN_ENOMEM;
    memcpy(watch->path, path, size);
    watch->function = function;
    watch->argument = argument;
    watch->token = ++last_token;
    list_push_back(&watches, &watch->link);
    error = watch_request(XS_WATCH, watch);
    if (error) {
        list_remove(&watch->link);
        heap_free(watch->path);
    }
    return error;
}

int store_unwatch(struct store_watch *watch)
{
    int error;

    list_remove(&watch->link);
    error = watch_request(XS_UNWATCH, watch);
    if (thread_current() != watch_thread)
        WAIT_UNTIL(&finished, running != watch);
    heap_free(watch->path);
    watch->path = NULL;
    return error;
}
