/* SPDX-License-Identifier: MIT */
/*
 * Time. System time is nanoseconds since the hypervisor's start, from the TSC, calibrated once
 * against HPET, ACPI PM timer or PIT. All processors share one scale; TSCs are taken as
 * synchronous (checked at processor start, docs/design.md).
 */
#pragma once

#include <stdint.h>

struct vcpu;
struct domain;

void clock_start(void);                         /* boot processor, after ACPI tables are known */
uint64_t clock_now(void);                       /* system time, ns */
uint64_t clock_tsc_to_ns(uint64_t tsc);         /* absolute TSC to system time */
uint64_t clock_ns_to_tsc(uint64_t system_time); /* the TSC at that time or just after */
uint64_t clock_ns_to_tsc_delta(uint64_t ns);
uint64_t clock_tsc_khz(void);
uint64_t clock_wall_start_ns(
    void); /* wall-clock time (Unix epoch, ns) at system time 0, from the CMOS clock */

/* XENPF_settime64: wall-clock time at system time 0 is this, ns; tells every domain. */
void clock_set_wall(uint64_t start_ns);

/* Write vcpu_time_info (tsc_timestamp, system_time, multiplier, shift) with the version protocol.
 */
void clock_update_vcpu(struct vcpu *vcpu);
/* Write wc_sec, wc_nsec of the domain's shared info. */
void clock_update_wall(struct domain *domain);
/* Delay on start-up paths only. */
void clock_delay_us(uint64_t microseconds);
