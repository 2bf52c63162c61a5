/* SPDX-License-Identifier: MIT */
/*
 * How control comes in: exceptions and interrupts (entry.S saves the registers and calls
 * trap_from_guest or trap_from_hypervisor), and how it goes out (exit_to_guest_work, run with
 * interrupts off until nothing is pending).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>

/* Exception vectors (Intel SDM volume 3, 6.3.1). */
enum trap_vector {
    TRAP_DIVIDE = 0,
    TRAP_DEBUG = 1,
    TRAP_NMI = 2,
    TRAP_BREAKPOINT = 3,
    TRAP_OVERFLOW = 4,
    TRAP_BOUNDS = 5,
    TRAP_INVALID_OPCODE = 6,
    TRAP_NO_DEVICE = 7,
    TRAP_DOUBLE_FAULT = 8,
    TRAP_INVALID_TSS = 10,
    TRAP_NO_SEGMENT = 11,
    TRAP_STACK = 12,
    TRAP_PROTECTION = 13,
    TRAP_PAGE_FAULT = 14,
    TRAP_FPU = 16,
    TRAP_ALIGNMENT = 17,
    TRAP_MACHINE_CHECK = 18,
    TRAP_SIMD = 19,
};

/* Interrupt vectors of our own; device interrupts get 0x30-0xdf (io/irq.h). */
#define VECTOR_DEVICE_FIRST 0x30
#define VECTOR_DEVICE_LAST  0xdf
#define VECTOR_TIMER        0xf0
#define VECTOR_RESCHEDULE   0xf1
#define VECTOR_TLB          0xf2
#define VECTOR_CONSOLE      0xf3
#define VECTOR_SPURIOUS     0xff

/*
 * Called by entry.S for the frequent exceptions of guests, before rbx, rbp and r12 to r15 are
 * saved: these cannot be read or written in `regs`. What they answer, in offsets.h: TRAP_DELIVERED
 * to the guest's handler, all but bounce_complete(); TRAP_DONE, for #UD with the new rbx in
 * error_code; or TRAP_WHOLE: trap_from_guest() shall see to it.
 */
long trap_page_fault(struct cpu_user_regs *regs);
long trap_invalid_opcode(struct cpu_user_regs *regs);
long trap_protection(struct cpu_user_regs *regs);

/* Called by entry.S for every vector but #DB, NMI, #DF and #MC on their own stacks. */
void trap_from_guest(struct cpu_user_regs *regs);
void trap_from_hypervisor(struct cpu_user_regs *regs);

/* Called by entry.S for the vectors with stacks of their own, but for #DB and NMI from a guest. */
void trap_paranoid(struct cpu_user_regs *regs);

/* Called by entry.S on the way out to a guest. */
void exit_to_guest_work(void);
