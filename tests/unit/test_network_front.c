/* SPDX-License-Identifier: MIT */
/*
 * The network front end's two rings against a back end that is honest, slow or hostile: what is
 * sent arrives whole, what comes is handed on whole, and nonsense is named as such.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/net/front_receive.h"
#include "drivers/net/front_transmit.h"
#include "pvguest/kernel/grant.h"
#include "pvguest/kernel/print.h"
#include <xen/errno.h>

#define GRANTS 1024

/* --- the kernel that the rings use --- */

static const void *granted[GRANTS]; /* a frame's number is its index here */
static bool kept[GRANTS];           /* the back end has it mapped */
static unsigned int pages, grants;

void *page_allocate(unsigned int order)
{
    void *page = aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);

    memset(page, 0, PAGE_SIZE << order);
    pages++;
    return page;
}

void page_free(void *address, unsigned int order)
{
    (void)order;
    pages--;
    free(address);
}

uint64_t page_mfn(const void *address)
{
    for (unsigned int i = 1; i < GRANTS; i++) {
        if (granted[i] == NULL) {
            granted[i] = address;
            return i;
        }
    }
    return 0;
}

int grant_access(domid_t domain, uint64_t mfn, bool readonly, grant_ref_t *ref)
{
    (void)domain;
    (void)readonly;
    if (mfn == 0)
        return -XEN_ENOSPC;
    grants++;
    *ref = (grant_ref_t)mfn;
    return 0;
}

int grant_end_access(grant_ref_t ref)
{
    if (kept[ref])
        return -XEN_EBUSY;
    grants--;
    granted[ref] = NULL;
    return 0;
}

void print(const char *format, ...)
{
    (void)format;
}

static char *page_of(grant_ref_t ref)
{
    assert_true(ref > 0 && ref < GRANTS && granted[ref] != NULL);
    return (char *)(uintptr_t)granted[ref];
}

/* --- transmit --- */

static struct front_transmit transmit;
static uint64_t bad;

static int open_transmit(void **state)
{
    (void)state;
    bad = 0;
    return front_transmit_open(&transmit, 0);
}

static int close_transmit(void **state)
{
    (void)state;
    front_transmit_close(&transmit);
    return pages == 0 && grants == 0 ? 0 : -1;
}

static netif_tx_sring_t *tx(void)
{
    return transmit.ring.sring;
}

static void answer_tx(uint16_t id, int16_t status)
{
    tx()->ring[tx()->rsp_prod % 256].rsp = (netif_tx_response_t){.id = id, .status = status};
    tx()->rsp_prod++;
}

static int put(const void *data, size_t size, uint16_t segment_size)
{
    const char *bytes = data;
    size_t first = size / 3;
    const struct network_piece pieces[] = {
        {bytes, first}, {bytes + first, 0}, {bytes + first, size - first}};
    const struct network_frame frame = {.pieces = pieces,
                                        .count = 3,
                                        .size = size,
                                        .checksum_blank = segment_size != 0,
                                        .segment_size = segment_size};
    int error = front_transmit_put(&transmit, &frame);

    if (error == 0)
        front_transmit_push(&transmit);
    return error;
}

/* Every size that a slot or two more or less makes a difference for. */
static void test_transmit_sizes(void **state)
{
    static const size_t sizes[] = {14, 60, 1514, 4095, 4096, 4097, 8192, 8193, 65535};
    static uint8_t data[65535], got[65535];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        RING_IDX at = tx()->rsp_prod;
        size_t done = 0;
        uint16_t flags = NETTXF_more_data;

        assert_int_equal(put(data, sizes[i], 0), 0);
        assert_int_equal(tx()->ring[at % 256].req.size, sizes[i]);
        while (flags & NETTXF_more_data) {
            netif_tx_request_t request = tx()->ring[at++ % 256].req;
            size_t left = sizes[i] - done;
            size_t part = done > 0 ? request.size : left < PAGE_SIZE ? left : PAGE_SIZE;

            memcpy(got + done, page_of(request.gref) + request.offset, part);
            done += part;
            flags = request.flags;
            answer_tx(request.id, NETIF_RSP_OKAY);
        }
        assert_int_equal(at, tx()->req_prod);
        assert_int_equal(done, sizes[i]);
        assert_memory_equal(got, data, done);
        assert_int_equal(front_transmit_take(&transmit, &bad), 0);
    }
    assert_int_equal(transmit.free_count, FRONT_TRANSMIT_BUFFERS);
    assert_int_equal(put(data, 0, 0), -XEN_EMSGSIZE);
    assert_int_equal(bad, 0);
}

static void test_transmit_segment(void **state)
{
    static uint8_t data[9000];
    netif_extra_info_t extra;

    (void)state;
    assert_int_equal(put(data, sizeof(data), 1448), 0);
    assert_int_equal(tx()->req_prod, 4);
    assert_int_equal(tx()->ring[0].req.flags, NETTXF_csum_blank | NETTXF_data_validated |
                                                  NETTXF_extra_info | NETTXF_more_data);
    memcpy(&extra, &tx()->ring[1], sizeof(extra));
    assert_int_equal(extra.type, XEN_NETIF_EXTRA_TYPE_GSO);
    assert_int_equal(extra.flags, 0);
    assert_int_equal(extra.u.gso.type, XEN_NETIF_GSO_TYPE_TCPV4);
    assert_int_equal(extra.u.gso.size, 1448);
    answer_tx(tx()->ring[0].req.id, NETIF_RSP_OKAY);
    tx()->ring[tx()->rsp_prod++ % 256].rsp.status = NETIF_RSP_NULL;
    assert_int_equal(front_transmit_take(&transmit, &bad), 0);
    answer_tx(tx()->ring[3].req.id, NETIF_RSP_DROPPED);
    assert_int_equal(front_transmit_take(&transmit, &bad), 0);
    assert_int_equal(bad, 1);
    assert_int_equal(transmit.free_count, FRONT_TRANSMIT_BUFFERS - 1);
}

static void test_transmit_full(void **state)
{
    uint8_t data[60] = {0};
    unsigned int sent = 0;

    (void)state;
    while (put(data, sizeof(data), 0) == 0)
        sent++;
    assert_int_equal(sent, FRONT_TRANSMIT_BUFFERS);
    assert_int_equal(put(data, sizeof(data), 0), -XEN_EAGAIN);
    answer_tx(7, NETIF_RSP_OKAY); /* not the oldest */
    assert_int_equal(front_transmit_take(&transmit, &bad), 0);
    assert_int_equal(put(data, sizeof(data), 0), 0);
    assert_int_equal(tx()->ring[FRONT_TRANSMIT_BUFFERS].req.id, 7);
    assert_int_equal(put(data, sizeof(data), 0), -XEN_EAGAIN);
}

static void test_transmit_nonsense(void **state)
{
    uint8_t data[60] = {0};

    (void)state;
    tx()->rsp_prod = 1; /* nothing was sent */
    assert_int_equal(front_transmit_take(&transmit, &bad), -XEN_EINVAL);
    tx()->rsp_prod = 0;
    assert_int_equal(put(data, sizeof(data), 0), 0);
    answer_tx(FRONT_TRANSMIT_BUFFERS, NETIF_RSP_OKAY); /* no such buffer */
    assert_int_equal(front_transmit_take(&transmit, &bad), -XEN_EINVAL);
    assert_int_equal(put(data, sizeof(data), 0), 0);
    answer_tx((uint16_t)(tx()->ring[1].req.id ^ 64), NETIF_RSP_OKAY); /* not in flight */
    assert_int_equal(front_transmit_take(&transmit, &bad), -XEN_EINVAL);
    assert_int_equal(put(data, sizeof(data), 0), 0);
    answer_tx(tx()->ring[2].req.id, NETIF_RSP_NULL); /* no extra information was sent */
    assert_int_equal(front_transmit_take(&transmit, &bad), -XEN_EINVAL);
}

/* A page that the back end still has mapped is neither freed nor granted anew. */
static void test_transmit_kept(void **state)
{
    grant_ref_t ref = transmit.buffers[5].ref;
    char *page = transmit.buffers[5].page;

    (void)state;
    kept[ref] = true;
    front_transmit_close(&transmit);
    kept[ref] = false;
    assert_int_equal(pages, 1);
    assert_int_equal(grants, 1);
    assert_ptr_equal(page_of(ref), page);
    assert_int_equal(grant_end_access(ref), 0);
    page_free(page, 0);
}

/* --- receive --- */

static struct front_receive receive;

static int open_receive(void **state)
{
    (void)state;
    return front_receive_open(&receive, 0);
}

static int close_receive(void **state)
{
    (void)state;
    front_receive_close(&receive);
    return pages == 0 && grants == 0 ? 0 : -1;
}

static netif_rx_sring_t *rx(void)
{
    return receive.ring.sring;
}

static void answer_rx(uint16_t offset, uint16_t flags, int16_t status)
{
    RING_IDX at = rx()->rsp_prod;
    netif_rx_request_t request = rx()->ring[at % 256].req;

    if (status > 0 && offset + status <= (int)PAGE_SIZE)
        memset(page_of(request.gref) + offset, 1 + (int)(at % 251), (size_t)status);
    rx()->ring[at % 256].rsp =
        (netif_rx_response_t){.id = request.id, .offset = offset, .flags = flags, .status = status};
    rx()->rsp_prod++;
}

static void answer_extra(uint8_t type)
{
    netif_extra_info_t extra = {.type = type,
                                .u.gso = {.size = 1448, .type = XEN_NETIF_GSO_TYPE_TCPV4}};

    memcpy(&rx()->ring[rx()->rsp_prod++ % 256], &extra, sizeof(extra));
}

static void check_piece(const struct network_arrival *arrival, unsigned int piece, size_t size,
                        RING_IDX at)
{
    const uint8_t *data = arrival->pieces[piece].data;

    assert_int_equal(arrival->pieces[piece].size, size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(data[i], 1 + at % 251);
}

/* Round the ring several times, so that slots and buffers must stay together. */
static void test_receive(void **state)
{
    struct network_arrival arrival;

    (void)state;
    assert_int_equal(rx()->req_prod, 256);
    for (unsigned int round = 0; round < 400; round++) {
        RING_IDX at = rx()->rsp_prod;

        answer_rx(2, NETRXF_data_validated, 60);
        answer_rx(0, NETRXF_csum_blank | NETRXF_more_data | NETRXF_extra_info, 4096);
        answer_extra(XEN_NETIF_EXTRA_TYPE_GSO);
        answer_rx(96, NETRXF_more_data, 4000);
        answer_rx(0, 0, 1);
        assert_int_equal(front_receive_take(&receive, &arrival), 1);
        assert_int_equal(arrival.count, 1);
        assert_true(arrival.checksum_good);
        check_piece(&arrival, 0, 60, at);
        assert_int_equal(front_receive_take(&receive, &arrival), 1);
        assert_int_equal(arrival.count, 3);
        assert_int_equal(arrival.size, 4096 + 4000 + 1);
        check_piece(&arrival, 0, 4096, at + 1);
        check_piece(&arrival, 1, 4000, at + 3);
        check_piece(&arrival, 2, 1, at + 4);
        assert_int_equal(front_receive_take(&receive, &arrival), 0);
        front_receive_offer(&receive);
        assert_int_equal(rx()->req_prod - rx()->rsp_prod, 256);
    }
}

static void test_receive_error(void **state)
{
    struct network_arrival arrival;

    (void)state;
    answer_rx(0, 0, NETIF_RSP_ERROR);
    answer_rx(0, 0, 60);
    assert_int_equal(front_receive_take(&receive, &arrival), -XEN_EIO);
    assert_int_equal(front_receive_take(&receive, &arrival), 1);
    assert_false(arrival.checksum_good);
}

static void reset_receive(void)
{
    front_receive_close(&receive);
    assert_int_equal(front_receive_open(&receive, 0), 0);
}

static void test_receive_nonsense(void **state)
{
    struct network_arrival arrival;

    (void)state;
    rx()->rsp_prod = 257; /* more than there were requests */
    assert_int_equal(front_receive_take(&receive, &arrival), -XEN_EINVAL);
    reset_receive();
    answer_rx(4000, 0, 97); /* over the page's end */
    assert_int_equal(front_receive_take(&receive, &arrival), -XEN_EINVAL);
    reset_receive();
    answer_rx(0, NETRXF_more_data, 60); /* no end */
    assert_int_equal(front_receive_take(&receive, &arrival), -XEN_EINVAL);
    reset_receive();
    answer_rx(0, NETRXF_extra_info, 60);
    answer_extra(XEN_NETIF_EXTRA_TYPE_MAX); /* not a kind */
    assert_int_equal(front_receive_take(&receive, &arrival), -XEN_EINVAL);
    reset_receive();
    answer_rx(0, 0, 60);
    rx()->ring[0].rsp.id = 1; /* another slot's buffer */
    assert_int_equal(front_receive_take(&receive, &arrival), -XEN_EINVAL);
    reset_receive();
    for (unsigned int i = 0; i < 30; i++)
        answer_rx(0, NETRXF_more_data, 60); /* more slots than a frame has */
    answer_rx(0, 0, 60);
    assert_int_equal(front_receive_take(&receive, &arrival), -XEN_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_transmit_sizes, open_transmit, close_transmit),
        cmocka_unit_test_setup_teardown(test_transmit_segment, open_transmit, close_transmit),
        cmocka_unit_test_setup_teardown(test_transmit_full, open_transmit, close_transmit),
        cmocka_unit_test_setup_teardown(test_transmit_nonsense, open_transmit, close_transmit),
        cmocka_unit_test_setup_teardown(test_transmit_kept, open_transmit, close_transmit),
        cmocka_unit_test_setup_teardown(test_receive, open_receive, close_receive),
        cmocka_unit_test_setup_teardown(test_receive_error, open_receive, close_receive),
        cmocka_unit_test_setup_teardown(test_receive_nonsense, open_receive, close_receive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
