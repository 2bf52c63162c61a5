/* SPDX-License-Identifier: MIT */
/*
 * Offsets that assembly needs, each statically asserted against its structure in
 * dispatcher/trap.c.
 */
#pragma once

/* struct cpu_user_regs */
#define REGS_R11          0x30
#define REGS_R10          0x38
#define REGS_R9           0x40
#define REGS_R8           0x48
#define REGS_RAX          0x50
#define REGS_RCX          0x58
#define REGS_RDX          0x60
#define REGS_RSI          0x68
#define REGS_RDI          0x70
#define REGS_ERROR_CODE   0x78
#define REGS_ENTRY_VECTOR 0x7c
#define REGS_RIP          0x80
#define REGS_CS           0x88
#define REGS_RFLAGS       0x90
#define REGS_RSP          0x98
#define REGS_SS           0xa0
#define REGS_ES           0xa8 /* end of what the processor and SAVE_REGISTERS build */
#define REGS_SIZE         0xc8

/* struct stack_top */
#define STACK_TOP_VCPU 0xc8
#define STACK_TOP_PCPU 0xd0
#define STACK_TOP_SIZE 0xd8

/* struct pcpu */
#define PCPU_SYSCALL_STACK   0
#define PCPU_SYSCALL_SCRATCH 8
#define PCPU_HYPERCALL_LIMIT 16
#define PCPU_HYPERCALLS      24
#define PCPU_CR3             32

/* struct vcpu */
#define VCPU_EXIT_WORD       0
#define VCPU_INFO            8
#define VCPU_HYPERCALL_COUNT 16
#define VCPU_DOMAIN          272
#define VCPU_USER_TABLE      280
#define VCPU_KERNEL_MODE     296
#define VCPU_NMI_MASKED      297
#define VCPU_IOPL            304

/* struct domain */
#define DOMAIN_VM_ASSIST 0

/* struct iret_context */
#define IRET_RAX    0
#define IRET_R11    8
#define IRET_RCX    16
#define IRET_FLAGS  24
#define IRET_RIP    32
#define IRET_CS     40
#define IRET_RFLAGS 48
#define IRET_RSP    56
#define IRET_SS     64
#define IRET_SIZE   72

/* Bits of rflags: what iret does not take from a guest, and what it always sets. */
#define RFLAGS_IF_BIT     9
#define RFLAGS_IOPL_BIT   12
#define RFLAGS_NOT_GUESTS 0x23000 /* VM, IOPL */
#define RFLAGS_FORCED     0x202   /* IF, and bit 1 */

/* What the frequent exceptions' handlers answer, trap.h. */
#define TRAP_DELIVERED 0
#define TRAP_DONE      1
#define TRAP_WHOLE     -1

#define TRAP_VECTOR_PAGE_FAULT 14
#define PAGE_FAULT_TABLE_WRITE 7 /* a write from ring 3 to a page that is there */

/*
 * The entry vector after `syscall` from 64-bit code: such a frame may be left by sysret, see
 * LOAD_SYSRET_RIP in entry.S. The processor's vectors are positive.
 */
#define ENTRY_SYSCALL -1

/* The hypercalls that there can be: HYPERCALL_NUMBERS. */
#define HYPERCALL_LIMIT 64
