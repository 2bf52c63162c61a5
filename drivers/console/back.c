/* SPDX-License-Identifier: MIT */
#include "drivers/console/back.h"

#include <xen/errno.h>

#include "drivers/console/back_limit.h"
#include "drivers/console/back_ring.h"
#include "lib/list.h"
#include "pvguest/control/domain_table.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/thread.h"

#define PIECE_SIZE      512
#define RETRY_NS        50000000ULL
#define REPLAY_SIZE     4096
#define DRAIN_SIZE_LAST 4096

struct console {
    struct domain_link link;
    struct list waiting; /* among those that the thread is to look at; events masked */
    evtchn_port_t port;
    struct console_back_ring ring;
    struct console_limit limit;
    bool notified;  /* set by the handler, which masks the port; the thread unmasks it */
    bool throttled; /* its budget was empty; look again later */
    bool broken;    /* hostile ring: never touched again */
    console_sink_t *sink;
    void *sink_argument;
    uint64_t logged; /* bytes ever written to the log */
    char *log;       /* CONSOLE_LOG_SIZE bytes */
};

static struct domain_table consoles;
static struct list all_waiting = {&all_waiting, &all_waiting};
static struct wait_queue work = WAIT_QUEUE_INIT(work);
static bool work_there;

static struct console *find(domid_t domain)
{
    struct domain_link *link = domain_table_find(&consoles, domain);

    return link ? container_of(link, struct console, link) : NULL;
}

/* One-shot: however often the guest notifies, the port stays masked until the thread has looked. */
static void console_event(evtchn_port_t port, void *argument)
{
    struct console *console = argument;

    event_port_mask(port);
    console->notified = true;
    list_remove(&console->waiting);
    list_push_back(&all_waiting, &console->waiting);
    work_there = true;
    wait_queue_wake(&work);
}

/* A thread's way to and from the list that the handler adds to. */
static void set_waiting(struct console *console, bool waits)
{
    unsigned long masked = events_mask();

    list_remove(&console->waiting);
    if (waits)
        list_push_back(&all_waiting, &console->waiting);
    events_restore(masked);
}

static void log_and_forward(struct console *console, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        console->log[console->logged++ % CONSOLE_LOG_SIZE] = data[i];
    if (console->sink != NULL)
        console->sink(data, size, console->sink_argument);
}

/* Its ring makes no sense: what the guest does from now on is its own affair. */
static void shut(struct console *console)
{
    console->broken = true;
    event_port_mask(console->port);
    notice("console: domain %u: impossible ring indices, its console is shut",
           console->link.domain);
}

/* Take at most `most` bytes out of the ring. Returns whether that was all. */
static bool drain(struct console *console, uint64_t most)
{
    char piece[PIECE_SIZE];
    bool taken = false;
    int count = 0;

    while (most > 0) {
        count = console_back_ring_take(&console->ring, piece,
                                       most < PIECE_SIZE ? (size_t)most : PIECE_SIZE);
        if (count <= 0)
            break;
        taken = true;
        most -= (uint64_t)count;
        console_limit_spend(&console->limit, (uint64_t)count);
        log_and_forward(console, piece, (size_t)count);
    }
    if (count < 0)
        shut(console);
    else if (taken)
        event_notify(console->port);
    return most > 0;
}

static void serve(struct console *console)
{
    uint64_t budget = console_limit_budget(&console->limit, clock_monotonic_ns());

    if (console->broken || (!console->notified && !console->throttled))
        return;
    console->throttled = budget <= CONSOLE_LIMIT_NOTICE;
    if (console->throttled)
        return;
    console->notified = false;
    console_limit_spend(&console->limit, CONSOLE_LIMIT_NOTICE);
    console->throttled = !drain(console, budget - CONSOLE_LIMIT_NOTICE);
    if (!console->throttled && !console->broken)
        event_port_unmask(console->port);
}

/* Once each; those who are throttled wait for the next round. */
static bool serve_all(void)
{
    struct list throttled = {&throttled, &throttled}, *first;

    while ((first = list_first(&all_waiting))) {
        struct console *console = container_of(first, struct console, waiting);

        set_waiting(console, false);
        serve(console);
        if (console->throttled)
            list_push_back(&throttled, &console->waiting);
    }
    if (list_empty(&throttled))
        return false;
    while ((first = list_first(&throttled)))
        set_waiting(container_of(first, struct console, waiting), true);
    return true;
}

static void console_thread(void *argument)
{
    bool any_throttled = false;

    (void)argument;
    for (;;) {
        uint64_t deadline = any_throttled ? clock_monotonic_ns() + RETRY_NS : WAIT_FOR_EVER;

        (void)WAIT_UNTIL_DEADLINE(&work, work_there, deadline);
        work_there = false;
        any_throttled = serve_all();
        thread_yield();
    }
}

static int start_thread(void)
{
    static bool started;

    if (started)
        return 0;
    domain_table_init(&consoles);
    if (thread_create("console", console_thread, NULL) == NULL)
        return -XEN_ENOMEM;
    started = true;
    return 0;
}

int console_back_open(domid_t domain, uint64_t ring_mfn, evtchn_port_t remote_port)
{
    struct console *console;
    void *page;
    int error = start_thread();

    if (error != 0)
        return error;
    if (find(domain) != NULL)
        return -XEN_EEXIST;
    console = heap_allocate_zeroed(sizeof(*console));
    if (console == NULL)
        return -XEN_ENOMEM;
    error = -XEN_ENOMEM;
    console->log = page_allocate(page_order(CONSOLE_LOG_SIZE));
    if (console->log == NULL)
        goto free_console;
    error = foreign_map(domain, &ring_mfn, 1, true, &page);
    if (error != 0)
        goto free_log;
    error = event_bind_interdomain(domain, remote_port, &console->port);
    if (error != 0)
        goto unmap;
    list_init(&console->waiting);
    console_back_ring_init(&console->ring, page);
    console_limit_init(&console->limit, clock_monotonic_ns());
    domain_table_add(&consoles, &console->link, domain);
    error = event_bind(console->port, console_event, console);
    if (error != 0)
        goto close;
    return 0;

close:
    domain_table_remove(&console->link);
    event_close(console->port);
unmap:
    foreign_unmap(page, 1);
free_log:
    page_free(console->log, page_order(CONSOLE_LOG_SIZE));
free_console:
    heap_free(console);
    return error;
}

void console_back_close(domid_t domain)
{
    struct console *console = find(domain);

    if (console == NULL)
        return;
    if (!console->broken)
        drain(console, DRAIN_SIZE_LAST);
    domain_table_remove(&console->link);
    event_close(console->port);
    set_waiting(console, false);
    foreign_unmap(console->ring.shared, 1);
    page_free(console->log, page_order(CONSOLE_LOG_SIZE));
    heap_free(console);
}

bool console_back_present(domid_t domain)
{
    const struct console *console = find(domain);

    return console != NULL && !console->broken;
}

int console_back_attach(domid_t domain, console_sink_t *sink, void *argument)
{
    struct console *console = find(domain);
    uint64_t position;
    char piece[PIECE_SIZE];
    size_t count;

    if (console == NULL)
        return -XEN_ESRCH;
    if (console->sink != NULL)
        return -XEN_EBUSY;
    position = console->logged > REPLAY_SIZE ? console->logged - REPLAY_SIZE : 0;
    while ((count = console_back_log(domain, &position, piece, sizeof(piece))) > 0)
        sink(piece, count, argument);
    console->sink = sink;
    console->sink_argument = argument;
    return 0;
}

void console_back_detach(domid_t domain)
{
    struct console *console = find(domain);

    if (console != NULL)
        console->sink = NULL;
}

int console_back_input(domid_t domain, const char *data, size_t size)
{
    struct console *console = find(domain);
    int given;

    if (console == NULL || console->broken)
        return -XEN_ESRCH;
    given = console_back_ring_give(&console->ring, data, size);
    if (given < 0)
        shut(console);
    else if (given > 0)
        event_notify(console->port);
    return given;
}

size_t console_back_log(domid_t domain, uint64_t *position, char *buffer, size_t size)
{
    const struct console *console = find(domain);
    size_t count = 0;

    if (console == NULL)
        return 0;
    if (console->logged > CONSOLE_LOG_SIZE && *position < console->logged - CONSOLE_LOG_SIZE)
        *position = console->logged - CONSOLE_LOG_SIZE;
    for (; count < size && *position < console->logged; count++)
        buffer[count] = console->log[(*position)++ % CONSOLE_LOG_SIZE];
    return count;
}
