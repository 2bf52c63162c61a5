/* SPDX-License-Identifier: MIT */
/*
 * Offsets that assembly needs, each statically asserted against its structure in
 * dispatcher/trap.c.
 */
#pragma once

/* struct cpu_user_regs */
#define REGS_RCX          0x58
#define REGS_ENTRY_VECTOR 0x7c
#define REGS_RIP          0x80
#define REGS_CS           0x88
#define REGS_RFLAGS       0x90
#define REGS_RSP          0x98
#define REGS_SS           0xa0
#define REGS_ES           0xa8 /* end of what the processor and SAVE_REGISTERS build */
#define REGS_SIZE         0xc8

/* struct stack_top */
#define STACK_TOP_PCPU 0xd0
#define STACK_TOP_SIZE 0xd8

/* struct pcpu */
#define PCPU_SYSCALL_STACK   0
#define PCPU_SYSCALL_SCRATCH 8
#define PCPU_SYSCALL_ENTRY   16

/* Value of entry_vector for `syscall`; leaving by sysret is then possible. */
#define ENTRY_SYSCALL 0x100
