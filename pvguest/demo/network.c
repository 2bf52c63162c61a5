/* SPDX-License-Identifier: MIT */
#include "pvguest/demo/network.h"

#include <stdbool.h>

#include "drivers/bus/front.h"
#include "drivers/console/front.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/store.h"
#include "pvguest/kernel/thread.h"
#include "pvguest/network/ping.h"
#include "pvguest/network/stack.h"
#include "pvguest/network/stream.h"

#define SECOND_NS     1000000000ULL
#define SERVERS       4 /* connections served at a time, of each service */
#define CONNECTIONS   16
#define PING_COUNT    5
#define PING_PAUSE_NS (SECOND_NS / 10)
#define PING_NS       (5 * SECOND_NS)
#define ADDRESS_NS    (60 * SECOND_NS)

#define say console_front_print

static struct network_front *network;
static struct demo_page page;

struct network_front *demo_network(void)
{
    if (network == NULL)
        say("there is no network interface\n");
    return network;
}

bool demo_address(unsigned int count, char **words, unsigned int wanted, const char *usage,
                  void *address)
{
    if (count >= wanted && network_parse_address(words[1], address))
        return demo_network() != NULL;
    say("%s %s\n", words[0], usage);
    return false;
}

uint64_t demo_number(unsigned int count, char **words, unsigned int at, uint64_t fallback)
{
    const char *cursor;
    uint64_t value;

    if (at >= count)
        return fallback;
    cursor = words[at];
    return text_parse_unsigned(&cursor, &value) && *cursor == '\0' ? value : fallback;
}

static void say_address(const char *what, ip4_addr_t address)
{
    say("%s %u.%u.%u.%u\n", what, ip4_addr1(&address), ip4_addr2(&address), ip4_addr3(&address),
        ip4_addr4(&address));
}

void demo_network_show(unsigned int count, char **words)
{
    const struct network_counters *counters;
    const uint8_t *mac;
    struct network_status status;

    if (demo_network() == NULL)
        return;
    if (count == 2 && strcmp(words[1], "up") == 0 &&
        !network_wait(clock_monotonic_ns() + ADDRESS_NS))
        say("there is no address\n");
    counters = network_front_counters(network);
    mac = network_front_properties(network)->address;
    network_status(&status);
    say("link %s, mac %02x:%02x:%02x:%02x:%02x:%02x%s%s\n",
        network_front_up(network) ? "up" : "down", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
        network_front_properties(network)->checksum ? ", checksums" : "",
        network_front_properties(network)->segmentation ? ", segmentation" : "");
    say_address("address", status.address);
    say_address("mask", status.mask);
    say_address("gateway", status.gateway);
    say("received %llu frames, %llu bytes, %llu bad\n", (unsigned long long)counters->received,
        (unsigned long long)counters->received_bytes, (unsigned long long)counters->received_bad);
    say("sent %llu frames, %llu bytes, %llu refused, %llu without room\n",
        (unsigned long long)counters->sent, (unsigned long long)counters->sent_bytes,
        (unsigned long long)counters->sent_bad, (unsigned long long)counters->sent_full);
}

void demo_network_reconnect(unsigned int count, char **words)
{
    (void)count;
    if (demo_network() == NULL)
        return;
    if (network_front_restart(network) == 0 &&
        network_front_wait(network, clock_monotonic_ns() + 5 * SECOND_NS))
        say("%s: done\n", words[0]);
    else
        say("%s: failed\n", words[0]);
}

void demo_ping(unsigned int count, char **words)
{
    uint64_t wanted = demo_number(count, words, 2, PING_COUNT), answered = 0, total = 0, worst = 0;
    ip4_addr_t address;

    if (!demo_address(count, words, 2, "ADDRESS [COUNT]", &address))
        return;
    for (uint64_t i = 0; i < wanted; i++) {
        uint64_t took;
        int error = ping(&address, PING_NS, &took);

        if (error == 0) {
            answered++;
            total += took;
            worst = took > worst ? took : worst;
        }
        thread_sleep_ns(PING_PAUSE_NS);
    }
    say("%llu sent, %llu answered, mean %llu us, worst %llu us\n", (unsigned long long)wanted,
        (unsigned long long)answered,
        (unsigned long long)(answered > 0 ? total / answered / 1000 : 0),
        (unsigned long long)(worst / 1000));
}

/* --- start --- */

static void first_interface(unsigned int id, void *argument)
{
    (void)argument;
    if (network == NULL && network_front_start(id, &network) != 0)
        say("demo: interface %u cannot be used\n", id);
}

static bool serve(uint16_t port, void (*function)(void *), void *argument,
                  struct stream_listener **listener)
{
    if (stream_listen(port, CONNECTIONS, listener) != 0)
        return false;
    for (unsigned int i = 0; i < SERVERS; i++)
        if (thread_create("server", function, argument != NULL ? argument : *listener) == NULL)
            return i > 0;
    return true;
}

void demo_network_start(struct block_front *disk, uint64_t started_ns)
{
    static struct stream_listener *sink;
    char address[64];

    (void)bus_front_list("vif", first_interface, NULL);
    if (network == NULL)
        return;
    page.disk = disk;
    page.network = network;
    page.started_ns = started_ns;
    if (store_read("name", page.name, sizeof(page.name)) != 0)
        text_copy(page.name, "demo", sizeof(page.name));
    (void)store_read_unsigned("domid", &page.domain);
    if (!text_option(guest_command_line(), "address", address, sizeof(address)))
        address[0] = '\0';
    if (network_start(network, page.name, address) != 0)
        say("demo: no network: address=%s\n", address);
    else if (!serve(WEB_PORT, demo_web_serve, &page, &page.listener) ||
             !serve(SINK_PORT, demo_sink_serve, NULL, &sink))
        say("demo: out of memory for the network's services\n");
}
