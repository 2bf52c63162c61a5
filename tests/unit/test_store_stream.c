/* SPDX-License-Identifier: MIT */
/* The store's ring as a byte stream: order, wrap-around, and an other end that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvguest/kernel/store_stream.h"
#include <xen/errno.h>

static struct xenstore_domain_interface *page;
static struct store_stream reader, writer;

static int setup(void **state)
{
    (void)state;
    page = calloc(1, sizeof(*page));
    page->req_cons = page->req_prod = UINT32_MAX - 500; /* need not begin at zero, and wraps */
    store_stream_open(&writer, page->req, &page->req_prod, &page->req_cons);
    store_stream_open(&reader, page->req, &page->req_cons, &page->req_prod);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(page);
    return 0;
}

static void bytes_arrive_in_order(void **state)
{
    unsigned char out[700], in[700];
    unsigned char next_out = 0, next_in = 0;

    (void)state;
    for (unsigned int round = 0; round < 5000; round++) {
        size_t size = (round * 37) % sizeof(out);
        int written, count;

        for (size_t i = 0; i < size; i++)
            out[i] = (unsigned char)(next_out + i);
        written = store_stream_write(&writer, out, size);
        assert_in_range(written, 0, size);
        next_out = (unsigned char)(next_out + written);
        count = store_stream_read(&reader, in, (round * 53) % sizeof(in));
        assert_true(count >= 0);
        for (int i = 0; i < count; i++)
            assert_int_equal(in[i], next_in++);
        assert_int_equal(store_stream_readable(&reader) + store_stream_writable(&writer),
                         XENSTORE_RING_SIZE);
    }
}

static void a_full_ring_takes_no_more(void **state)
{
    char bytes[XENSTORE_RING_SIZE + 10] = {0};

    (void)state;
    assert_int_equal(store_stream_write(&writer, bytes, sizeof(bytes)), XENSTORE_RING_SIZE);
    assert_int_equal(store_stream_write(&writer, bytes, 1), 0);
    assert_int_equal(store_stream_read(&reader, bytes, sizeof(bytes)), XENSTORE_RING_SIZE);
    assert_int_equal(store_stream_read(&reader, bytes, 1), 0);
}

static void nonsense_indices_are_errors(void **state)
{
    char byte = 0;

    (void)state;
    page->req_prod += XENSTORE_RING_SIZE + 1;
    assert_int_equal(store_stream_read(&reader, &byte, 1), -XEN_EIO);
    page->req_prod -= XENSTORE_RING_SIZE + 2;
    assert_int_equal(store_stream_read(&reader, &byte, 1), -XEN_EIO);
    store_stream_empty(&reader);
    assert_int_equal(store_stream_read(&reader, &byte, 1), 0);
    page->req_cons = writer.position + 1;
    assert_int_equal(store_stream_write(&writer, &byte, 1), -XEN_EIO);
}

/* What this end published is the other end's to scribble over; it is not read back. */
static void own_index_is_private(void **state)
{
    char byte = 'x';

    (void)state;
    assert_int_equal(store_stream_write(&writer, &byte, 1), 1);
    page->req_cons = 12345;
    byte = 0;
    assert_int_equal(store_stream_read(&reader, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(page->req_cons, page->req_prod);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_arrive_in_order),
        TEST(a_full_ring_takes_no_more),
        TEST(nonsense_indices_are_errors),
        TEST(own_index_is_private),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
