/* SPDX-License-Identifier: MIT */
/* What always holds of a calendar queue (lib/calendar_queue.h), for the tests that have one. */
#pragma once

#include "lib/calendar_queue.h"

/* Bits, slots and rings agree, every key is where the queue looks for it, and the first one goes
 * before all others to within a slot. Returns how many are in the queue. */
unsigned calendar_check(const struct calendar_queue *queue, uint64_t base);
