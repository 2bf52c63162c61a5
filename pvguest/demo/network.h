/* SPDX-License-Identifier: MIT */
/*
 * The demo guest on the network: commands of its shell, the web page and the sink, a service that
 * reads what it is sent and answers with size and SHA-256. Threads only.
 */
#pragma once

#include <stdint.h>

#include "drivers/block/front.h"
#include "drivers/net/front.h"

#define WEB_PORT  80
#define SINK_PORT 5001

/* The first interface, if there is one; the stack on it, the services in threads of their own. */
void demo_network_start(struct block_front *disk, uint64_t started_ns);

/* The interface, or NULL; says so when there is none. */
struct network_front *demo_network(void);

/* Commands: words as typed. */
void demo_network_show(unsigned int count, char **words);
void demo_network_reconnect(unsigned int count, char **words);
void demo_ping(unsigned int count, char **words);
void demo_fetch(unsigned int count, char **words);
void demo_send(unsigned int count, char **words);
void demo_flood(unsigned int count, char **words);
void demo_spoof(unsigned int count, char **words);

/* Services: each a thread's function, which never returns. */
void demo_web_serve(void *page);
void demo_sink_serve(void *listener);

/* A wrong word count or no address in words[1] prints the usage. */
bool demo_address(unsigned int count, char **words, unsigned int wanted, const char *usage,
                  void *address);
uint64_t demo_number(unsigned int count, char **words, unsigned int at, uint64_t fallback);

/* What the web page shows beside what it finds out by itself. */
struct demo_page {
    struct stream_listener *listener;
    struct block_front *disk; /* NULL: none */
    struct network_front *network;
    uint64_t started_ns;
    uint64_t views;
    char name[64];
    uint64_t domain;
};
