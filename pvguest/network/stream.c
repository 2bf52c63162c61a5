/* SPDX-License-Identifier: MIT */
#include "pvguest/network/stream.h"

#include <stdbool.h>
#include <xen/errno.h>

#include "lib/list.h"
#include "lib/string.h"
#include "lwip/pbuf.h"
#include "lwip/tcp.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/thread.h"
#include "pvguest/network/stack.h"

/* What has come and is not read: more than a window's worth of whole segments. */
#define QUEUE_SIZE 512
#define RETRY_NS   10000000ULL

struct stream {
    struct tcp_pcb *pcb; /* NULL when lwIP has ended it */
    struct list link;    /* of a listener, while not accepted */
    ip4_addr_t peer;
    struct wait_queue changed;
    bool connected, ended, finished; /* ended: the other side sends no more; finished: we */
    int error;
    struct pbuf *queue[QUEUE_SIZE];
    unsigned int head, tail; /* free-running */
    uint16_t head_done;      /* bytes of the first that were read */
};

struct stream_listener {
    struct list waiting;
    unsigned int count, limit;
    struct wait_queue changed;
};

static int errno_of(err_t error)
{
    switch (error) {
    case ERR_OK:
        return 0;
    case ERR_MEM:
    case ERR_BUF:
        return -XEN_ENOMEM;
    case ERR_TIMEOUT:
        return -XEN_ETIMEDOUT;
    case ERR_RST:
        return -XEN_ECONNREFUSED;
    case ERR_ABRT:
    case ERR_CLSD:
    case ERR_RTE:
        return -XEN_ENOTCONN;
    case ERR_USE:
        return -XEN_EADDRINUSE;
    default:
        return -XEN_EIO;
    }
}

static void stream_detach(struct stream *stream)
{
    tcp_arg(stream->pcb, NULL);
    tcp_recv(stream->pcb, NULL);
    tcp_sent(stream->pcb, NULL);
    tcp_err(stream->pcb, NULL);
    stream->pcb = NULL;
}

/* --- lwIP's calls --- */

static err_t stream_received(void *argument, struct tcp_pcb *pcb, struct pbuf *packet, err_t error)
{
    struct stream *stream = argument;

    (void)pcb;
    (void)error;
    /* With both directions ended lwIP frees its part when it likes, and does not say so. */
    if (packet == NULL && stream->finished)
        stream_detach(stream);
    if (packet != NULL && stream->tail - stream->head == QUEUE_SIZE)
        return ERR_MEM; /* it is offered again */
    if (packet == NULL)
        stream->ended = true;
    else
        stream->queue[stream->tail++ % QUEUE_SIZE] = packet;
    wait_queue_wake(&stream->changed);
    return ERR_OK;
}

static err_t stream_sent(void *argument, struct tcp_pcb *pcb, uint16_t size)
{
    struct stream *stream = argument;

    (void)pcb;
    (void)size;
    wait_queue_wake(&stream->changed);
    return ERR_OK;
}

/* lwIP has freed its part already. A refused connection is a reset before it was one. */
static void stream_failed(void *argument, err_t error)
{
    struct stream *stream = argument;

    stream->pcb = NULL;
    stream->error = error == ERR_RST && stream->connected ? -XEN_ENOTCONN : errno_of(error);
    wait_queue_wake(&stream->changed);
}

static err_t stream_connected(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct stream *stream = argument;

    (void)error;
    network_enlarge(pcb);
    stream->connected = true;
    wait_queue_wake(&stream->changed);
    return ERR_OK;
}

static struct stream *stream_new(struct tcp_pcb *pcb)
{
    struct stream *stream = heap_allocate_zeroed(sizeof(*stream));

    if (stream == NULL)
        return NULL;
    stream->pcb = pcb;
    list_init(&stream->link);
    wait_queue_init(&stream->changed);
    tcp_arg(pcb, stream);
    tcp_recv(pcb, stream_received);
    tcp_sent(pcb, stream_sent);
    tcp_err(pcb, stream_failed);
    return stream;
}

static err_t stream_arrived(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct stream_listener *listener = argument;
    struct stream *stream;

    if (error != ERR_OK || pcb == NULL)
        return ERR_VAL;
    stream = listener->count < listener->limit ? stream_new(pcb) : NULL;
    if (stream == NULL) {
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    stream->connected = true;
    ip4_addr_copy(stream->peer, pcb->remote_ip);
    network_enlarge(pcb);
    list_push_back(&listener->waiting, &stream->link);
    listener->count++;
    wait_queue_wake(&listener->changed);
    return ERR_OK;
}

/* --- for threads --- */

int stream_connect(const ip4_addr_t *address, uint16_t port, uint64_t deadline_ns,
                   struct stream **result)
{
    struct tcp_pcb *pcb = tcp_new();
    struct stream *stream = pcb != NULL ? stream_new(pcb) : NULL;
    int error;

    if (stream == NULL) {
        if (pcb != NULL)
            tcp_abort(pcb);
        return -XEN_ENOMEM;
    }
    stream->peer = *address;
    error = errno_of(tcp_connect(pcb, address, port, stream_connected));
    network_poke();
    if (error == 0 && !WAIT_UNTIL_DEADLINE(&stream->changed,
                                           stream->connected || stream->pcb == NULL, deadline_ns))
        error = -XEN_ETIMEDOUT;
    if (error == 0)
        error = stream->error;
    if (error != 0)
        stream_close(stream);
    else
        *result = stream;
    return error;
}

int stream_listen(uint16_t port, unsigned int waiting, struct stream_listener **result)
{
    struct stream_listener *listener = heap_allocate_zeroed(sizeof(*listener));
    struct tcp_pcb *pcb = tcp_new(), *listening;
    int error = -XEN_ENOMEM;

    if (listener == NULL || pcb == NULL)
        goto release;
    list_init(&listener->waiting);
    wait_queue_init(&listener->changed);
    listener->limit = waiting;
    error = errno_of(tcp_bind(pcb, IP4_ADDR_ANY, port));
    if (error != 0)
        goto release;
    error = -XEN_ENOMEM;
    listening = tcp_listen(pcb);
    if (listening == NULL)
        goto release;
    tcp_arg(listening, listener);
    tcp_accept(listening, stream_arrived);
    *result = listener;
    return 0;

release:
    if (pcb != NULL)
        tcp_abort(pcb);
    heap_free(listener);
    return error;
}

struct stream *stream_accept(struct stream_listener *listener)
{
    struct list *first;

    WAIT_UNTIL(&listener->changed, !list_empty(&listener->waiting));
    first = list_first(&listener->waiting);
    list_remove(first);
    listener->count--;
    return container_of(first, struct stream, link);
}

static bool readable(const struct stream *stream)
{
    return stream->head != stream->tail || stream->ended || stream->pcb == NULL;
}

long stream_read(struct stream *stream, void *buffer, size_t size, uint64_t deadline_ns)
{
    struct pbuf *first;
    uint16_t part;

    if (!WAIT_UNTIL_DEADLINE(&stream->changed, readable(stream), deadline_ns))
        return -XEN_ETIMEDOUT;
    if (stream->head == stream->tail)
        return stream->ended ? 0 : stream->error;
    first = stream->queue[stream->head % QUEUE_SIZE];
    part = (uint16_t)(first->tot_len - stream->head_done);
    if (part > size)
        part = (uint16_t)size;
    (void)pbuf_copy_partial(first, buffer, part, stream->head_done);
    stream->head_done = (uint16_t)(stream->head_done + part);
    if (stream->head_done == first->tot_len) {
        stream->head++;
        stream->head_done = 0;
        pbuf_free(first);
    }
    if (stream->pcb != NULL)
        tcp_recved(stream->pcb, part);
    return part;
}

/* Room for bytes and for their segments. */
static bool writable(const struct stream *stream)
{
    return stream->pcb == NULL ||
           (tcp_sndbuf(stream->pcb) > 0 && tcp_sndqueuelen(stream->pcb) < TCP_SND_QUEUELEN / 2);
}

int stream_write(struct stream *stream, const void *data, size_t size, uint64_t deadline_ns)
{
    const char *bytes = data;

    while (size > 0) {
        size_t part;
        int error;

        if (!WAIT_UNTIL_DEADLINE(&stream->changed, writable(stream), deadline_ns))
            return -XEN_ETIMEDOUT;
        if (stream->pcb == NULL)
            return stream->error;
        part = tcp_sndbuf(stream->pcb);
        if (part > size)
            part = size;
        if (part > UINT16_MAX)
            part = UINT16_MAX;
        error = errno_of(tcp_write(stream->pcb, bytes, (uint16_t)part, TCP_WRITE_FLAG_COPY));
        if (error == -XEN_ENOMEM && clock_monotonic_ns() < deadline_ns) {
            thread_sleep_ns(RETRY_NS); /* what is in flight comes back */
            continue;
        }
        if (error != 0)
            return error;
        /* What the interface has no room for goes with the next acknowledgement or timer. */
        (void)tcp_output(stream->pcb);
        bytes += part;
        size -= part;
    }
    network_poke();
    return 0;
}

int stream_finish(struct stream *stream)
{
    int error;

    if (stream->pcb == NULL)
        return stream->error;
    error = errno_of(tcp_shutdown(stream->pcb, 0, 1));
    if (error != 0)
        return error;
    stream->finished = true;
    if (stream->ended)
        stream_detach(stream);
    network_poke();
    return 0;
}

void stream_close(struct stream *stream)
{
    for (; stream->head != stream->tail; stream->head++)
        pbuf_free(stream->queue[stream->head % QUEUE_SIZE]);
    if (stream->pcb != NULL) {
        struct tcp_pcb *pcb = stream->pcb;

        stream_detach(stream);
        if (tcp_close(pcb) != ERR_OK)
            tcp_abort(pcb);
        network_poke();
    }
    heap_free(stream);
}

const ip4_addr_t *stream_peer(const struct stream *stream)
{
    return &stream->peer;
}
