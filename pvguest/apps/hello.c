/* SPDX-License-Identifier: MIT */
/*
 * The smallest guest: shows that each part of the guest kernel works on the hypervisor below, in
 * lines that begin with `hello:` and are the same on every hypervisor, then powers off.
 * `word=` on the command line is printed back.
 */
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/thread.h"

#include <stdint.h>

#define MAGIC      "xen-3.0-x86_64"
#define PATTERN    0x0123456789abcdefUL
#define SLEEP_NS   20000000UL
#define TIMEOUT_NS 2000000000UL

#define VECTOR_UNDEFINED  6
#define VECTOR_PAGE_FAULT 14

static bool start_info_good(void)
{
    return text_starts_with(start_info->magic, MAGIC) && start_info->nr_pages > 0;
}

/* The largest blocks there are, each page its own contents. */
static bool memory_answers(void)
{
    uint64_t *block = page_allocate(PAGE_ORDER_MAX);
    size_t words = (PAGE_SIZE << PAGE_ORDER_MAX) / sizeof(*block);
    bool good = block;

    for (size_t i = 0; good && i < words; i += PAGE_SIZE / sizeof(*block))
        block[i] = PATTERN + i;
    for (size_t i = 0; good && i < words; i += PAGE_SIZE / sizeof(*block))
        good = block[i] == PATTERN + i;
    if (block)
        page_free(block, PAGE_ORDER_MAX);
    return good;
}

static bool frames_agree(void)
{
    void *page = page_allocate(0);
    bool good = page && page_of_mfn(page_mfn(page)) == page;

    if (page)
        page_free(page, 0);
    return good;
}

static void undefined_instruction(void *argument)
{
    (void)argument;
    __asm__ __volatile__("ud2");
}

static bool exception_caught(void)
{
    struct fault fault;

    return fault_catch(undefined_instruction, NULL, &fault) && fault.vector == VECTOR_UNDEFINED;
}

static void touch_null(void *argument)
{
    *(volatile char *)argument = 0;
}

static bool page_fault_caught(void)
{
    struct fault fault;

    return fault_catch(touch_null, (void *)16, &fault) && fault.vector == VECTOR_PAGE_FAULT &&
           fault.address == 16;
}

static bool timer_fired(void)
{
    uint64_t before = clock_monotonic_ns();

    thread_sleep_ns(SLEEP_NS);
    return clock_monotonic_ns() - before >= SLEEP_NS;
}

struct round_trip {
    struct wait_queue queue;
    evtchn_port_t near, far;
    bool reached, returned;
};

static void far_event(evtchn_port_t port, void *argument)
{
    struct round_trip *trip = argument;

    trip->reached = true;
    event_notify(port);
}

static void near_event(evtchn_port_t port, void *argument)
{
    struct round_trip *trip = argument;

    (void)port;
    trip->returned = trip->reached;
    wait_queue_wake(&trip->queue);
}

/* Both ends of a channel in this domain: one sends, the other answers. */
static bool event_round_trip(void)
{
    struct round_trip trip = {.queue = WAIT_QUEUE_INIT(trip.queue)};
    uint64_t deadline = clock_monotonic_ns() + TIMEOUT_NS;
    bool good;

    if (event_allocate_unbound(DOMID_SELF, &trip.near) ||
        event_bind_interdomain(DOMID_SELF, trip.near, &trip.far))
        return false;
    event_port_clear(trip.far);
    event_bind(trip.far, far_event, &trip);
    event_bind(trip.near, near_event, &trip);
    event_notify(trip.near);
    good = WAIT_UNTIL_DEADLINE(&trip.queue, trip.returned, deadline);
    event_close(trip.far);
    event_close(trip.near);
    return good;
}

static struct mutex turn = MUTEX_INIT(turn);
static unsigned int turns_taken;

static void take_turns(void *argument)
{
    for (int i = 0; i < 3; i++) {
        mutex_lock(&turn);
        turns_taken++;
        thread_yield();
        mutex_unlock(&turn);
    }
    *(bool *)argument = true;
}

static bool threads_alternate(void)
{
    static bool first_ended, second_ended;

    if (!thread_create("first", take_turns, &first_ended) ||
        !thread_create("second", take_turns, &second_ended))
        return false;
    while (!first_ended || !second_ended)
        thread_yield();
    return turns_taken == 6;
}

static bool contiguous_memory(void)
{
    uint64_t machine_address;
    char *pages;
    bool good = true;

    if (dma_allocate(2, (void **)&pages, &machine_address))
        return false;
    for (unsigned int i = 0; i < 4; i++)
        good = good && page_mfn(pages + i * PAGE_SIZE) == (machine_address >> PAGE_SHIFT) + i;
    memset(pages, 1, 4 * PAGE_SIZE);
    dma_free(pages, 2);
    return good;
}

static bool clock_runs(void)
{
    uint64_t before = clock_monotonic_ns();

    for (int i = 0; i < 1000; i++)
        if (clock_monotonic_ns() < before)
            return false;
    return clock_monotonic_ns() > before;
}

static const struct {
    const char *name;
    bool (*check)(void);
} steps[] = {
    {"start_info magic " MAGIC, start_info_good},
    {"memory answers", memory_answers},
    {"frames and pages agree", frames_agree},
    {"exception caught", exception_caught},
    {"page fault caught with its address", page_fault_caught},
    {"clock runs", clock_runs},
    {"timer fired", timer_fired},
    {"event round trip", event_round_trip},
    {"threads take turns", threads_alternate},
    {"contiguous memory", contiguous_memory},
};

void guest_main(void)
{
    char word[64];

    print("hello: %s\n", guest_is_initial_domain() ? "first domain, privileged" : "guest domain");
    if (text_option(guest_command_line(), "word", word, sizeof(word)))
        print("hello: the word is %s\n", word);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        print("hello: %s%s\n", steps[i].name, steps[i].check() ? "" : " - FAILED");
    print("hello: done\n");
}
