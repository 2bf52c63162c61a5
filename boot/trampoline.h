/* SPDX-License-Identifier: MIT */
/*
 * The code a processor wakes up in (boot/trampoline.S): copied to a page below 1 MiB, with its
 * variables at the end of it. Also read by assembly.
 */
#pragma once

/* Offsets of the variables in the page. */
#define TRAMPOLINE_GDT_POINTER 0xfd0 /* 2 + 4 bytes  */
#define TRAMPOLINE_START_TABLE 0xfd8 /* physical address of start_level4, 4 bytes */
#define TRAMPOLINE_TABLE       0xfe0 /* physical address of the hypervisor's table, 8 bytes */
#define TRAMPOLINE_STACK       0xfe8 /* initial rsp, 8 bytes */
#define TRAMPOLINE_FAR_POINTER 0xff0 /* 4 + 2 bytes: where 32-bit code begins */
#define TRAMPOLINE_STACK_END   0xfc0 /* a few bytes of stack on the way */

#ifndef __ASSEMBLY__
#include <stdint.h>

extern const char trampoline_start[], trampoline_end[], trampoline_32[];
extern const uint64_t start_gdt[];
extern const char start_gdt_end[];
extern char start_level4[];
#endif
