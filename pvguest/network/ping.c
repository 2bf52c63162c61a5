/* SPDX-License-Identifier: MIT */
#include "pvguest/network/ping.h"

#include <stdbool.h>
#include <xen/errno.h>

#include "lib/string.h"
#include "lwip/icmp.h"
#include "lwip/inet_chksum.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ip4.h"
#include "lwip/raw.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/thread.h"
#include "pvguest/network/stack.h"

#define IDENTIFIER   0x626f
#define PAYLOAD_SIZE 32

static struct {
    uint16_t sequence;
    bool answered;
    uint64_t answered_ns;
    struct wait_queue changed;
} echo = {.changed = WAIT_QUEUE_INIT(echo.changed)};

/* Every ICMP message comes by here; only the awaited one is kept from lwIP. */
static uint8_t echo_received(void *argument, struct raw_pcb *pcb, struct pbuf *packet,
                             const ip_addr_t *source)
{
    struct icmp_echo_hdr header;

    (void)argument;
    (void)pcb;
    (void)source;
    if (pbuf_copy_partial(packet, &header, sizeof(header), IP_HLEN) != sizeof(header) ||
        ICMPH_TYPE(&header) != ICMP_ER || header.id != IDENTIFIER ||
        header.seqno != echo.sequence || echo.answered)
        return 0;
    echo.answered = true;
    echo.answered_ns = clock_monotonic_ns();
    wait_queue_wake(&echo.changed);
    pbuf_free(packet);
    return 1;
}

static struct pbuf *echo_packet(void)
{
    struct pbuf *packet =
        pbuf_alloc(PBUF_IP, sizeof(struct icmp_echo_hdr) + PAYLOAD_SIZE, PBUF_RAM);
    struct icmp_echo_hdr *header;

    if (packet == NULL)
        return NULL;
    memset(packet->payload, 0, packet->len);
    header = packet->payload;
    ICMPH_TYPE_SET(header, ICMP_ECHO);
    header->id = IDENTIFIER;
    header->seqno = ++echo.sequence;
    header->chksum = inet_chksum(header, packet->len);
    return packet;
}

int ping(const ip4_addr_t *address, uint64_t timeout_ns, uint64_t *took_ns)
{
    static struct raw_pcb *pcb;
    struct pbuf *packet;
    uint64_t sent_ns;
    err_t error;

    if (pcb == NULL && (pcb = raw_new(IP_PROTO_ICMP)) != NULL)
        raw_recv(pcb, echo_received, NULL);
    packet = pcb != NULL ? echo_packet() : NULL;
    if (packet == NULL)
        return -XEN_ENOMEM;
    echo.answered = false;
    sent_ns = clock_monotonic_ns();
    error = raw_sendto(pcb, packet, address);
    pbuf_free(packet);
    if (error != ERR_OK)
        return error == ERR_RTE ? -XEN_ENOTCONN : -XEN_EIO;
    if (!WAIT_UNTIL_DEADLINE(&echo.changed, echo.answered, sent_ns + timeout_ns))
        return -XEN_ETIMEDOUT;
    *took_ns = echo.answered_ns - sent_ns;
    return 0;
}
