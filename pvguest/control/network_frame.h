/* SPDX-License-Identifier: MIT */
/*
 * Ethernet frames: addresses, where TCP and UDP checksums stand, filling them in, and cutting a
 * large TCP segment into small ones. Pure functions; every offset is checked against the size.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETWORK_ADDRESS_SIZE      6
#define NETWORK_ADDRESS_TEXT_SIZE 18
#define NETWORK_HEADER_SIZE       14
/* The least payload per segment that is worth cutting: less would multiply a guest's frames. */
#define NETWORK_SEGMENT_MIN 48

struct network_address {
    uint8_t bytes[NETWORK_ADDRESS_SIZE];
};

/* Where a frame's TCP or UDP header over IPv4 lies. */
struct network_layout {
    uint32_t network;   /* the IP header's offset */
    uint32_t transport; /* the TCP or UDP header's */
    uint32_t payload;   /* TCP only: what follows its header */
    uint32_t end;       /* where the datagram ends; padding may follow */
    uint16_t checksum;  /* the checksum's offset behind `transport` */
    bool is_tcp;
};

static inline bool network_address_is_group(const struct network_address *address)
{
    return (address->bytes[0] & 1) != 0;
}

bool network_address_equal(const struct network_address *left, const struct network_address *right);
bool network_address_parse(const char *text, struct network_address *address);
void network_address_text(const struct network_address *address,
                          char text[NETWORK_ADDRESS_TEXT_SIZE]);

/* The frame has at least NETWORK_HEADER_SIZE bytes. */
struct network_address network_frame_destination(const uint8_t *frame);
struct network_address network_frame_source(const uint8_t *frame);

/* False for anything but a whole, unfragmented TCP or UDP datagram over IPv4. */
bool network_frame_layout(const uint8_t *frame, uint32_t size, struct network_layout *layout);

/* Write the pseudo-header's sum where a card or guest that fills in checksums expects it. */
void network_frame_seed_checksum(uint8_t *frame, const struct network_layout *layout);

/* The same with a length of zero, as cards want it that cut segments. */
void network_frame_seed_unsized(uint8_t *frame, const struct network_layout *layout);

/* Write the TCP or UDP checksum, whatever stood there. */
void network_frame_fill_checksum(uint8_t *frame, const struct network_layout *layout);

/* Write the IPv4 header's checksum. */
void network_frame_fill_header_checksum(uint8_t *frame, const struct network_layout *layout);

/* How many frames a large TCP segment makes. */
unsigned int network_segment_count(const struct network_layout *layout, uint32_t segment_size);

/* Size of the largest of them. */
uint32_t network_segment_frame_size(const struct network_layout *layout, uint32_t segment_size);

/*
 * Write number `index` of them, with all checksums, to `target`, which holds
 * network_segment_frame_size() bytes. Returns its size.
 */
uint32_t network_segment_make(const uint8_t *frame, const struct network_layout *layout,
                              uint32_t segment_size, unsigned int index, uint8_t *target);
