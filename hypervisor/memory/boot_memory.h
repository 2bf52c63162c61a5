/* SPDX-License-Identifier: MIT */
/*
 * Physical memory until the frame allocator takes over: the usable ranges of the loader's memory
 * map, less what is in use (low 1 MiB, image, modules). Page-granular; allocations come from the
 * upper end, so that low memory stays whole. Boot processor only, no lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/memory/mfn.h"

#define BOOT_MEMORY_NONE (~0UL)

/* From boot_info. image_end is the physical end of the image and its zeroed memory. */
void boot_memory_start(uint64_t image_end);

/*
 * `size` bytes aligned to `alignment` (a power of two, at least a page) that end at or below
 * `limit`: their physical address, or BOOT_MEMORY_NONE. Not zeroed.
 */
uint64_t boot_memory_allocate(uint64_t size, uint64_t alignment, uint64_t limit);

/* Next usable range at or above *position that nobody took; moves *position behind it. */
bool boot_memory_next(uint64_t *position, uint64_t *start, uint64_t *end);

/* Whether the firmware's map calls any byte of the range RAM, whoever uses it now. */
bool boot_memory_touches_ram(uint64_t start, uint64_t end);
/* Whether the range is wholly in memory the map describes with one of these types (bit mask). */
bool boot_memory_described(uint64_t start, uint64_t end, uint32_t type_mask);
/* End of the highest RAM. */
uint64_t boot_memory_end(void);
/* Bytes of RAM in the firmware's map. */
uint64_t boot_memory_total(void);

/* A page of RAM below 640 KiB for starting processors; BOOT_MEMORY_NONE if there is none. */
uint64_t boot_memory_low_page(void);
