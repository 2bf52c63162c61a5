/* SPDX-License-Identifier: MIT */
/*
 * Instructions of ring 0 that may fault, each with the address where to go on: section .extable,
 * pairs of addresses, collected by the linker script between extable_start and extable_end.
 */
#pragma once

#include <stdint.h>

/* In an asm statement: the instruction at label `fault` continues at label `fixup` when it faults.
 */
#define EXCEPTION_TABLE(fault, fixup) \
    ".pushsection .extable, \"a\"\n"  \
    ".quad " #fault ", " #fixup "\n"  \
    ".popsection\n"

/* Fix-up address for a fault at `rip`, 0 if there is none. */
uint64_t exception_table_find(uint64_t rip);
