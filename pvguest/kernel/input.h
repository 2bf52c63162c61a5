/* SPDX-License-Identifier: MIT */
/*
 * Console input: from the hypervisor's console for the initial domain, from the PV console ring
 * for the others. One reader at a time. Thread context only.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Wait until there is at least one byte, return how many were stored (1 .. size). */
size_t console_read(char *buffer, size_t size);

/* The same with a deadline in system time; 0 when it passed without input. */
size_t console_read_until(char *buffer, size_t size, uint64_t deadline_ns);
