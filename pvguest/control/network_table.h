/* SPDX-License-Identifier: MIT */
/*
 * Where stations are: a bridge's table of addresses, learnt from the frames they send and forgotten
 * when they are silent. An address that an interface owns stands fixed and cannot be learnt
 * elsewhere. Pure; bounded; the owner serializes calls.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pvguest/control/network_frame.h"

#define NETWORK_TABLE_SETS   64
#define NETWORK_TABLE_WAYS   4
#define NETWORK_TABLE_AGE_NS 300000000000ull
#define NETWORK_PLACE_NONE   (-1)

struct network_station {
    struct network_address address;
    bool used, fixed;
    uint8_t place;
    uint64_t seen_ns;
};

struct network_table {
    struct network_station stations[NETWORK_TABLE_SETS][NETWORK_TABLE_WAYS];
};

/* The station at `address` has sent from `place`. */
void network_table_learn(struct network_table *table, const struct network_address *address,
                         unsigned int place, uint64_t now_ns);

/* `place` owns the address. False when another place does, or there is no room. */
bool network_table_fix(struct network_table *table, const struct network_address *address,
                       unsigned int place);

/* Forget everything about a place. */
void network_table_forget(struct network_table *table, unsigned int place);

/* The station's place, or NETWORK_PLACE_NONE. */
int network_table_find(const struct network_table *table, const struct network_address *address,
                       uint64_t now_ns);
