/* SPDX-License-Identifier: MIT */
/*
 * Every stack of this kernel is aligned to its size, so that the virtual CPU that runs on it is
 * found from the stack pointer. Also read by the assembler.
 */
#pragma once

#define STACK_ORDER 3 /* pages, as of page_allocate() */
#define STACK_SIZE  (4096 << STACK_ORDER)
