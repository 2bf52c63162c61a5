/* SPDX-License-Identifier: MIT */
/* Frames that a good neighbour would not send: another's source address, and far too many. */
#include <xen/errno.h>

#include "drivers/console/front.h"
#include "lib/string.h"
#include "lwip/pbuf.h"
#include "lwip/udp.h"
#include "pvguest/demo/network.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/thread.h"
#include "pvguest/network/stack.h"

#define SECOND_NS     1000000000ULL
#define DISCARD_PORT  9
#define FLOOD_SIZE    1400
#define FLOOD_BURST   32
#define FLOOD_SECONDS 10
#define FRAME_SIZE    60

#define say console_front_print

static struct {
    ip4_addr_t address;
    uint64_t until_ns, sent, refused;
    bool running;
} flooding;

/* A packet of its own each time: one that waits for an answer of ARP is still lwIP's. */
static bool flood_once(struct udp_pcb *pcb)
{
    struct pbuf *packet = pbuf_alloc(PBUF_TRANSPORT, FLOOD_SIZE, PBUF_RAM);
    err_t error = ERR_MEM;

    if (packet != NULL) {
        error = udp_sendto(pcb, packet, &flooding.address, DISCARD_PORT);
        pbuf_free(packet);
    }
    return error == ERR_OK;
}

/* In a thread of its own, so that the shell goes on; it gives way after each burst only. */
static void flood_thread(void *argument)
{
    struct udp_pcb *pcb = udp_new();

    (void)argument;
    while (pcb != NULL && clock_monotonic_ns() < flooding.until_ns) {
        for (unsigned int i = 0; i < FLOOD_BURST; i++) {
            if (flood_once(pcb))
                flooding.sent++;
            else
                flooding.refused++;
        }
        thread_yield();
    }
    if (pcb != NULL)
        udp_remove(pcb);
    flooding.running = false;
}

void demo_flood(unsigned int count, char **words)
{
    if (flooding.running || count < 2) {
        say("flood: %s; %llu sent, %llu without room\n", flooding.running ? "running" : "over",
            (unsigned long long)flooding.sent, (unsigned long long)flooding.refused);
        return;
    }
    if (!demo_address(count, words, 2, "ADDRESS [SECONDS]", &flooding.address))
        return;
    flooding.until_ns =
        clock_monotonic_ns() + demo_number(count, words, 2, FLOOD_SECONDS) * SECOND_NS;
    flooding.sent = flooding.refused = 0;
    flooding.running = thread_create("flood", flood_thread, NULL) != NULL;
    say("flood: %s\n", flooding.running ? "running" : "out of memory");
}

/* Broadcasts of an experimental type whose source differs from ours in one bit. */
void demo_spoof(unsigned int count, char **words)
{
    uint64_t wanted = demo_number(count, words, 1, 1), sent = 0;
    uint8_t frame[FRAME_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0x88, 0xb5};
    const struct network_piece piece = {frame, sizeof(frame)};
    const struct network_frame whole = {.pieces = &piece, .count = 1, .size = sizeof(frame)};
    struct network_front *network = demo_network();

    if (network == NULL)
        return;
    memcpy(frame + NETWORK_ADDRESS_SIZE, network_front_properties(network)->address,
           NETWORK_ADDRESS_SIZE);
    frame[2 * NETWORK_ADDRESS_SIZE - 1] ^= 1;
    while (sent < wanted && network_front_send(network, &whole) == 0)
        sent++;
    say("spoof: %llu sent\n", (unsigned long long)sent);
}
