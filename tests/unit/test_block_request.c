/* SPDX-License-Identifier: MIT */
/*
 * What the block back end makes of requests and ring indices, honest and hostile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <xen/errno.h>

#include "drivers/block/request.h"

#define RING_BYTES 4096
#define SECTORS    1000

static const struct block_limits limits = {.sectors = SECTORS};
static const struct block_limits readonly_limits = {.sectors = SECTORS, .readonly = true};
static struct block_plan plan;
static const char *why;
static union {
    blkif_sring_t ring;
    uint8_t bytes[RING_BYTES];
} page;

static blkif_request_t make(uint8_t operation, uint8_t segments, uint64_t sector)
{
    blkif_request_t request = {
        .operation = operation, .nr_segments = segments, .sector_number = sector};

    for (unsigned int i = 0; i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
        request.seg[i] = (struct blkif_request_segment){.gref = 100 + i, .last_sect = 7};
    return request;
}

static int16_t check(blkif_request_t request)
{
    return block_request_check(&request, &limits, &plan, &why);
}

static void test_read(void **state)
{
    blkif_request_t request = make(BLKIF_OP_READ, 2, 10);

    (void)state;
    request.seg[1].first_sect = 2;
    request.seg[1].last_sect = 3;
    assert_int_equal(check(request), BLKIF_RSP_OKAY);
    assert_false(plan.writes || plan.flushes || plan.barrier);
    assert_int_equal(plan.segment_count, 2);
    assert_int_equal(plan.sector, 10);
    assert_int_equal(plan.segments[0].ref, 100);
    assert_int_equal(plan.segments[0].size, 4096);
    assert_int_equal(plan.segments[1].offset, 1024);
    assert_int_equal(plan.segments[1].size, 1024);
}

static void test_kinds(void **state)
{
    (void)state;
    assert_int_equal(check(make(BLKIF_OP_WRITE, 11, 0)), BLKIF_RSP_OKAY);
    assert_true(plan.writes && !plan.flushes && !plan.barrier);
    assert_int_equal(check(make(BLKIF_OP_WRITE_BARRIER, 1, 0)), BLKIF_RSP_OKAY);
    assert_true(plan.writes && plan.flushes && plan.barrier);
    assert_int_equal(check(make(BLKIF_OP_WRITE_BARRIER, 0, 0)), BLKIF_RSP_OKAY);
    assert_int_equal(plan.segment_count, 0);
    assert_int_equal(check(make(BLKIF_OP_FLUSH_DISKCACHE, 0, UINT64_MAX)), BLKIF_RSP_OKAY);
    assert_true(plan.flushes && !plan.barrier);
    assert_int_equal(check(make(BLKIF_OP_DISCARD, 0, 0)), BLKIF_RSP_EOPNOTSUPP);
    assert_int_equal(check(make(BLKIF_OP_INDIRECT, 1, 0)), BLKIF_RSP_EOPNOTSUPP);
    assert_int_equal(check(make(BLKIF_OP_RESERVED_1, 1, 0)), BLKIF_RSP_ERROR);
    assert_int_equal(check(make(255, 1, 0)), BLKIF_RSP_ERROR);
}

static void test_segment_counts(void **state)
{
    (void)state;
    assert_int_equal(check(make(BLKIF_OP_READ, 0, 0)), BLKIF_RSP_ERROR);
    assert_int_equal(check(make(BLKIF_OP_WRITE, 0, 0)), BLKIF_RSP_ERROR);
    for (unsigned int count = 12; count <= UINT8_MAX; count++)
        assert_int_equal(check(make(BLKIF_OP_WRITE, (uint8_t)count, 0)), BLKIF_RSP_ERROR);
}

static void test_segment_sectors(void **state)
{
    blkif_request_t request = make(BLKIF_OP_READ, 1, 0);

    (void)state;
    for (unsigned int first = 0; first <= UINT8_MAX; first++) {
        for (unsigned int last = 0; last <= UINT8_MAX; last++) {
            int16_t right = first <= last && last < 8 ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;

            request.seg[0].first_sect = (uint8_t)first;
            request.seg[0].last_sect = (uint8_t)last;
            assert_int_equal(check(request), right);
        }
    }
}

static void test_range(void **state)
{
    (void)state;
    assert_int_equal(check(make(BLKIF_OP_READ, 1, SECTORS - 8)), BLKIF_RSP_OKAY);
    assert_int_equal(check(make(BLKIF_OP_READ, 1, SECTORS - 7)), BLKIF_RSP_ERROR);
    assert_int_equal(check(make(BLKIF_OP_WRITE, 11, SECTORS)), BLKIF_RSP_ERROR);
    assert_int_equal(check(make(BLKIF_OP_READ, 1, UINT64_MAX)), BLKIF_RSP_ERROR);
    assert_int_equal(check(make(BLKIF_OP_READ, 1, UINT64_MAX - 6)), BLKIF_RSP_ERROR);
}

static void test_readonly(void **state)
{
    blkif_request_t read = make(BLKIF_OP_READ, 1, 0);
    blkif_request_t write = make(BLKIF_OP_WRITE, 1, 0);
    blkif_request_t barrier_write = make(BLKIF_OP_WRITE_BARRIER, 1, 0);
    blkif_request_t flush = make(BLKIF_OP_FLUSH_DISKCACHE, 0, 0);

    (void)state;
    assert_int_equal(block_request_check(&read, &readonly_limits, &plan, &why), BLKIF_RSP_OKAY);
    assert_int_equal(block_request_check(&write, &readonly_limits, &plan, &why), BLKIF_RSP_ERROR);
    assert_int_equal(block_request_check(&barrier_write, &readonly_limits, &plan, &why),
                     BLKIF_RSP_ERROR);
    assert_int_equal(block_request_check(&flush, &readonly_limits, &plan, &why), BLKIF_RSP_OKAY);
}

static void test_back_indices(void **state)
{
    blkif_back_ring_t ring;

    (void)state;
    memset(&page, 0, sizeof(page));
    BACK_RING_INIT(&ring, &page.ring, RING_BYTES);
    assert_int_equal(RING_SIZE(&ring), 32);
    assert_int_equal(block_ring_pending(&ring), 0);
    page.ring.req_prod = 32;
    assert_int_equal(block_ring_pending(&ring), 32);
    page.ring.req_prod = 33;
    assert_int_equal(block_ring_pending(&ring), -XEN_EINVAL);
    page.ring.req_prod = UINT32_MAX;
    assert_int_equal(block_ring_pending(&ring), -XEN_EINVAL);
    /* Ten consumed, none answered: the producer may neither run ahead nor go back. */
    ring.req_cons = 10;
    page.ring.req_prod = 9;
    assert_int_equal(block_ring_pending(&ring), -XEN_EINVAL);
    page.ring.req_prod = 42;
    assert_int_equal(block_ring_pending(&ring), -XEN_EINVAL);
    page.ring.req_prod = 32;
    assert_int_equal(block_ring_pending(&ring), 22);
}

static void test_back_indices_wrap(void **state)
{
    blkif_back_ring_t ring;

    (void)state;
    BACK_RING_INIT(&ring, &page.ring, RING_BYTES);
    ring.req_cons = ring.rsp_prod_pvt = UINT32_MAX - 3;
    page.ring.req_prod = 4;
    assert_int_equal(block_ring_pending(&ring), 8);
    page.ring.req_prod = 29;
    assert_int_equal(block_ring_pending(&ring), -XEN_EINVAL);
}

static void test_front_indices(void **state)
{
    blkif_front_ring_t ring;

    (void)state;
    memset(&page, 0, sizeof(page));
    FRONT_RING_INIT(&ring, &page.ring, RING_BYTES);
    ring.req_prod_pvt = 5;
    page.ring.rsp_prod = 5;
    assert_int_equal(block_ring_answered(&ring), 5);
    page.ring.rsp_prod = 6;
    assert_int_equal(block_ring_answered(&ring), -XEN_EINVAL);
    ring.rsp_cons = 2;
    page.ring.rsp_prod = 1;
    assert_int_equal(block_ring_answered(&ring), -XEN_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),           cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_segment_counts), cmocka_unit_test(test_segment_sectors),
        cmocka_unit_test(test_range),          cmocka_unit_test(test_readonly),
        cmocka_unit_test(test_back_indices),   cmocka_unit_test(test_back_indices_wrap),
        cmocka_unit_test(test_front_indices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
