/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/clock_scale.h"

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
    unsigned __int128 ratio = ((unsigned __int128)nanoseconds << 32) / ticks;
    scale.multiplier = (uint32_t)ratio;
    return scale;
}

uint64_t clock_scale_nanoseconds(struct clock_scale scale, uint64_t nanoseconds)
{
    unsigned __int128 ticks =
        (((unsigned __int128)nanoseconds << 32) + scale.multiplier - 1) / scale.multiplier;

    if (scale.shift < 0)
        ticks <<= -scale.shift;
    else
        ticks = (ticks + (1U << scale.shift) - 1) >> scale.shift;
    return (uint64_t)ticks;
}
