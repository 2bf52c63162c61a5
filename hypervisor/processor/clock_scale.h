/* SPDX-License-Identifier: MIT */
/*
 * From ticks to nanoseconds as the ABI has it (struct vcpu_time_info in xen/xen.h): ticks are
 * shifted left by `shift` (right if negative), multiplied with multiplier / 2^32. Pure.
 */
#pragma once

#include <stdint.h>

struct clock_scale {
    uint32_t multiplier;
    int8_t shift;
};

/* The scale by which `ticks` take `nanoseconds`; both above zero, below 2^60. */
struct clock_scale clock_scale_make(uint64_t ticks, uint64_t nanoseconds);

static inline uint64_t clock_scale_ticks(struct clock_scale scale, uint64_t ticks)
{
    if (scale.shift < 0)
        ticks >>= -scale.shift;
    else
        ticks <<= scale.shift;
    return (uint64_t)((unsigned __int128)ticks * scale.multiplier >> 32);
}

/* The other way, rounded up: a deadline is not met early, unless it is more than 18 years away. */
#define CLOCK_SCALE_MAX (1UL << 59)
uint64_t clock_scale_nanoseconds(struct clock_scale scale, uint64_t nanoseconds);
