/* SPDX-License-Identifier: MIT */
/*
 * Delivery into a guest: builds the frame { rcx, r11, [ds, es, fs, gs,] [error code,] rip, cs,
 * rflags, rsp, ss } on the guest kernel's stack with one checked copy and changes the saved
 * registers, so that the exit returns into the handler. All act on the current vcpu; a missing
 * handler or an unwritable stack ends the domain.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>

struct vcpu;

/* An exception through the guest's trap table. */
void bounce_exception(unsigned vector, uint32_t error_code);
/* #PF: also sets the guest's cr2 (arch.cr2 of its vcpu_info). */
void bounce_page_fault(uint32_t error_code, uint64_t address);
/* `int n`: true if the guest's mode may use the gate; its rip must already be behind it. */
bool bounce_software_interrupt(unsigned vector);
void bounce_syscall(bool compat);
void bounce_event(void);
/* False when the guest has no handler or is inside one. */
bool bounce_nmi(struct vcpu *vcpu);
/* Called by entry.S: the guest's saved state could not be loaded by iret. */
void bounce_failsafe(struct cpu_user_regs *regs);
