/* SPDX-License-Identifier: MIT */
/*
 * The battery-backed clock of the PC (MC146818): read once at start-up.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct wall_clock_date {
    unsigned year, month, day, hour, minute, second; /* month and day from 1 */
};

/* Seconds since the Unix epoch; 0 when the clock shows no date after 1970. */
uint64_t wall_clock_read(void);

/* Pure: registers 0, 2, 4, 7, 8, 9, century and status B of the chip as a date. */
struct wall_clock_date wall_clock_decode(const uint8_t registers[7], uint8_t status_b);
bool wall_clock_valid(const struct wall_clock_date *date);
uint64_t wall_clock_epoch(const struct wall_clock_date *date);
