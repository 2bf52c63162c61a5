/* SPDX-License-Identifier: MIT */
/*
 * What the network back end believes of a transmit ring: honest chains of requests, and every way
 * in which a guest could lie about them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <xen/errno.h>

#include "drivers/net/wire.h"

static union {
    netif_tx_sring_t ring;
    uint8_t bytes[NET_PAGE_SIZE];
} page;
static netif_tx_back_ring_t back;
static struct net_chain chain;
static const char *why;
static unsigned int produced;

static int begin(void **state)
{
    (void)state;
    memset(&page, 0, sizeof(page));
    BACK_RING_INIT(&back, &page.ring, sizeof(page));
    produced = 0;
    why = NULL;
    return 0;
}

static void put(uint16_t flags, uint16_t offset, uint16_t size)
{
    netif_tx_request_t *request = RING_GET_REQUEST(&back, produced);

    *request = (netif_tx_request_t){.gref = 100 + produced,
                                    .offset = offset,
                                    .flags = flags,
                                    .id = (uint16_t)(7 + produced),
                                    .size = size};
    page.ring.req_prod = ++produced;
}

static void put_extra(uint8_t type, uint8_t flags, uint8_t segment_type, uint16_t segment_size)
{
    netif_extra_info_t extra = {.type = type, .flags = flags};

    extra.u.gso.type = segment_type;
    extra.u.gso.size = segment_size;
    memcpy(RING_GET_REQUEST(&back, produced), &extra, sizeof(extra));
    page.ring.req_prod = ++produced;
}

static int read_chain(void)
{
    int pending = net_tx_pending(&back);

    assert_true(pending > 0);
    return net_tx_chain_read(&back, (unsigned int)pending, &chain, &why);
}

static void reads_one_slot(void **state)
{
    (void)state;
    put(NETTXF_csum_blank | NETTXF_data_validated, 10, 60);
    put(0, 0, 60);
    assert_int_equal(read_chain(), 0);
    assert_null(chain.refusal);
    assert_int_equal(chain.slot_count, 1);
    assert_int_equal(chain.size, 60);
    assert_int_equal(chain.parts[0].ref, 100);
    assert_int_equal(chain.parts[0].offset, 10);
    assert_true(chain.offload.checksum_blank && chain.offload.checksum_good);
    assert_int_equal(chain.offload.segment_size, 0);
}

static void reads_scattered_segment(void **state)
{
    (void)state;
    put(NETTXF_more_data | NETTXF_extra_info | NETTXF_csum_blank, 0, 9000);
    put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, XEN_NETIF_GSO_TYPE_TCPV4, 1448);
    put(NETTXF_more_data, 0, 4096);
    put(0, 96, 4000);
    assert_int_equal(read_chain(), 0);
    assert_null(chain.refusal);
    assert_int_equal(chain.slot_count, 4);
    assert_int_equal(chain.part_count, 3);
    assert_int_equal(chain.parts[0].size, 9000 - 4096 - 4000);
    assert_int_equal(chain.parts[2].id, 10);
    assert_int_equal(chain.offload.segment_size, 1448);
    assert_false(net_chain_is_extra(&chain, 0) || net_chain_is_extra(&chain, 2));
    assert_true(net_chain_is_extra(&chain, 1));
}

static void refuses_frames(void **state)
{
    (void)state;
    put(0, 0, NET_FRAME_MIN - 1);
    assert_int_equal(read_chain(), 0);
    assert_non_null(chain.refusal);
    begin(NULL);
    put(NETTXF_more_data, 0, 100); /* the parts make up all of it or more */
    put(0, 0, 100);
    assert_int_equal(read_chain(), 0);
    assert_non_null(chain.refusal);
    assert_int_equal(chain.slot_count, 2);
}

static void shuts_on_nonsense(void **state)
{
    (void)state;
    put(0, 4000, 97);
    assert_int_equal(read_chain(), -XEN_EINVAL);
    begin(NULL);
    put(0, 0, 4097);
    assert_int_equal(read_chain(), -XEN_EINVAL);
    begin(NULL);
    put(0, UINT16_MAX, UINT16_MAX);
    assert_int_equal(read_chain(), -XEN_EINVAL);
    begin(NULL);
    put(NETTXF_more_data, 0, 1000); /* whose rest is not there */
    assert_int_equal(read_chain(), -XEN_EINVAL);
    begin(NULL);
    put(NETTXF_extra_info, 0, 1000);
    assert_int_equal(read_chain(), -XEN_EINVAL);
    begin(NULL);
    put(NETTXF_extra_info, 0, 1000);
    put_extra(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 0, 0, 0);
    assert_int_equal(read_chain(), -XEN_EINVAL);
    begin(NULL);
    put(NETTXF_extra_info, 0, 1000);
    put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, XEN_NETIF_GSO_TYPE_TCPV4, 0);
    assert_int_equal(read_chain(), -XEN_EINVAL);
    begin(NULL);
    put(NETTXF_extra_info, 0, 1000);
    for (unsigned int i = 0; i < 20; i++)
        put_extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_FLAG_MORE, XEN_NETIF_GSO_TYPE_TCPV4,
                  1000);
    assert_int_equal(read_chain(), -XEN_EINVAL);
    assert_non_null(why);
}

static void ends_endless_chain(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < NET_RING_SLOTS; i++)
        put(NETTXF_more_data, 0, i == 0 ? NET_FRAME_MAX : 1);
    assert_int_equal(read_chain(), -XEN_EINVAL);
    begin(NULL);
    for (unsigned int i = 0; i < NET_SLOTS_MAX; i++)
        put(i + 1 < NET_SLOTS_MAX ? NETTXF_more_data : 0, 0, i == 0 ? 1000 : 10);
    assert_int_equal(read_chain(), 0);
    assert_int_equal(chain.part_count, NET_SLOTS_MAX);
}

static void checks_indices(void **state)
{
    (void)state;
    back.req_cons = back.rsp_prod_pvt = UINT32_MAX - 1;
    page.ring.req_prod = UINT32_MAX - 1;
    assert_int_equal(net_tx_pending(&back), 0);
    page.ring.req_prod = UINT32_MAX - 1 + NET_RING_SLOTS;
    assert_int_equal(net_tx_pending(&back), NET_RING_SLOTS);
    page.ring.req_prod = UINT32_MAX + NET_RING_SLOTS;
    assert_int_equal(net_tx_pending(&back), -XEN_EINVAL);
    page.ring.req_prod = UINT32_MAX - 2;
    assert_int_equal(net_tx_pending(&back), -XEN_EINVAL);
    back.req_cons = 10; /* answers are owed for requests 0 to 9 */
    back.rsp_prod_pvt = 0;
    page.ring.req_prod = NET_RING_SLOTS + 5;
    assert_int_equal(net_tx_pending(&back), -XEN_EINVAL);
}

/* Whatever stands in the ring: no part leaves its page, the parts are the whole, nothing hangs. */
static void survives_noise(void **state)
{
    (void)state;
    srand(1);
    for (unsigned int round = 0; round < 200000; round++) {
        uint32_t sum = 0;

        begin(NULL);
        for (unsigned int i = 0; i < 24; i++)
            put((uint16_t)(rand() & (rand() & 1 ? 0xf : 0x4)), (uint16_t)(rand() & 0x8ff),
                (uint16_t)(i == 0 ? rand() : rand() & 0xfff));
        if (read_chain() != 0 || chain.refusal != NULL)
            continue;
        assert_true(chain.slot_count <= produced && chain.part_count <= NET_SLOTS_MAX);
        for (unsigned int i = 0; i < chain.part_count; i++) {
            assert_true(chain.parts[i].offset + chain.parts[i].size <= (int)NET_PAGE_SIZE);
            sum += chain.parts[i].size;
        }
        assert_int_equal(sum, chain.size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reads_one_slot, begin),
        cmocka_unit_test_setup(reads_scattered_segment, begin),
        cmocka_unit_test_setup(refuses_frames, begin),
        cmocka_unit_test_setup(shuts_on_nonsense, begin),
        cmocka_unit_test_setup(ends_endless_chain, begin),
        cmocka_unit_test_setup(checks_indices, begin),
        cmocka_unit_test_setup(survives_noise, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
