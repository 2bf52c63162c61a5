/* SPDX-License-Identifier: MIT */
/*
 * A guest's request, and the event that tells of it, come at any instruction of the back ends that
 * look into their rings: none may stay there with nobody knowing of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/block/back_instance.h"
#include "drivers/block/back_work.h"
#include "drivers/net/back_instance.h"
#include "pvguest/control/network.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"
#include "tests/unit/interruption.h"
#include <xen/errno.h>

#define FRAME_SIZE 60
#define ROUNDS_MAX 10

/* --- the control domain around them: one port, two pages, everything succeeds --- */

static event_handler_t *handler;
static void *handler_argument;
static bool port_masked, port_pending;
static bool wanted; /* the thread is to serve once more */
static _Alignas(4096) char pages[2][4096];
static unsigned int pages_mapped;

static void port_deliver(void)
{
    if (!port_pending || port_masked)
        return;
    port_pending = false;
    handler(1, handler_argument);
}

void event_port_mask(evtchn_port_t port)
{
    (void)port;
    port_masked = true;
}

void event_port_unmask(evtchn_port_t port)
{
    (void)port;
    port_masked = false;
    port_deliver();
}

unsigned long events_mask(void)
{
    return 0;
}

void events_restore(unsigned long was_masked)
{
    (void)was_masked;
}

int event_bind_interdomain(domid_t domain, evtchn_port_t remote_port, evtchn_port_t *port)
{
    (void)domain;
    (void)remote_port;
    *port = 1;
    return 0;
}

int event_bind(evtchn_port_t port, event_handler_t *function, void *argument)
{
    (void)port;
    handler = function;
    handler_argument = argument;
    port_masked = port_pending = false;
    return 0;
}

int event_close(evtchn_port_t port)
{
    (void)port;
    return 0;
}

void event_notify(evtchn_port_t port)
{
    (void)port;
}

int grant_map(domid_t domain, const grant_ref_t *refs, size_t count, bool readonly,
              struct grant_mapping *mapping)
{
    (void)domain;
    (void)refs;
    (void)count;
    (void)readonly;
    mapping->address = pages[pages_mapped++];
    return 0;
}

int grant_unmap(struct grant_mapping *mapping)
{
    (void)mapping;
    return 0;
}

int grant_copy(struct gnttab_copy *segments, size_t count)
{
    for (size_t i = 0; i < count; i++)
        segments[i].status = GNTST_okay;
    return 0;
}

uint64_t page_mfn(const void *address)
{
    return (uint64_t)address / PAGE_SIZE;
}

uint64_t clock_monotonic_ns(void)
{
    return 1;
}

void notice(const char *format, ...)
{
    fail_msg("a notice: %s", format);
}

void panic(const char *format, ...)
{
    fail_msg("a panic: %s", format);
    abort();
}

void wait_queue_wake(struct wait_queue *queue)
{
    (void)queue;
    wanted = true;
}

bool wait_queue_sleep(struct wait_queue *queue, uint32_t seen, uint64_t deadline_ns)
{
    (void)queue;
    (void)seen;
    (void)deadline_ns;
    fail_msg("it sleeps");
    return false;
}

/* --- the bridge --- */

static struct network_packet packet = {.data = (uint8_t *)pages};

void network_notice(void)
{
    wanted = true;
}

int network_attach(struct network_interface *interface, const char *bridge)
{
    (void)interface;
    (void)bridge;
    return 0;
}

void network_detach(struct network_interface *interface)
{
    (void)interface;
}

bool network_has_room(const struct network_interface *source)
{
    (void)source;
    return true;
}

struct network_packet *network_packet_allocate(uint32_t size)
{
    packet.size = size;
    return &packet;
}

void network_packet_free(struct network_packet *freed)
{
    (void)freed;
}

void network_forward(struct network_interface *source, struct network_packet *forwarded)
{
    (void)source;
    (void)forwarded;
}

/* --- the guest, and the thread that serves it --- */

static struct net_instance net;
static netif_tx_front_ring_t net_front;
static struct block_instance block;
static blkif_front_ring_t block_front;

static void guest_notify(bool notify)
{
    if (!notify)
        return;
    port_pending = true;
    port_deliver();
}

static void net_guest_sends(void)
{
    bool notify;

    *RING_GET_REQUEST(&net_front, net_front.req_prod_pvt++) =
        (netif_tx_request_t){.size = FRAME_SIZE};
    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&net_front, notify);
    guest_notify(notify);
}

/* As the network's thread does: what wakes it while it serves is not forgotten. */
static void net_serve(void)
{
    wanted = false;
    if (net_instance_type.serve(&net.interface))
        wanted = true;
}

static void block_guest_asks(void)
{
    bool notify;

    RING_GET_REQUEST(&block_front, block_front.req_prod_pvt++)->operation = BLKIF_OP_READ;
    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&block_front, notify);
    guest_notify(notify);
}

/* The disk is so fast that nothing is ever in flight. */
void block_work_start(struct block_instance *instance, const blkif_request_t *request)
{
    (void)instance;
    (void)request;
}

static void block_serve(void)
{
    wanted = false;
    if (block_instance_serve(&block))
        wanted = true;
}

static bool all_is_taken(void (*serve)(void), const RING_IDX *taken, const RING_IDX *asked)
{
    for (unsigned int round = 0; wanted && round < ROUNDS_MAX; round++)
        serve();
    return !wanted && *taken == *asked;
}

static bool net_all_is_taken(void)
{
    return all_is_taken(net_serve, &net.tx.req_cons, &net_front.req_prod_pvt);
}

static bool block_all_is_taken(void)
{
    return all_is_taken(block_serve, &block.ring.req_cons, &block_front.req_prod_pvt);
}

/* --- tests --- */

static void net_start(void)
{
    const struct net_front_offer offer = {.port = 1};

    pages_mapped = 0;
    net = (struct net_instance){.interface.type = &net_instance_type};
    SHARED_RING_INIT((netif_tx_sring_t *)pages[0]);
    SHARED_RING_INIT((netif_rx_sring_t *)pages[1]);
    XEN_FRONT_RING_INIT(&net_front, (netif_tx_sring_t *)pages[0], PAGE_SIZE);
    assert_int_equal(net_instance_connect(&net, &offer), 0);
}

/* The first look is taken without an event: the port is open, as it is when one follows another. */
static void test_net_frame_comes_at_any_instruction(void **state)
{
    unsigned long sound, total;

    (void)state;
    net_start();
    net_guest_sends();
    port_masked = false;
    sound = interruption_everywhere(net_serve, net_guest_sends, net_all_is_taken, &total);
    assert_int_equal(sound, total);
    assert_true(total > 100);
}

static void block_start(void)
{
    pages_mapped = 0;
    block = (struct block_instance){.domain = 1};
    SHARED_RING_INIT((blkif_sring_t *)pages[0]);
    XEN_FRONT_RING_INIT(&block_front, (blkif_sring_t *)pages[0], PAGE_SIZE);
    assert_int_equal(block_instance_connect(&block, 1, 1), 0);
}

static void test_block_request_comes_at_any_instruction(void **state)
{
    unsigned long sound, total;

    (void)state;
    block_start();
    block_guest_asks();
    port_masked = false;
    sound = interruption_everywhere(block_serve, block_guest_asks, block_all_is_taken, &total);
    assert_int_equal(sound, total);
    assert_true(total > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net_frame_comes_at_any_instruction),
        cmocka_unit_test(test_block_request_comes_at_any_instruction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
