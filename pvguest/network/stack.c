/* SPDX-License-Identifier: MIT */
#include "pvguest/network/stack.h"

#include <xen/errno.h>

#include "lib/string.h"
#include "lib/text.h"
#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/prot/dhcp.h"
#include "lwip/prot/tcp.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/thread.h"

#define MILLISECOND_NS  1000000ULL
#define RECEIVE_BUDGET  64
#define SLEEP_MAX_MS    1000
#define PIECES_MAX      64
#define TCP_HEADERS     (sizeof(struct ip_hdr) + sizeof(struct tcp_hdr))
#define CHECKS          (NETIF_CHECKSUM_CHECK_UDP | NETIF_CHECKSUM_CHECK_TCP)
#define CHECKS_ALWAYS   (NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_ICMP)
#define GENERATE_ALWAYS (NETIF_CHECKSUM_GEN_IP | NETIF_CHECKSUM_GEN_UDP | NETIF_CHECKSUM_GEN_ICMP)

static struct network_front *front;
static struct netif interface;
static struct wait_queue changed = WAIT_QUEUE_INIT(changed);
static ip4_addr_t wish, static_mask, static_gateway;
static bool is_static;
static uint64_t connection; /* the front end's count of them when the link was last looked at */

/* --- what lwIP asks of its machine --- */

uint32_t sys_now(void)
{
    return (uint32_t)(clock_monotonic_ns() / MILLISECOND_NS);
}

/* xorshift64*, stirred with the time-stamp counter: for ports and transaction numbers. */
uint32_t network_random(void)
{
    static uint64_t state;

    state ^= clock_tsc() | 1;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)(state * 0x2545f4914f6cdd1dULL >> 32);
}

_Noreturn void network_panic(const char *what)
{
    panic("lwIP: %s", what);
}

/* Name the wanted address to the DHCP server (RFC 2132, 9.1); a request names it by itself. */
void network_dhcp_wish(struct dhcp_msg *message, unsigned char type, unsigned short *length)
{
    if (type != DHCP_DISCOVER || ip4_addr_isany_val(wish))
        return;
    message->options[(*length)++] = DHCP_OPTION_REQUESTED_IP;
    message->options[(*length)++] = sizeof(wish.addr);
    memcpy(&message->options[*length], &wish.addr, sizeof(wish.addr));
    *length = (unsigned short)(*length + sizeof(wish.addr));
}

/* --- frames out --- */

/*
 * The sum of the pseudo-header, which is what a blank checksum holds. lwIP has left the field of
 * its TCP segments zero, because the interface said so.
 */
static void sum_pseudo_header(const struct ip_hdr *ip, struct tcp_hdr *tcp)
{
    uint32_t source = ip->src.addr, destination = ip->dest.addr;
    uint32_t length = (uint32_t)(lwip_ntohs(IPH_LEN(ip)) - IPH_HL_BYTES(ip));
    uint32_t sum = (source & 0xffff) + (source >> 16) + (destination & 0xffff) +
                   (destination >> 16) + PP_HTONS(IP_PROTO_TCP) + lwip_htons((uint16_t)length);

    sum = (sum & 0xffff) + (sum >> 16);
    tcp->chksum = (uint16_t)(sum + (sum >> 16));
}

/* Whether the frame is a TCP segment, whose headers lwIP always puts into the first piece. */
static bool prepare_tcp(struct pbuf *packet)
{
    const struct eth_hdr *ethernet = packet->payload;
    struct ip_hdr *ip = (struct ip_hdr *)((char *)packet->payload + SIZEOF_ETH_HDR);

    if (packet->len < SIZEOF_ETH_HDR + TCP_HEADERS || ethernet->type != PP_HTONS(ETHTYPE_IP) ||
        IPH_PROTO(ip) != IP_PROTO_TCP)
        return false;
    sum_pseudo_header(ip, (struct tcp_hdr *)((char *)ip + IPH_HL_BYTES(ip)));
    return true;
}

static err_t send_frame(struct netif *netif, struct pbuf *packet)
{
    struct network_piece pieces[PIECES_MAX];
    struct network_frame frame = {.pieces = pieces, .size = packet->tot_len};

    for (const struct pbuf *part = packet; part != NULL; part = part->next) {
        if (frame.count == PIECES_MAX)
            return ERR_BUF;
        pieces[frame.count++] = (struct network_piece){part->payload, part->len};
    }
    if ((netif->chksum_flags & NETIF_CHECKSUM_GEN_TCP) == 0)
        frame.checksum_blank = prepare_tcp(packet);
    if (packet->tot_len > netif->mtu + SIZEOF_ETH_HDR)
        frame.segment_size = (uint16_t)(netif->mtu - TCP_HEADERS);
    return network_front_send(front, &frame) == 0 ? ERR_OK : ERR_MEM;
}

void network_enlarge(struct tcp_pcb *pcb)
{
    uint16_t whole = (uint16_t)(interface.mtu - TCP_HEADERS);

    if (!network_front_properties(front)->segmentation || pcb->mss != whole)
        return;
    pcb->mss = (uint16_t)(whole * NETWORK_SEGMENTS);
    if (pcb->cwnd < pcb->mss)
        pcb->cwnd = pcb->mss; /* else not even the first one could be sent */
}

/* --- frames in --- */

/* For what the back end vouches for, lwIP's own look at the checksum is switched off. */
static void frame_arrived(const struct network_arrival *arrival, void *argument)
{
    struct pbuf *packet = pbuf_alloc(PBUF_RAW, (uint16_t)arrival->size, PBUF_POOL);
    uint16_t at = 0;

    (void)argument;
    if (packet == NULL)
        return;
    for (unsigned int i = 0; i < arrival->count; i++) {
        (void)pbuf_take_at(packet, arrival->pieces[i].data, (uint16_t)arrival->pieces[i].size, at);
        at = (uint16_t)(at + arrival->pieces[i].size);
    }
    interface.chksum_flags = (uint16_t)(arrival->checksum_good ? interface.chksum_flags & ~CHECKS
                                                               : interface.chksum_flags | CHECKS);
    if (interface.input(packet, &interface) != ERR_OK)
        pbuf_free(packet);
}

/* --- the interface --- */

static void status_changed(struct netif *netif)
{
    (void)netif;
    wait_queue_wake(&changed);
}

static err_t interface_prepare(struct netif *netif)
{
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->hwaddr_len = NETWORK_ADDRESS_SIZE;
    netif->mtu = TCP_MSS + TCP_HEADERS;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    return ERR_OK;
}

static void connection_new(void)
{
    const struct network_properties *properties = network_front_properties(front);
    uint16_t generate = GENERATE_ALWAYS | (properties->checksum ? 0 : NETIF_CHECKSUM_GEN_TCP);

    memcpy(interface.hwaddr, properties->address, sizeof(properties->address));
    interface.mtu = properties->mtu;
    NETIF_SET_CHECKSUM_CTRL(&interface, (uint16_t)(CHECKS_ALWAYS | CHECKS | generate));
}

/* The link follows the front end; a connection made anew between two looks is a new link too. */
static void follow_link(void)
{
    uint64_t now = network_front_counters(front)->connections;
    bool up = network_front_up(front);

    if (netif_is_link_up(&interface) && (!up || now != connection))
        netif_set_link_down(&interface);
    if (!up || netif_is_link_up(&interface))
        return;
    connection = now;
    connection_new();
    netif_set_link_up(&interface);
    if (!is_static && netif_dhcp_data(&interface) == NULL)
        (void)dhcp_start(&interface);
}

static uint64_t next_timer_ns(void)
{
    uint64_t sleep_ms = sys_timeouts_sleeptime();

    if (sleep_ms > SLEEP_MAX_MS)
        sleep_ms = SLEEP_MAX_MS;
    return clock_monotonic_ns() + sleep_ms * MILLISECOND_NS;
}

/* After each round the other threads have their turn, however many frames there are. */
static void network_thread(void *argument)
{
    struct wait_queue *queue = network_front_queue(front);

    (void)argument;
    for (;;) {
        (void)WAIT_UNTIL_DEADLINE(queue, network_front_pending(front), next_timer_ns());
        follow_link();
        network_front_receive(front, frame_arrived, NULL, RECEIVE_BUDGET);
        sys_check_timeouts();
        thread_yield();
    }
}

/* --- for the guest --- */

static bool parse_address(const char **text, ip4_addr_t *address)
{
    uint32_t value = 0;

    for (unsigned int i = 0; i < 4; i++) {
        uint64_t byte;

        if ((i > 0 && *(*text)++ != '.') || !text_parse_unsigned(text, &byte) || byte > 255)
            return false;
        value = value << 8 | (uint32_t)byte;
    }
    address->addr = lwip_htonl(value);
    return true;
}

bool network_parse_address(const char *text, ip4_addr_t *address)
{
    return parse_address(&text, address) && *text == '\0';
}

static bool parse_configuration(const char *text)
{
    uint64_t length;

    if (*text == '\0')
        return true;
    if (!parse_address(&text, &wish))
        return false;
    if (*text == '\0')
        return true;
    if (*text++ != '/' || !text_parse_unsigned(&text, &length) || length < 1 || length > 32)
        return false;
    static_mask.addr = lwip_htonl(UINT32_MAX << (32 - length));
    is_static = true;
    if (*text == '\0')
        return true;
    return *text++ == ',' && network_parse_address(text, &static_gateway);
}

int network_start(struct network_front *interface_front, const char *name, const char *address)
{
    front = interface_front;
    if (!parse_configuration(address))
        return -XEN_EINVAL;
    lwip_init();
    if (netif_add(&interface, is_static ? &wish : NULL, is_static ? &static_mask : NULL,
                  is_static ? &static_gateway : NULL, NULL, interface_prepare,
                  ethernet_input) == NULL)
        return -XEN_ENOMEM;
    netif_set_hostname(&interface, name);
    netif_set_default(&interface);
    netif_set_status_callback(&interface, status_changed);
    netif_set_link_callback(&interface, status_changed);
    netif_set_up(&interface);
    return thread_create("network", network_thread, NULL) == NULL ? -XEN_ENOMEM : 0;
}

static bool address_there(void)
{
    return netif_is_link_up(&interface) && !ip4_addr_isany_val(*netif_ip4_addr(&interface));
}

bool network_wait(uint64_t deadline_ns)
{
    return WAIT_UNTIL_DEADLINE(&changed, address_there(), deadline_ns);
}

void network_status(struct network_status *status)
{
    status->up = address_there();
    status->address = *netif_ip4_addr(&interface);
    status->mask = *netif_ip4_netmask(&interface);
    status->gateway = *netif_ip4_gw(&interface);
}

void network_poke(void)
{
    network_front_poke(front);
}
