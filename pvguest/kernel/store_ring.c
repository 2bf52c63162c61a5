/* SPDX-License-Identifier: MIT */
/*
 * The store client's transport in a guest: the ring page and the event channel of start_info. One
 * thread reads; senders take turns. A ring whose indices are nonsense ends the connection.
 */
#include "lib/string.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/store_stream.h"
#include "pvguest/kernel/store_transport.h"
#include "pvguest/kernel/thread.h"
#include <xen/errno.h>

static struct store_stream requests, replies;
static struct wait_queue moved = WAIT_QUEUE_INIT(moved);
static struct mutex send_mutex = MUTEX_INIT(send_mutex);
static evtchn_port_t port;

static struct {
    struct xsd_sockmsg header;
    char payload[XENSTORE_PAYLOAD_MAX];
} received;

static void ring_moved(evtchn_port_t event_port, void *unused)
{
    (void)event_port;
    (void)unused;
    wait_queue_wake(&moved);
}

static int read_all(void *buffer, size_t size)
{
    size_t done = 0;

    while (done < size) {
        int count = store_stream_read(&replies, (char *)buffer + done, size - done);

        if (count < 0)
            return count;
        if (count > 0)
            event_notify(port);
        else
            WAIT_UNTIL(&moved, store_stream_readable(&replies) != 0);
        done += (size_t)count;
    }
    return 0;
}

static void reader(void *unused)
{
    (void)unused;
    for (;;) {
        if (read_all(&received.header, sizeof(received.header)) ||
            received.header.len > XENSTORE_PAYLOAD_MAX ||
            read_all(received.payload, received.header.len))
            break;
        store_receive(&received.header, received.payload);
    }
    store_receive_end();
}

int store_transport_start(void)
{
    struct xenstore_domain_interface *page;

    if (start_info->store_evtchn == 0)
        return -XEN_ENODEV;
    page = page_of_mfn(start_info->store_mfn);
    if (page == NULL)
        return -XEN_ENODEV;
    port = start_info->store_evtchn;
    store_stream_open(&requests, page->req, &page->req_prod, &page->req_cons);
    store_stream_open(&replies, page->rsp, &page->rsp_cons, &page->rsp_prod);
    if (thread_create("store reader", reader, NULL) == NULL)
        return -XEN_ENOMEM;
    return event_bind(port, ring_moved, NULL);
}

int store_transport_send(const struct xsd_sockmsg *message)
{
    size_t size = sizeof(*message) + message->len, done = 0;
    int count = 0;

    mutex_lock(&send_mutex);
    while (done < size) {
        count = store_stream_write(&requests, (const char *)message + done, size - done);
        if (count < 0)
            break;
        if (count > 0)
            event_notify(port);
        else
            WAIT_UNTIL(&moved, store_stream_writable(&requests) != 0);
        done += (size_t)count;
    }
    mutex_unlock(&send_mutex);
    return count < 0 ? count : 0;
}
