/* SPDX-License-Identifier: MIT */
/*
 * The TSC's rate, measured once at start-up against the best counter of known rate: HPET, ACPI PM
 * timer, or PIT channel 2.
 */
#pragma once

#include <stdint.h>

struct clock_measurement {
    uint64_t ticks, nanoseconds; /* so many TSC ticks in that time */
    const char *reference;
};

/* Never fails: the PIT is always there. */
struct clock_measurement clock_calibrate(void);
