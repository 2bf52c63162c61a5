/* SPDX-License-Identifier: MIT */
/*
 * What the hypervisor tells about the machine and itself. No state; any thread. 0 (or a count) or a
 * negative errno.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <xen/sysctl.h>
#include <xen/version.h>

int machine_call_information(struct xen_sysctl_physinfo *information);

/* XEN_SCHEDULER_… */
int machine_call_scheduler(uint32_t *scheduler);

/* xl's word for it. */
const char *machine_scheduler_name(uint32_t scheduler);

/* The shortest time that credit2 lets a vcpu run, in microseconds. */
int machine_call_rate_limit(uint32_t *microseconds);

/* Idle time of each processor in nanoseconds; returns how many were told. */
int machine_call_idle_times(struct xen_sysctl_cpuinfo *processors, unsigned int limit);

/* The hypervisor's console buffer from *index on; returns the bytes stored and moves *index. */
int machine_call_read_console(char *buffer, size_t size, uint32_t *index);

/*
 * How often each domain made each hypercall, from the lowest domain up: names of `limit` counters
 * and as many groups of MACHINE_CALL_NUMBERS values. Returns how many counters there are;
 * -XEN_ENOSYS from a hypervisor that does not count.
 */
#define MACHINE_CALL_NUMBERS 64
int machine_call_counters(struct xen_sysctl_perfc_desc *names, xen_sysctl_perfc_val_t *values,
                          unsigned int limit);

/* What pressing these keys on the hypervisor's console would do; what that prints is in its log. */
int machine_call_debug_keys(char *keys);

/*
 * Trace rings (trace_rings.h reads them): the first of the frames that say where they are, and how
 * many bytes these are; who is the first makes rings of so many pages. Record from now on the
 * events of a mask, no longer.
 */
int machine_call_trace_index(uint32_t pages, uint64_t *frame, size_t *bytes);
int machine_call_trace_start(uint32_t mask);
int machine_call_trace_stop(void);
