/* SPDX-License-Identifier: MIT */
/*
 * The bridge's parts: checksums and cut segments, the table of stations, fair queues, rates, and
 * what becomes of a frame between its interface and the others' queues. Packets come from the
 * host's heap, interfaces are a list of the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvguest/control/network.h"
#include "pvguest/control/network_forward.h"
#include "pvguest/control/notice.h"
#include "pvguest/kernel/clock.h"

#define SECOND_NS 1000000000ull

/* --- What the modules under test find on the host. --- */

static uint64_t now_ns;
static long packets_alive;
static unsigned int notices;
static struct network_interface interfaces[4];
static struct network_bridge bridges[2];

uint64_t clock_monotonic_ns(void)
{
    return now_ns;
}

void notice(const char *format, ...)
{
    (void)format;
    notices++;
}

struct network_packet *network_packet_allocate(uint32_t size)
{
    struct network_packet *packet = calloc(1, sizeof(*packet));

    packet->data = calloc(1, size); /* exactly: ASan sees what goes beyond */
    packet->size = packet->capacity = size;
    list_init(&packet->link);
    packets_alive++;
    return packet;
}

void network_packet_free(struct network_packet *packet)
{
    list_remove(&packet->link);
    free(packet->data);
    free(packet);
    packets_alive--;
}

struct network_packet *network_packet_copy(const struct network_packet *packet)
{
    struct network_packet *copy = network_packet_allocate(packet->size);

    memcpy(copy->data, packet->data, packet->size);
    copy->offload = packet->offload;
    return copy;
}

struct network_interface *network_next(const struct network_interface *interface)
{
    size_t index = interface ? (size_t)(interface - interfaces) + 1 : 0;

    return index < 4 ? &interfaces[index] : NULL;
}

/* --- Frames. --- */

static const struct network_address broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

static struct network_address station(uint8_t number)
{
    return (struct network_address){{0x00, 0x16, 0x3e, 0, 0, number}};
}

static void put16(uint8_t *at, unsigned int value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* An IPv4 frame whose payload is a pattern. */
static struct network_packet *make_frame(struct network_address from, struct network_address to,
                                         bool is_tcp, uint32_t payload)
{
    uint32_t header = is_tcp ? 20 : 8, total = 20 + header + payload;
    struct network_packet *packet = network_packet_allocate(14 + total);
    uint8_t *ip = packet->data + 14, *transport = ip + 20;

    memcpy(packet->data, to.bytes, 6);
    memcpy(packet->data + 6, from.bytes, 6);
    put16(packet->data + 12, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, total);
    put16(ip + 4, 0xfffe);
    ip[8] = 64;
    ip[9] = is_tcp ? 6 : 17;
    memcpy(ip + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
    if (is_tcp) {
        put16(transport + 6, 0xff00); /* the low half of the sequence number, soon to overflow */
        transport[12] = 0x50;
        transport[13] = 0x19; /* ACK, PSH, FIN */
    } else {
        put16(transport + 4, 8 + payload);
    }
    for (uint32_t i = 0; i < payload; i++)
        transport[header + i] = (uint8_t)(i * 7 + i / 256);
    return packet;
}

/* A second, plain way to sum, with the pseudo-header; 0xffff when the checksum is right. */
static unsigned int sum_transport(const uint8_t *frame, const struct network_layout *layout)
{
    uint32_t length = layout->end - layout->transport;
    uint64_t sum = frame[layout->network + 9] + length;

    for (uint32_t i = 0; i < 8; i++)
        sum += (uint32_t)frame[layout->network + 12 + i] << (i % 2 ? 0 : 8);
    for (uint32_t i = 0; i < length; i++)
        sum += (uint32_t)frame[layout->transport + i] << (i % 2 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (unsigned int)sum;
}

static void fills_checksums(void **state)
{
    (void)state;
    for (uint32_t size = 0; size < 70; size++) {
        for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
            struct network_packet *packet = make_frame(station(1), station(2), is_tcp, size);
            struct network_layout layout;

            assert_true(network_frame_layout(packet->data, packet->size, &layout));
            network_frame_fill_checksum(packet->data, &layout);
            assert_int_equal(sum_transport(packet->data, &layout), 0xffff);
            network_packet_free(packet);
        }
    }
}

/* Every cut of a frame and every value of the bytes that carry lengths. */
static void finds_layout_only_inside(void **state)
{
    static const unsigned int places[] = {12, 13, 14, 16, 17, 20, 21, 23, 46};

    (void)state;
    for (size_t place = 0; place < sizeof(places) / sizeof(places[0]); place++) {
        for (unsigned int value = 0; value < 256; value++) {
            struct network_packet *packet = make_frame(station(1), station(2), true, 30);

            packet->data[places[place]] = (uint8_t)value;
            for (uint32_t size = NETWORK_HEADER_SIZE; size <= packet->size; size++) {
                struct network_layout layout;
                uint8_t *cut = malloc(size);

                memcpy(cut, packet->data, size);
                if (network_frame_layout(cut, size, &layout)) {
                    assert_true(layout.end <= size && layout.transport < layout.end);
                    network_frame_fill_checksum(cut, &layout);
                    network_frame_fill_header_checksum(cut, &layout);
                }
                free(cut);
            }
            network_packet_free(packet);
        }
    }
}

static void cuts_segments(void **state)
{
    struct network_packet *packet = make_frame(station(1), station(2), true, 3001);
    struct network_layout layout, small;
    uint8_t *frame, joined[3001];
    uint32_t done = 0;

    (void)state;
    assert_true(network_frame_layout(packet->data, packet->size, &layout));
    assert_int_equal(network_segment_count(&layout, 1000), 4);
    frame = malloc(network_segment_frame_size(&layout, 1000));
    for (unsigned int i = 0; i < 4; i++) {
        uint32_t size = network_segment_make(packet->data, &layout, 1000, i, frame);
        uint32_t sequence =
            (uint32_t)(frame[38] << 24 | frame[39] << 16 | frame[40] << 8 | frame[41]);

        assert_int_equal(size, i < 3 ? 1054 : 55);
        assert_true(network_frame_layout(frame, size, &small));
        assert_int_equal(small.end, size);
        assert_int_equal(sum_transport(frame, &small), 0xffff);
        assert_int_equal(sequence, 0xff00 + i * 1000);
        assert_int_equal(frame[18] << 8 | frame[19], (0xfffe + i) & 0xffff);
        assert_int_equal(frame[47], i < 3 ? 0x10 : 0x19);
        memcpy(joined + done, frame + small.payload, size - small.payload);
        done += size - small.payload;
    }
    assert_int_equal(done, 3001);
    assert_memory_equal(joined, packet->data + layout.payload, 3001);
    free(frame);
    network_packet_free(packet);
}

static void reads_addresses(void **state)
{
    struct network_address address;
    char text[NETWORK_ADDRESS_TEXT_SIZE];

    (void)state;
    assert_true(network_address_parse("00:16:3E:0a:fF:7c", &address));
    network_address_text(&address, text);
    assert_string_equal(text, "00:16:3e:0a:ff:7c");
    assert_false(network_address_parse("", &address));
    assert_false(network_address_parse("00:16:3e:0a:ff", &address));
    assert_false(network_address_parse("00:16:3e:0a:ff:7c:00", &address));
    assert_false(network_address_parse("00:16:3e:0a:ff:7g", &address));
    assert_false(network_address_parse("00-16-3e-0a-ff-7c", &address));
}

/* --- The table. --- */

static void learns_and_forgets(void **state)
{
    static struct network_table table;
    struct network_address own = station(9), other = station(8);

    (void)state;
    memset(&table, 0, sizeof(table));
    assert_true(network_table_fix(&table, &own, 2));
    assert_false(network_table_fix(&table, &own, 3));
    network_table_learn(&table, &own, 1, 0);
    assert_int_equal(network_table_find(&table, &own, UINT64_MAX / 2), 2);
    network_table_learn(&table, &other, 1, 0);
    assert_int_equal(network_table_find(&table, &other, SECOND_NS), 1);
    network_table_learn(&table, &other, 3, SECOND_NS); /* it has moved */
    assert_int_equal(network_table_find(&table, &other, SECOND_NS), 3);
    assert_int_equal(network_table_find(&table, &other, 400 * SECOND_NS), NETWORK_PLACE_NONE);
    network_table_forget(&table, 2);
    assert_int_equal(network_table_find(&table, &own, 0), NETWORK_PLACE_NONE);
}

/* A flood of invented addresses displaces those learnt, never those that are owned. */
static void keeps_owned_addresses(void **state)
{
    static struct network_table table;
    struct network_address own = station(1);

    (void)state;
    memset(&table, 0, sizeof(table));
    assert_true(network_table_fix(&table, &own, 2));
    for (uint32_t i = 0; i < 100000; i++) {
        struct network_address invented = {
            {2, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 1}};

        network_table_learn(&table, &invented, 0, i);
    }
    assert_int_equal(network_table_find(&table, &own, 0), 2);
}

/* --- Queues and rates. --- */

static void shares_fairly(void **state)
{
    static struct network_queue queue;
    uint64_t bytes[3] = {0};

    (void)state;
    network_queue_init(&queue);
    for (unsigned int i = 0; i < 200; i++) {
        network_queue_add(&queue, 0, network_packet_allocate(1500));
        network_queue_add(&queue, 63, network_packet_allocate(i % 2 ? 100 : 60000));
    }
    for (unsigned int i = 0; i < 100; i++) {
        struct network_packet *packet = network_queue_take(&queue);

        bytes[packet->size == 1500 ? 0 : 1] += packet->size;
        network_packet_free(packet);
    }
    /* No more apart than one packet of each. */
    assert_true(bytes[0] + 61500 + 6400 >= bytes[1] && bytes[1] + 61500 + 6400 >= bytes[0]);
    network_queue_add(&queue, 5, network_packet_allocate(64)); /* was quiet: goes soon */
    for (unsigned int i = 0; i < 3; i++) {
        struct network_packet *packet = network_queue_take(&queue);

        bytes[2] += packet->size == 64;
        network_packet_free(packet);
    }
    assert_int_equal(bytes[2], 1);
    while (!network_queue_is_empty(&queue))
        network_packet_free(network_queue_take(&queue));
    assert_null(network_queue_first(&queue));
    assert_int_equal(packets_alive, 0);
}

static void limits_room(void **state)
{
    static struct network_queue queue;
    unsigned int count = 0;

    (void)state;
    network_queue_init(&queue);
    for (; network_queue_has_room(&queue, 1); count++)
        network_queue_add(&queue, 1, network_packet_allocate(60));
    assert_int_equal(count, NETWORK_FLOW_PACKETS_MAX);
    assert_true(network_queue_has_room(&queue, 2));
    while (!network_queue_is_empty(&queue))
        network_packet_free(network_queue_take(&queue));
}

static void limits_rate(void **state)
{
    struct network_rate rate;
    uint64_t bytes, interval_us, ready_ns = 0, sent = 0;

    (void)state;
    assert_true(network_rate_parse("62500,50000", &bytes, &interval_us)); /* 10 Mb/s */
    assert_false(network_rate_parse("62500", &bytes, &interval_us));
    assert_false(network_rate_parse("0,50000", &bytes, &interval_us));
    assert_false(network_rate_parse("1,0", &bytes, &interval_us));
    assert_true(network_rate_parse("62500,50000", &bytes, &interval_us));
    network_rate_set(&rate, bytes, interval_us, SECOND_NS);
    for (uint64_t time = SECOND_NS; time < 11 * SECOND_NS;) {
        if (network_rate_allows(&rate, time, &ready_ns)) {
            network_rate_charge(&rate, 1500);
            sent += 1500;
            time += 1000;
        } else {
            assert_true(ready_ns > time && ready_ns < time + SECOND_NS);
            time = ready_ns;
        }
    }
    assert_in_range(sent, 12400000, 12500000 + 62500 + 3000);
    /* After a long silence no more than one interval's is saved up. */
    assert_true(network_rate_allows(&rate, 1000 * SECOND_NS, &ready_ns));
    assert_true(rate.left <= 62500);
}

/* --- Forwarding. --- */

static int begin(void **state)
{
    (void)state;
    memset(interfaces, 0, sizeof(interfaces));
    memset(bridges, 0, sizeof(bridges));
    now_ns = SECOND_NS;
    notices = 0;
    packets_alive = 0;
    for (unsigned int i = 0; i < 4; i++) {
        struct network_interface *each = &interfaces[i];

        each->number = i;
        each->bridge = &bridges[0];
        each->is_up = each->has_carrier = true;
        each->frame_max = NETWORK_FRAME_MAX;
        each->address = station((uint8_t)i);
        network_queue_init(&each->queue);
        if (i > 0)
            assert_true(network_table_fix(&bridges[0].table, &each->address, i));
    }
    interfaces[0].is_card = interfaces[0].may_spoof = true;
    bridges[0].card = &interfaces[0];
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 4; i++)
        while (!network_queue_is_empty(&interfaces[i].queue))
            network_packet_free(network_queue_take(&interfaces[i].queue));
    assert_int_equal(packets_alive, 0);
    return 0;
}

static unsigned int waiting(unsigned int interface)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < NETWORK_FLOWS_MAX; i++)
        count += interfaces[interface].queue.flows[i].count;
    return count;
}

static void send_frame(unsigned int from, struct network_address claimed, struct network_address to)
{
    network_forward(&interfaces[from], make_frame(claimed, to, false, 20));
}

static void forwards_to_owner(void **state)
{
    (void)state;
    send_frame(1, station(1), station(2));
    assert_int_equal(waiting(2), 1);
    assert_int_equal(waiting(0) + waiting(3), 0);
    send_frame(1, station(1), station(1)); /* to itself */
    assert_int_equal(waiting(0) + waiting(1) + waiting(3), 0);
}

static void floods_what_is_for_all(void **state)
{
    (void)state;
    send_frame(1, station(1), broadcast);
    send_frame(1, station(1), (struct network_address){{0x33, 0x33, 0, 0, 0, 1}});
    send_frame(1, station(1), station(77)); /* nobody knows where that is */
    assert_int_equal(waiting(1), 0);
    assert_int_equal(waiting(0), 3);
    assert_int_equal(waiting(2), 3);
    assert_int_equal(waiting(3), 3);
    send_frame(0, station(77), station(1)); /* now it is known */
    send_frame(1, station(1), station(77));
    assert_int_equal(waiting(0), 4);
    assert_int_equal(waiting(2), 3);
    send_frame(1, station(1), (struct network_address){{0x01, 0x80, 0xc2, 0, 0, 0x0e}});
    assert_int_equal(waiting(2), 3);
}

static void keeps_bridges_apart(void **state)
{
    (void)state;
    interfaces[3].bridge = &bridges[1];
    send_frame(1, station(1), broadcast);
    assert_int_equal(waiting(2), 1);
    assert_int_equal(waiting(3), 0);
}

static void drops_spoofed(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 100; i++)
        send_frame(1, station(2), broadcast);
    assert_int_equal(interfaces[1].counters.spoofed, 100);
    assert_int_equal(waiting(0) + waiting(2) + waiting(3), 0);
    assert_true(notices < 10);
    interfaces[1].may_spoof = true;
    send_frame(1, station(99), broadcast);
    assert_int_equal(waiting(0), 1);
    send_frame(1, broadcast, station(2)); /* no station has such an address */
    assert_int_equal(waiting(2), 1);
    assert_int_equal(interfaces[1].counters.malformed, 1);
    send_frame(1, station(2), broadcast); /* even then, what is for 2 goes to 2 */
    send_frame(3, station(3), station(2));
    assert_int_equal(waiting(2), 3);
    assert_int_equal(waiting(1), 0);
}

static void obeys_links(void **state)
{
    (void)state;
    interfaces[2].is_up = false;
    send_frame(1, station(1), station(2));
    send_frame(2, station(2), station(1));
    assert_int_equal(waiting(1) + waiting(2), 0);
    interfaces[2].is_up = true;
    interfaces[2].has_carrier = false;
    send_frame(1, station(1), station(2));
    assert_int_equal(waiting(2), 0);
    assert_int_equal(interfaces[2].counters.dropped, 2);
}

static void finishes_what_others_cannot(void **state)
{
    struct network_packet *packet = make_frame(station(1), station(2), true, 30000);
    struct network_layout layout;

    (void)state;
    packet->offload = (struct net_offload){true, true, 1448};
    interfaces[3].can_checksum = interfaces[3].can_segment = true;
    interfaces[3].frame_max = NET_FRAME_MAX;
    memset(packet->data, 0xff, 6);
    network_forward(&interfaces[1], packet);
    assert_int_equal(waiting(2), 21);
    assert_int_equal(waiting(3), 1);
    assert_int_equal(network_queue_first(&interfaces[3].queue)->offload.segment_size, 1448);
    packet = network_queue_first(&interfaces[2].queue);
    assert_true(network_frame_layout(packet->data, packet->size, &layout));
    assert_int_equal(sum_transport(packet->data, &layout), 0xffff);
    assert_false(packet->offload.checksum_blank);
}

static void refuses_impossible_work(void **state)
{
    static const struct net_offload bad[] = {
        {false, false, 1448}, /* cut, but with a checksum that stands */
        {true, true, 1},      /* a frame for each byte */
        {true, true, 47},
    };

    (void)state;
    for (unsigned int i = 0; i < 3; i++) {
        struct network_packet *packet = make_frame(station(1), station(2), true, 5000);

        packet->offload = bad[i];
        network_forward(&interfaces[1], packet);
    }
    for (unsigned int i = 0; i < 2; i++) {
        struct network_packet *packet = make_frame(station(1), station(2), false, 5000);

        packet->offload = (struct net_offload){true, true, i == 0 ? 1448 : 0};
        packet->data[20] = i == 0 ? 0 : 0x20; /* UDP cut; a fragment */
        network_forward(&interfaces[1], packet);
    }
    assert_int_equal(interfaces[1].counters.malformed, 5);
    assert_int_equal(waiting(2), 0);
    network_forward(&interfaces[1], make_frame(station(1), station(2), false, 5000)); /* too long */
    assert_int_equal(interfaces[2].counters.dropped, 1);
}

static void bounds_each_source(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 10000; i++)
        send_frame(1, station(1), station(2));
    assert_int_equal(waiting(2), NETWORK_FLOW_PACKETS_MAX);
    send_frame(3, station(3), station(2));
    assert_int_equal(waiting(2), NETWORK_FLOW_PACKETS_MAX + 1);
    /* The quiet one's is among the next two. */
    network_packet_free(network_queue_take(&interfaces[2].queue));
    network_packet_free(network_queue_take(&interfaces[2].queue));
    assert_int_equal(interfaces[2].queue.flows[3].count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_checksums),
        cmocka_unit_test(finds_layout_only_inside),
        cmocka_unit_test(cuts_segments),
        cmocka_unit_test(reads_addresses),
        cmocka_unit_test(learns_and_forgets),
        cmocka_unit_test(keeps_owned_addresses),
        cmocka_unit_test(shares_fairly),
        cmocka_unit_test(limits_room),
        cmocka_unit_test(limits_rate),
        cmocka_unit_test_setup_teardown(forwards_to_owner, begin, end),
        cmocka_unit_test_setup_teardown(floods_what_is_for_all, begin, end),
        cmocka_unit_test_setup_teardown(keeps_bridges_apart, begin, end),
        cmocka_unit_test_setup_teardown(drops_spoofed, begin, end),
        cmocka_unit_test_setup_teardown(obeys_links, begin, end),
        cmocka_unit_test_setup_teardown(finishes_what_others_cannot, begin, end),
        cmocka_unit_test_setup_teardown(refuses_impossible_work, begin, end),
        cmocka_unit_test_setup_teardown(bounds_each_source, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
