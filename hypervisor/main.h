/* SPDX-License-Identifier: MIT */
/*
 * Where boot/start.S arrives: 64-bit mode, start-up tables, a stack, interrupts off.
 */
#pragma once

#include <stdint.h>

/* What the boot loader left in eax and ebx (Multiboot 1, 3.2; Multiboot 2, 3.3). */
_Noreturn void hypervisor_main(uint32_t magic, uint32_t info);
