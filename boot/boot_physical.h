/* SPDX-License-Identifier: MIT */
/*
 * Physical memory as the start-up page tables show it: the first 4 GiB. For reading what the boot
 * loader left, before memory/map.c has built the real tables. Unit tests put their own behind it.
 */
#pragma once

#include <stdint.h>

/* NULL unless the whole range (of at least one byte) lies in reach. */
const void *boot_physical(uint64_t address, uint64_t size);
