/* SPDX-License-Identifier: MIT */
/* Frames to another guest at the same bridge (partner.h), which answers them. */
#include "drivers/bus/front.h"
#include "drivers/net/front.h"
#include "lib/string.h"
#include "pvguest/bench/bench.h"
#include "pvguest/bench/partner.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/thread.h"

#define PATIENCE_NS 2000000000UL
#define TRIES       5

static const uint8_t partner_address[6] = {0x00, 0x16, 0x3e, 0x00, 0x00, 0x03};

static struct network_front *network;
static uint64_t echoes, counted, right;

bool bench_frame_read(const struct network_arrival *arrival, struct bench_frame *frame)
{
    size_t at = 0;

    if (arrival->size > sizeof(*frame) || arrival->size < BENCH_FRAME_LEAST)
        return false;
    for (unsigned int i = 0; i < arrival->count; i++) {
        memcpy((char *)frame + at, arrival->pieces[i].data, arrival->pieces[i].size);
        at += arrival->pieces[i].size;
    }
    return frame->type == __builtin_bswap16(FRAME_TYPE);
}

static void frame_arrived(const struct network_arrival *arrival, void *argument)
{
    static struct bench_frame frame;

    (void)argument;
    if (!bench_frame_read(arrival, &frame))
        return;
    if (frame.kind == FRAME_ECHO && frame.number == echoes)
        echoes++;
    if (frame.kind == FRAME_COUNT)
        counted = frame.number;
}

/* Take what came, or wait for something; false when nothing comes any more. */
static bool receive(void)
{
    uint64_t deadline = clock_monotonic_ns() + PATIENCE_NS;

    if (!WAIT_UNTIL_DEADLINE(network_front_queue(network), network_front_pending(network),
                             deadline))
        return false;
    network_front_receive(network, frame_arrived, NULL, FRAME_WINDOW);
    return true;
}

static bool frame_send(uint8_t kind, uint64_t number, size_t size)
{
    static struct bench_frame frame = {.type = __builtin_bswap16(FRAME_TYPE)};
    struct network_piece piece = {&frame, size};
    struct network_frame whole = {.pieces = &piece, .count = 1, .size = size};

    memcpy(frame.destination, partner_address, sizeof(frame.destination));
    memcpy(frame.source, network_front_properties(network)->address, sizeof(frame.source));
    frame.kind = kind;
    frame.number = number;
    return !network_front_send(network, &whole);
}

static bool echo(void)
{
    uint64_t wanted = echoes + 1;

    if (!frame_send(FRAME_ECHO, echoes, BENCH_FRAME_LEAST))
        return false;
    while (echoes < wanted)
        if (!receive())
            return false;
    return true;
}

static void interface_found(unsigned int id, void *argument)
{
    (void)argument;
    if (!network && network_front_start(id, &network))
        network = NULL;
}

/* The first echo also shows that the partner is there, which may still be on its way. */
static bool network_prepare(void)
{
    if (!network && (bus_front_list("vif", interface_found, NULL) || !network))
        return false;
    for (unsigned int tries = 0; tries < TRIES; tries++)
        if (network_front_wait(network, clock_monotonic_ns() + PATIENCE_NS) && echo())
            return true;
    return false;
}

static void round_trips(unsigned int count)
{
    right = 0;
    for (unsigned int i = 0; i < count && echo(); i++)
        right++;
}

/* As many frames under way as the window allows; the partner says how many came. */
static void stream(unsigned int count)
{
    right = counted = 0;
    for (unsigned int sent = 0; sent < count; sent++) {
        while (sent - counted >= FRAME_WINDOW)
            if (!receive())
                return;
        if (!frame_send(FRAME_DATA, sent, sizeof(struct bench_frame)))
            return;
    }
    while (counted < count)
        if (!receive())
            return;
    right = counted;
}

static bool all_right(unsigned int count)
{
    return right == count;
}

const struct row network_rows[] = {
    {"net_round_trip", 1000, network_prepare, round_trips, all_right, NULL},
    {"net_frame_1514", 8000, network_prepare, stream, all_right, NULL},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
