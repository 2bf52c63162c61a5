/* SPDX-License-Identifier: MIT */
/*
 * The control domain's network: bridges by name, each with a table of stations, joining interfaces
 * of guests and the card. Forwards frames, finishes checksums and cuts large segments for those who
 * cannot, drops what pretends to come from another. One thread serves all interfaces in turn.
 * Owns the lists of bridges and interfaces. Threads only, except network_notice().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pvguest/control/network_interface.h"

/* Start the thread. 0 or a negative errno. Once. */
int network_start(void);

/*
 * Join the bridge of this name, which is made when there is none. 0, -XEN_EEXIST when its address
 * belongs to another interface of the bridge, -XEN_ENOSPC, -XEN_ENOMEM.
 */
int network_attach(struct network_interface *interface, const char *bridge);

/* Leave, with everything that waits in its queue; its functions are not called any more. */
void network_detach(struct network_interface *interface);

/* Something happened at an interface: serve all. Legal in event handlers. */
void network_notice(void);

/*
 * A frame was received. The packet is the network's from now on. Only in the type's serve().
 */
void network_forward(struct network_interface *source, struct network_packet *packet);

/*
 * Whether what the interface sends to the outside would find room now. While not, a well-behaved
 * source leaves its frames where they are; it is served again when the card has sent some.
 */
bool network_has_room(const struct network_interface *source);

/* Attached interfaces in order of attachment; NULL begins and ends. */
struct network_interface *network_next(const struct network_interface *interface);
struct network_interface *network_find(const char *name);
