/* SPDX-License-Identifier: MIT */
/* With a second domain on the same processor: events to and fro, and turns. */
#include "lib/format.h"
#include "lib/text.h"
#include "pvguest/bench/bench.h"
#include "pvguest/bench/partner.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/grant.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/store.h"
#include "pvguest/kernel/thread.h"

#include <xen/sched.h>

#define PATIENCE_NS 10000000000UL
#define PAUSE_NS    10000000UL

static struct grant_mapping mapping;
static volatile struct partner_page *page;
static evtchn_port_t port;
static volatile uint64_t arrived;
static uint64_t turns_before;

static void note_event(evtchn_port_t from, void *argument)
{
    (void)from;
    (void)argument;
    arrived++;
}

/* The partner may still be on its way. */
static bool ref_find(domid_t partner, grant_ref_t *ref)
{
    uint64_t value, deadline = clock_monotonic_ns() + PATIENCE_NS;
    char path[STORE_PATH_SIZE];

    format_text(path, sizeof(path), "/local/domain/%u/data/bench", partner);
    while (store_read_unsigned(path, &value)) {
        if (clock_monotonic_ns() > deadline)
            return false;
        thread_sleep_ns(PAUSE_NS);
    }
    *ref = (grant_ref_t)value;
    return true;
}

/* Once for all rows; what is connected stays so. */
static bool partner_connect(void)
{
    domid_t partner = (domid_t)text_option_unsigned(guest_command_line(), "partner", 0);
    grant_ref_t ref;

    if (page)
        return true;
    if (!partner || !ref_find(partner, &ref) || grant_map(partner, &ref, 1, false, &mapping))
        return false;
    page = mapping.address;
    return page->magic == PARTNER_MAGIC && !event_bind_interdomain(partner, page->port, &port) &&
           !event_bind(port, note_event, NULL);
}

/* Send one and block until it is answered, with all other events on their way as usual. */
static inline void exchange(uint64_t answers)
{
    struct evtchn_send send = {.port = port};

    hypercall_event_channel_op(EVTCHNOP_send, &send);
    while (arrived < answers) {
        hypercall_sched_op(SCHEDOP_block, NULL);
        events_mask();
    }
}

static void round_trips(unsigned int count)
{
    unsigned long masked = events_mask();

    for (unsigned int i = 0; i < count; i++)
        exchange(arrived + 1);
    events_restore(masked);
}

static bool answer_prepare(void)
{
    if (!partner_connect())
        return false;
    page->task = PARTNER_ANSWER;
    round_trips(1);
    turns_before = page->turns;
    return true;
}

static bool all_answered(unsigned int count)
{
    return page->turns - turns_before == 2 * (uint64_t)count;
}

static bool turns_prepare(void)
{
    if (!partner_connect())
        return false;
    page->task = PARTNER_YIELD;
    event_notify(port);
    return true;
}

static void take_turns(unsigned int count)
{
    turns_before = page->turns;
    for (unsigned int i = 0; i < count; i++)
        hypercall_sched_op(SCHEDOP_yield, NULL);
}

/* Every yield gave the partner a turn: two switches between domains for each operation. */
static bool turns_were_taken(unsigned int count)
{
    uint64_t taken = page->turns - turns_before;

    return taken >= count - count / 20 && taken <= count + count / 20;
}

/* It answers the event that began the turns. */
static void turns_end(void)
{
    uint64_t answers = arrived + 1;

    page->task = PARTNER_ANSWER;
    while (arrived < answers)
        hypercall_sched_op(SCHEDOP_yield, NULL);
}

const struct row domain_rows[] = {
    {"domain_event_round_trip", 2000, answer_prepare, round_trips, all_answered, NULL},
    {"domain_switch_pair", 2000, turns_prepare, take_turns, turns_were_taken, turns_end},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
