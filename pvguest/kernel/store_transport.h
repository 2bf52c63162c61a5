/* SPDX-License-Identifier: MIT */
/*
 * How the store client's messages reach the store. There are two: store_ring.c (ring and event
 * channel of start_info) in the archive of the guest kernel, and the control domain's
 * store_local.c. Both define exactly these functions, and the linker takes the one it finds first:
 * the program's own.
 */
#pragma once

#include <stdint.h>
#include <xen/io/xs_wire.h>

/* Called once, before the first message. 0 or a negative errno. */
int store_transport_start(void);

/* Send a header and the payload that follows it. May wait; messages are never mixed. */
int store_transport_send(const struct xsd_sockmsg *message);

/*
 * The client's side, called by the transport in a thread for each whole message received; does
 * not wait. `payload` has message->len bytes. An end of the connection fails all that waits.
 */
void store_receive(const struct xsd_sockmsg *message, const char *payload);
void store_receive_end(void);
