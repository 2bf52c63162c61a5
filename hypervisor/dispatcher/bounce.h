/* SPDX-License-Identifier: MIT */
/*
 * Delivery into a guest: builds the frame { rcx, r11, [ds, es, fs, gs,] [error code,] rip, cs,
 * rflags, rsp, ss } on the guest kernel's stack, word by word in one checked range, and changes the
 * saved registers, so that the exit returns into the handler. `regs` are those of the current vcpu,
 * of which rbx, rbp and r12 to r15 are not used: they need not be there. A missing handler or an
 * unwritable stack ends the domain.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>

/* An exception through the guest's trap table. */
void bounce_exception(struct cpu_user_regs *regs, unsigned vector, uint32_t error_code);
/*
 * #UD, and #PF with the saved error code, which also sets the guest's cr2 (arch.cr2 of its
 * vcpu_info): TRAP_DELIVERED, but for bounce_complete(), which entry.S leaves out: cs, ss, and that
 * sysret may load the frame; or TRAP_DONE.
 */
long bounce_invalid_opcode(struct cpu_user_regs *regs);
long bounce_page_fault(struct cpu_user_regs *regs, uint64_t address);
void bounce_complete(struct cpu_user_regs *regs);
/* `int n`: true if the guest's mode may use the gate; its rip must already be behind it. */
bool bounce_software_interrupt(struct cpu_user_regs *regs, uint8_t vector);
/* Called by entry.S: `syscall` from user mode, without cs, ss, rcx and r11; and from 32-bit code.
 */
void bounce_syscall(struct cpu_user_regs *regs);
void bounce_compat_syscall(struct cpu_user_regs *regs);
/* Called by entry.S as well. */
void bounce_event(struct cpu_user_regs *regs);
/* False when the guest has no handler or is inside one. */
bool bounce_nmi(struct cpu_user_regs *regs);
/* Called by entry.S: the guest's saved state could not be loaded by iret. */
void bounce_failsafe(struct cpu_user_regs *regs);

/* Called by entry.S: the iret hypercall has no frame that it could load. */
void iret_refuse(struct cpu_user_regs *regs);
