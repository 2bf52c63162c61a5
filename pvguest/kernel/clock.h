/* SPDX-License-Identifier: MIT */
/*
 * Time as the hypervisor gives it, and each virtual CPU's one-shot timer. Any context.
 */
#pragma once

#include <stdint.h>
#include <xen/xen.h>

/* System time: nanoseconds since the hypervisor started. Never goes back, on no virtual CPU. */
uint64_t clock_monotonic_ns(void);

/* Seconds since 1970. */
uint64_t clock_wall_seconds(void);

/* System time by a record that the hypervisor keeps true. */
uint64_t clock_read(const struct vcpu_time_info *shared);

/* Pure: nanoseconds that the record gives for a time-stamp counter value. */
uint64_t clock_scale(const struct vcpu_time_info *time, uint64_t tsc);

static inline uint64_t clock_tsc(void)
{
    uint32_t low, high;

    __asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high));
    return low | (uint64_t)high << 32;
}

/* Ask for the caller's VIRQ_TIMER at a system time; a later call replaces an earlier one. */
void clock_set_timer(uint64_t deadline_ns);
