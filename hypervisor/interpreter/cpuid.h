/* SPDX-License-Identifier: MIT */
/*
 * What CPUID tells a guest: the processor's own answer through a table of masks, and Xen's leaves
 * from 0x40000000 on (xen/arch-x86/cpuid.h).
 */
#pragma once

#include <stdint.h>

#include <xen/xen.h>

/* Leaf and subleaf in rax and rcx of the current guest; the answer in rax, rcx, rdx, and for rbx.
 */
uint32_t cpuid_for_guest(struct cpu_user_regs *regs);
