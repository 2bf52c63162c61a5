/* SPDX-License-Identifier: MIT */
/*
 * GDT and LDT pages of guests: what a guest may put there. A frame of type DESCRIPTOR holds only
 * descriptors that descriptor_check() has seen.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct frame;

/*
 * Whether a guest may have the descriptor; makes its privilege level 3. Absent ones, and code and
 * data segments, always; of the system types only the null one, no gates.
 */
bool descriptor_check(uint64_t *descriptor);

/* Check all 512 descriptors, and write back those that were adjusted. 0 or -XEN_EINVAL. */
int descriptor_frame_validate(struct frame *frame);
