/* SPDX-License-Identifier: MIT */
/*
 * The demo guest's disk: commands of its shell. `pattern` and `verify` fill sectors so that a
 * reader on the host can compute the same bytes: the little-endian 64-bit word i of sector s is
 * mix(seed + 64 * s + i), see pattern_word(). Threads only.
 */
#pragma once

#include <stdbool.h>

#include "drivers/block/front.h"

#define DEMO_REQUESTS      6 /* in flight at a time */
#define DEMO_REQUEST_ORDER 4 /* 16 pages hold the 11 of one request */

/* Follow the first disk, if there is one. */
void demo_disk_start(void);

/* It, or NULL; and whether it is connected, after a while of waiting: says so when not. */
struct block_front *demo_disk(void);
bool demo_disk_there(void);

/* Commands: words as typed. */
void demo_disk_show(unsigned int count, char **words);
void demo_disk_read(unsigned int count, char **words);
void demo_disk_write(unsigned int count, char **words);
void demo_disk_flush(unsigned int count, char **words);
void demo_disk_reconnect(unsigned int count, char **words);
void demo_disk_pattern(unsigned int count, char **words);
