/* SPDX-License-Identifier: MIT */
/*
 * The stack of start-up and the processor structure it points to, until memory/map.c and
 * pcpu_create() have made the real ones. Used by boot/start.S; also read by assembly.
 */
#pragma once

/* Bytes kept free at the top for struct stack_top. */
#define BOOT_STACK_TOP_SIZE 512

#ifndef __ASSEMBLY__
#include "hypervisor/processor/pcpu.h"

/* What this_pcpu() is during early start-up: only lock.c's records in it are in use. */
extern struct pcpu boot_pcpu;
#endif
