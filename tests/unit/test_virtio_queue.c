/* SPDX-License-Identifier: MIT */
/*
 * The virtqueue against a device played by the test: chains, wrap-around, exhaustion, and a device
 * that answers nonsense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/hardware/virtio_queue.h"

#define MACHINE_ADDRESS 0x12345000
#define SIZE            8

/* The layout of virtio 1.0, 2.4, as a device reads it. */
struct descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};

static _Alignas(4096) uint8_t page[4096];
static struct virtio_queue queue;
static uint16_t device_seen, device_used;

static int reset(void **state)
{
    (void)state;
    memset(page, 0, sizeof(page));
    virtio_queue_init(&queue, SIZE, page, MACHINE_ADDRESS);
    device_seen = device_used = 0;
    return 0;
}

static uint16_t *words(uint64_t machine_address)
{
    return (uint16_t *)(page + (machine_address - MACHINE_ADDRESS));
}

static const struct descriptor *descriptor(uint16_t index)
{
    return (struct descriptor *)words(virtio_queue_descriptors(&queue)) + index;
}

/* The device takes the next chain: its first descriptor. */
static uint16_t device_take(void)
{
    const uint16_t *available = words(virtio_queue_available(&queue));

    assert_int_not_equal(available[1], device_seen);
    return available[2 + device_seen++ % SIZE];
}

static void device_finish(uint32_t first)
{
    uint16_t *used = words(virtio_queue_used(&queue));
    uint32_t *elements = (uint32_t *)(used + 2);

    elements[2 * (device_used % SIZE)] = first;
    used[1] = ++device_used;
}

static bool add(unsigned int count, uint16_t token)
{
    struct virtio_queue_part parts[SIZE + 1];

    for (unsigned int i = 0; i <= SIZE; i++)
        parts[i] = (struct virtio_queue_part){
            .machine_address = 0x1000u * (i + 1), .size = 512, .device_writes = i + 1 == count};
    return virtio_queue_add(&queue, parts, count, token);
}

static void test_chain(void **state)
{
    const struct descriptor *part;
    uint16_t first, token;

    (void)state;
    assert_false(virtio_queue_take(&queue, &token, NULL));
    assert_true(add(3, 42));
    first = device_take();
    part = descriptor(first);
    assert_int_equal(part->address, 0x1000);
    assert_int_equal(part->flags, 1);
    part = descriptor(part->next);
    assert_int_equal(part->address, 0x2000);
    part = descriptor(part->next);
    assert_int_equal(part->address, 0x3000);
    assert_int_equal(part->size, 512);
    assert_int_equal(part->flags, 2);
    device_finish(first);
    assert_true(virtio_queue_take(&queue, &token, NULL));
    assert_int_equal(token, 42);
    assert_false(virtio_queue_take(&queue, &token, NULL));
    assert_int_equal(queue.free_count, SIZE);
}

static void test_no_room(void **state)
{
    uint16_t first, token;

    (void)state;
    assert_false(add(0, 1));
    assert_false(add(SIZE + 1, 1));
    assert_true(add(5, 1));
    assert_false(add(4, 2));
    assert_true(add(3, 2));
    assert_false(add(1, 3));
    first = device_take();
    device_finish(first);
    assert_true(virtio_queue_take(&queue, &token, NULL));
    assert_true(add(5, 3));
}

/* Many more chains than the indices' 16 bits, finished out of order. */
static void test_wrap(void **state)
{
    (void)state;
    for (unsigned int round = 0; round < 40000; round++) {
        uint16_t firsts[2], token;

        assert_true(add(1 + round % 4, 10));
        assert_true(add(4 - round % 4, 11));
        firsts[0] = device_take();
        firsts[1] = device_take();
        device_finish(firsts[1]);
        device_finish(firsts[0]);
        assert_true(virtio_queue_take(&queue, &token, NULL));
        assert_int_equal(token, 11);
        assert_true(virtio_queue_take(&queue, &token, NULL));
        assert_int_equal(token, 10);
        assert_int_equal(queue.free_count, SIZE);
    }
}

/* Chains that were never given out, or twice finished, are not believed. */
static void test_nonsense(void **state)
{
    uint16_t first, token;

    (void)state;
    assert_true(add(2, 7));
    first = device_take();
    device_finish(SIZE);
    device_finish(UINT32_MAX);
    device_finish(descriptor(first)->next);
    assert_false(virtio_queue_take(&queue, &token, NULL));
    device_finish(first);
    device_finish(first);
    assert_true(virtio_queue_take(&queue, &token, NULL));
    assert_int_equal(token, 7);
    assert_false(virtio_queue_take(&queue, &token, NULL));
    assert_int_equal(queue.free_count, SIZE);
}

static void test_notice(void **state)
{
    (void)state;
    assert_true(virtio_queue_wants_notice(&queue));
    words(virtio_queue_used(&queue))[0] = 1;
    assert_false(virtio_queue_wants_notice(&queue));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_chain, reset),  cmocka_unit_test_setup(test_no_room, reset),
        cmocka_unit_test_setup(test_wrap, reset),   cmocka_unit_test_setup(test_nonsense, reset),
        cmocka_unit_test_setup(test_notice, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
