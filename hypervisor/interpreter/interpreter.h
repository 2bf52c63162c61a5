/* SPDX-License-Identifier: MIT */
/*
 * The guest instructions that are still emulated. Called from trap_from_guest with the registers of
 * the current guest; everything is read from the guest once, decoded, checked, then done.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>

/*
 * #GP from the guest: privileged instructions of a guest kernel (and int n, in/out with the
 * guest's IOPL). True: emulated, or an exception was delivered; false: deliver the #GP as it came.
 */
bool interpreter_privileged(struct cpu_user_regs *regs);

/* The same, for what a kernel executes again and again; rbx, rbp and r12 to r15 need not be there.
 * False: not such, or for the other to judge. */
bool interpreter_frequent(struct cpu_user_regs *regs);

/* #UD from the guest: whether it is the forced-emulation prefix (ud2a; "xen"; cpuid). Then the
 * other executes that, all but rbx, whose new value goes to error_code; registers as above. */
bool interpreter_forced_cpuid(const struct cpu_user_regs *regs);
void interpreter_cpuid(struct cpu_user_regs *regs);

/* #PF, write to a present read-only page from guest kernel: a store to a live level-1 table of its
 * own. */
bool interpreter_table_write(struct cpu_user_regs *regs, uint64_t address);

/* #PF with supervisor rights from ring 3: iretq under an emulator that checks SMAP there. */
bool interpreter_ring3_iret(struct cpu_user_regs *regs);
