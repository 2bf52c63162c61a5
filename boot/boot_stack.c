/* SPDX-License-Identifier: MIT */
#include "boot/boot_stack.h"

_Static_assert(sizeof(struct stack_top) <= BOOT_STACK_TOP_SIZE, "boot/start.S keeps this free");
struct pcpu boot_pcpu;
