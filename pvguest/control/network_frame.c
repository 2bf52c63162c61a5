/* SPDX-License-Identifier: MIT */
#include "pvguest/control/network_frame.h"

#include "lib/format.h"
#include "lib/string.h"

#define TYPE_AT           12
#define TYPE_IPV4         0x0800
#define TYPE_TAG          0x8100
#define TAG_SIZE          4
#define IP_HEADER_MIN     20
#define IP_TOTAL_AT       2
#define IP_IDENTIFIER_AT  4
#define IP_FRAGMENT_AT    6
#define IP_FRAGMENT_MASK  0x3fff /* offset and "more follow" */
#define IP_PROTOCOL_AT    9
#define IP_CHECKSUM_AT    10
#define IP_SOURCE_AT      12
#define IP_ADDRESSES_SIZE 8
#define PROTOCOL_TCP      6
#define PROTOCOL_UDP      17
#define TCP_HEADER_MIN    20
#define TCP_SEQUENCE_AT   4
#define TCP_LENGTH_AT     12
#define TCP_FLAGS_AT      13
#define TCP_FLAG_FIN      0x01
#define TCP_FLAG_PUSH     0x08
#define TCP_FLAG_CWR      0x80
#define TCP_CHECKSUM_AT   16
#define UDP_HEADER_SIZE   8
#define UDP_CHECKSUM_AT   6

static uint16_t read16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void write16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t read32(const uint8_t *at)
{
    return (uint32_t)read16(at) << 16 | read16(at + 2);
}

static void write32(uint8_t *at, uint32_t value)
{
    write16(at, value >> 16);
    write16(at + 2, value);
}

bool network_address_equal(const struct network_address *left, const struct network_address *right)
{
    return memcmp(left->bytes, right->bytes, NETWORK_ADDRESS_SIZE) == 0;
}

static int digit(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    if (letter >= 'a' && letter <= 'f')
        return letter - 'a' + 10;
    if (letter >= 'A' && letter <= 'F')
        return letter - 'A' + 10;
    return -1;
}

bool network_address_parse(const char *text, struct network_address *address)
{
    for (unsigned int i = 0; i < NETWORK_ADDRESS_SIZE; i++) {
        int high = digit(text[0]);
        int low = high < 0 ? -1 : digit(text[1]);

        if (low < 0 || text[2] != (i + 1 < NETWORK_ADDRESS_SIZE ? ':' : '\0'))
            return false;
        address->bytes[i] = (uint8_t)(high << 4 | low);
        text += 3;
    }
    return true;
}

void network_address_text(const struct network_address *address,
                          char text[NETWORK_ADDRESS_TEXT_SIZE])
{
    const uint8_t *bytes = address->bytes;

    format_text(text, NETWORK_ADDRESS_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0],
                bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
}

struct network_address network_frame_destination(const uint8_t *frame)
{
    struct network_address address;

    memcpy(address.bytes, frame, NETWORK_ADDRESS_SIZE);
    return address;
}

struct network_address network_frame_source(const uint8_t *frame)
{
    return network_frame_destination(frame + NETWORK_ADDRESS_SIZE);
}

/* The IPv4 header: sets network, transport, end. */
static bool find_network(const uint8_t *frame, uint32_t size, struct network_layout *layout)
{
    uint32_t type_at = TYPE_AT, header;
    const uint8_t *ip;

    if (size >= NETWORK_HEADER_SIZE + TAG_SIZE && read16(frame + type_at) == TYPE_TAG)
        type_at += TAG_SIZE;
    layout->network = type_at + 2;
    if (size < layout->network + IP_HEADER_MIN || read16(frame + type_at) != TYPE_IPV4)
        return false;
    ip = frame + layout->network;
    header = (ip[0] & 0xfu) * 4;
    layout->transport = layout->network + header;
    layout->end = layout->network + read16(ip + IP_TOTAL_AT);
    return ip[0] >> 4 == 4 && header >= IP_HEADER_MIN && layout->end <= size &&
           layout->transport <= layout->end &&
           (read16(ip + IP_FRAGMENT_AT) & IP_FRAGMENT_MASK) == 0;
}

bool network_frame_layout(const uint8_t *frame, uint32_t size, struct network_layout *layout)
{
    uint32_t room;

    if (!find_network(frame, size, layout))
        return false;
    room = layout->end - layout->transport;
    switch (frame[layout->network + IP_PROTOCOL_AT]) {
    case PROTOCOL_TCP:
        if (room < TCP_HEADER_MIN)
            return false;
        layout->is_tcp = true;
        layout->checksum = TCP_CHECKSUM_AT;
        layout->payload = layout->transport + (frame[layout->transport + TCP_LENGTH_AT] >> 4) * 4u;
        return layout->payload >= layout->transport + TCP_HEADER_MIN &&
               layout->payload <= layout->end;
    case PROTOCOL_UDP:
        layout->is_tcp = false;
        layout->checksum = UDP_CHECKSUM_AT;
        layout->payload = layout->transport + UDP_HEADER_SIZE;
        return room >= UDP_HEADER_SIZE;
    default:
        return false;
    }
}

/* One's complement sum of 16-bit words in memory order, not yet folded to the end. */
static uint64_t sum_bytes(const uint8_t *bytes, uint32_t size, uint64_t sum)
{
    for (; size >= 4; bytes += 4, size -= 4) {
        uint32_t word;

        memcpy(&word, bytes, sizeof(word));
        sum += word;
    }
    if (size >= 2) {
        uint16_t word;

        memcpy(&word, bytes, sizeof(word));
        sum += word;
        bytes += 2;
        size -= 2;
    }
    return size != 0 ? sum + bytes[0] : sum;
}

/* The sum as a value, in the order of the network. */
static uint16_t fold(uint64_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xff) << 8 | sum >> 8);
}

static uint16_t pseudo_sum(const uint8_t *frame, const struct network_layout *layout,
                           uint32_t length)
{
    const uint8_t *ip = frame + layout->network;
    uint8_t rest[4] = {0, ip[IP_PROTOCOL_AT]};

    write16(rest + 2, length);
    return fold(sum_bytes(rest, sizeof(rest), sum_bytes(ip + IP_SOURCE_AT, IP_ADDRESSES_SIZE, 0)));
}

void network_frame_seed_checksum(uint8_t *frame, const struct network_layout *layout)
{
    write16(frame + layout->transport + layout->checksum,
            pseudo_sum(frame, layout, layout->end - layout->transport));
}

void network_frame_seed_unsized(uint8_t *frame, const struct network_layout *layout)
{
    write16(frame + layout->transport + layout->checksum, pseudo_sum(frame, layout, 0));
}

void network_frame_fill_checksum(uint8_t *frame, const struct network_layout *layout)
{
    uint8_t *field = frame + layout->transport + layout->checksum;
    uint32_t length = layout->end - layout->transport;
    uint16_t checksum;

    network_frame_seed_checksum(frame, layout);
    checksum = (uint16_t)~fold(sum_bytes(frame + layout->transport, length, 0));
    /* For UDP zero would mean "none was computed". */
    write16(field, checksum == 0 && !layout->is_tcp ? 0xffff : checksum);
}

void network_frame_fill_header_checksum(uint8_t *frame, const struct network_layout *layout)
{
    uint8_t *ip = frame + layout->network;

    write16(ip + IP_CHECKSUM_AT, 0);
    write16(ip + IP_CHECKSUM_AT,
            (uint16_t)~fold(sum_bytes(ip, layout->transport - layout->network, 0)));
}

unsigned int network_segment_count(const struct network_layout *layout, uint32_t segment_size)
{
    uint32_t payload = layout->end - layout->payload;

    return payload == 0 ? 1 : (payload + segment_size - 1) / segment_size;
}

uint32_t network_segment_frame_size(const struct network_layout *layout, uint32_t segment_size)
{
    uint32_t payload = layout->end - layout->payload;

    return layout->payload + (payload < segment_size ? payload : segment_size);
}

/* The headers of one segment: length, identifier, sequence number, and flags that one end has. */
static void adjust_headers(uint8_t *target, const struct network_layout *layout, uint32_t from,
                           unsigned int index, bool is_last)
{
    uint8_t *ip = target + layout->network;
    uint8_t *tcp = target + layout->transport;

    write16(ip + IP_TOTAL_AT, layout->end - layout->network);
    write16(ip + IP_IDENTIFIER_AT, read16(ip + IP_IDENTIFIER_AT) + index);
    write32(tcp + TCP_SEQUENCE_AT, read32(tcp + TCP_SEQUENCE_AT) + from);
    if (index > 0)
        tcp[TCP_FLAGS_AT] &= (uint8_t)~TCP_FLAG_CWR;
    if (!is_last)
        tcp[TCP_FLAGS_AT] &= (uint8_t) ~(TCP_FLAG_FIN | TCP_FLAG_PUSH);
}

uint32_t network_segment_make(const uint8_t *frame, const struct network_layout *layout,
                              uint32_t segment_size, unsigned int index, uint8_t *target)
{
    uint32_t payload = layout->end - layout->payload;
    uint32_t from = index * segment_size;
    uint32_t left = payload - from;
    struct network_layout small = *layout;

    if (left > segment_size)
        left = segment_size;
    memcpy(target, frame, layout->payload);
    memcpy(target + layout->payload, frame + layout->payload + from, left);
    small.end = layout->payload + left;
    adjust_headers(target, &small, from, index, from + left == payload);
    network_frame_fill_header_checksum(target, &small);
    network_frame_fill_checksum(target, &small);
    return small.end;
}
