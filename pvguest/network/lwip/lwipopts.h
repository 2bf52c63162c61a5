/* SPDX-License-Identifier: MIT */
/*
 * lwIP's configuration: IPv4 with DHCP, TCP, UDP and raw IP, used by cooperative threads through
 * the callback interface (so without lwIP's own threads and locks), memory from the guest's heap,
 * checksums per interface because the ring can leave them to the other end.
 */
#pragma once

#include "pvguest/kernel/heap.h"

#define NO_SYS                   1
#define SYS_LIGHTWEIGHT_PROT     0
#define LWIP_TIMERS              1
#define LWIP_NETCONN             0
#define LWIP_SOCKET              0
#define LWIP_STATS               0
#define LWIP_IPV6                0
#define LWIP_RAW                 1
#define LWIP_DHCP                1
#define IP_FRAG                  0 /* what is larger than the MTU is TCP that the interface cuts */
#define PBUF_POOL_BUFSIZE        1984 /* an Ethernet frame, and what the heap's class has room for */
#define LWIP_DHCP_DOES_ACD_CHECK 0
#define DHCP_DOES_ARP_CHECK      0

/* Memory: everything from the heap, so that what bounds it are the windows below. */
#define MEM_LIBC_MALLOC          1
#define MEMP_MEM_MALLOC          1
#define MEM_ALIGNMENT            16
#define mem_clib_malloc          heap_allocate
#define mem_clib_free            heap_free
#define mem_clib_calloc(n, size) heap_allocate_zeroed((size_t)(n) * (size))

#define LWIP_NETIF_LINK_CALLBACK     1
#define LWIP_NETIF_STATUS_CALLBACK   1
#define LWIP_NETIF_HOSTNAME          1
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHECKSUM_ON_COPY        0

#define TCP_MSS             1460
#define LWIP_WND_SCALE      1
#define TCP_RCV_SCALE       3
#define TCP_WND             (256 * 1024)
#define TCP_SND_BUF         (128 * 1024)
#define TCP_SNDLOWAT        (32 * 1024)
#define TCP_SND_QUEUELEN    512
#define TCP_LISTEN_BACKLOG  1
#define MEMP_NUM_TCP_SEG    1024 /* only a bound that the queue's length is checked against */
#define TCP_OVERSIZE        TCP_MSS
#define TCP_QUEUE_OOSEQ     1
#define TCP_OOSEQ_MAX_BYTES TCP_WND
#define LWIP_TCP_KEEPALIVE  1
#define TCP_MSL             5000UL

struct netif;
struct dhcp;
struct dhcp_msg;
/* The address that the guest would like to have goes into the search for a server. */
void network_dhcp_wish(struct dhcp_msg *message, unsigned char type, unsigned short *length);
#define LWIP_HOOK_DHCP_APPEND_OPTIONS(netif, dhcp, state, message, type, length) \
    network_dhcp_wish(message, type, length)
