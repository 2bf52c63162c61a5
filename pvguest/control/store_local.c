/* SPDX-License-Identifier: MIT */
/*
 * The store client's transport in the control domain: a call of the server's logic. Replies and
 * events come back at once, on whichever thread caused them; the client only queues them.
 */
#include "pvguest/control/store_request.h"
#include "pvguest/control/store_server.h"
#include "pvguest/kernel/store_transport.h"
#include <xen/errno.h>

static struct store_connection local;

static const struct store_identity control_domain = {
    .domain = 0,
    .target = DOMID_INVALID,
    .privileged = true,
};

/* Messages leave whole, so what is taken is always a header and its payload. */
static void deliver(struct store_connection *connection)
{
    const char *data;
    size_t size;

    while (store_connection_output(connection, &data, &size)) {
        store_receive((const struct xsd_sockmsg *)data, data + sizeof(struct xsd_sockmsg));
        store_connection_sent(connection, size);
    }
}

int store_transport_start(void)
{
    int error = store_server_start();

    if (!error)
        store_connection_begin(&local, store_server_database(), &control_domain, deliver);
    return error;
}

int store_transport_send(const struct xsd_sockmsg *message)
{
    store_request_handle(&local, message, (const char *)(message + 1));
    return 0;
}
