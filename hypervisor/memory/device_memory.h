/* SPDX-License-Identifier: MIT */
/*
 * Which machine frames are device memory that a privileged domain may map: everything that is not
 * RAM, and the first megabyte as far as it was not given to the allocator, but not the registers
 * that the hypervisor uses itself. The list of those is filled at start-up and then constant.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hypervisor/memory/mfn.h"

/* Start-up: the hypervisor keeps these registers to itself. */
void device_memory_deny(uint64_t physical, size_t size);

/* Start-up: these registers may be read, as firmware's code does, but not written. One range. */
void device_memory_protect(uint64_t physical, size_t size);
bool device_memory_read_only(mfn_t frame);

/* Whether the number is within the width of a physical address. */
bool device_memory_exists(mfn_t frame);
/* Only for frames that are not mfn_is_ram(). */
bool device_memory_allowed(mfn_t frame);
