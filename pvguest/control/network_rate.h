/* SPDX-License-Identifier: MIT */
/*
 * A limit of bytes per time (token bucket): `bytes` in each interval, which is also the most that
 * is saved up. A packet larger than what is left goes and is paid for afterwards. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct network_rate {
    uint64_t bytes; /* per interval; 0: unlimited */
    uint64_t interval_ns;
    int64_t left;
    uint64_t counted_ns; /* until when income has been credited */
};

void network_rate_set(struct network_rate *rate, uint64_t bytes, uint64_t interval_us,
                      uint64_t now_ns);

/* Whether a packet may go now; else *ready_ns says when. */
bool network_rate_allows(struct network_rate *rate, uint64_t now_ns, uint64_t *ready_ns);

/* A packet has gone. */
void network_rate_charge(struct network_rate *rate, uint32_t size);

/* "BYTES,MICROSECONDS", as the store has it; false for anything else. */
bool network_rate_parse(const char *text, uint64_t *bytes, uint64_t *interval_us);
