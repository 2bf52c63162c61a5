/* SPDX-License-Identifier: MIT */
/*
 * The wire protocol: one request in, one reply queued on the connection, always. Every message
 * type is a row of one table. Whatever a client sends is answered; nothing it sends is trusted.
 */
#pragma once

#include "pvguest/control/store_connection.h"
#include <xen/io/xs_wire.h>

/* `payload` has header->len bytes, at most XENSTORE_PAYLOAD_MAX; no reply may be waiting. */
void store_request_handle(struct store_connection *connection, const struct xsd_sockmsg *header,
                          const char *payload);
