/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/clock_scale.h"

/* (value << 32) / divisor; the quotient must fit, that is value >> 32 < divisor. */
static uint64_t divide_shifted(uint64_t value, uint64_t divisor)
{
    uint64_t quotient, rest;

    asm("divq %4" : "=a"(quotient), "=d"(rest) : "a"(value << 32), "d"(value >> 32), "r"(divisor));
    return quotient;
}

struct clock_scale clock_scale_make(uint64_t ticks, uint64_t nanoseconds)
{
    struct clock_scale scale = {.shift = 0};

    /* The multiplier has its top bit set: ratio nanoseconds / ticks in [1/2, 1). */
    while (nanoseconds >= ticks) {
        ticks <<= 1;
        scale.shift++;
    }
    while (nanoseconds < ticks - nanoseconds) {
        nanoseconds <<= 1;
        scale.shift--;
    }
    scale.multiplier = (uint32_t)divide_shifted(nanoseconds, ticks);
    return scale;
}

uint64_t clock_scale_nanoseconds(struct clock_scale scale, uint64_t nanoseconds)
{
    uint64_t ticks;

    if (nanoseconds > CLOCK_SCALE_MAX)
        nanoseconds = CLOCK_SCALE_MAX;
    ticks = divide_shifted(nanoseconds, scale.multiplier) + 1;
    if (scale.shift < 0)
        return ticks << -scale.shift;
    return (ticks + (1UL << scale.shift) - 1) >> scale.shift;
}
