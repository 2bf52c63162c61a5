/* SPDX-License-Identifier: MIT */
/*
 * The guest's TCP/IP: lwIP over one network front end. One thread receives, runs lwIP's timers and
 * with them all of its callbacks.
 *
 * Threads are cooperative and nothing in lwIP waits, so any thread may call lwIP at any time
 * without a lock; event handlers may not. A callback must not wait either (nor print to the
 * console or read the store): it notes what happened and wakes a wait queue.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/net/front.h"
#include "lwip/ip4_addr.h"

struct tcp_pcb;

/* As many segments as the stack hands over in one piece where the interface cuts them. */
#define NETWORK_SEGMENTS 10

/*
 * Start the stack on a front end. `address` is empty (any, by DHCP), an address (the one to ask the
 * DHCP server for), or an address with a prefix's length, and perhaps a comma and a gateway, that
 * is used without asking: "192.0.2.5/24,192.0.2.1". -XEN_EINVAL when it is none of these.
 */
int network_start(struct network_front *front, const char *name, const char *address);

/* Whether there is an address by the deadline (clock_monotonic_ns). */
bool network_wait(uint64_t deadline_ns);

struct network_status {
    bool up; /* a link and an address */
    ip4_addr_t address, mask, gateway;
};

void network_status(struct network_status *status);

/* "192.0.2.1", and nothing behind it. */
bool network_parse_address(const char *text, ip4_addr_t *address);

/* After calls of lwIP that may have made a timer: the thread looks at it. */
void network_poke(void);

/* Make the segments of a new connection large, if the interface and the other end allow it. */
void network_enlarge(struct tcp_pcb *pcb);
