/* SPDX-License-Identifier: MIT */
/*
 * How control enters ring 0 and leaves it.
 *
 * On every entry from a guest the top of the virtual CPU's hypervisor stack becomes
 *
 *     +0xd8  end of the stack (8 KiB aligned)
 *     +0xd0  struct pcpu *
 *     +0xc8  struct vcpu *
 *     +0xa8  es ds fs gs            (not used: segment registers stay live)
 *     +0x80  rip cs rflags rsp ss   pushed by the processor, or by the syscall stub
 *     +0x7c  entry vector           +0x78 error code
 *     +0x00  r15 .. rdi             SAVE_REGISTERS
 *
 * which is struct stack_top. An exception or interrupt inside ring 0 makes the same frame, without
 * the last lines, wherever the stack pointer is. Everything after "save" is C, which is compiled
 * for a stack aligned to 8 bytes.
 */
#include "hypervisor/dispatcher/offsets.h"
#include "hypervisor/layout.h"

#define FLAT_RING3_CS64 0xe033
#define FLAT_RING3_CS32 0xe023
#define FLAT_RING3_SS   0xe02b

.macro SAVE_REGISTERS
    cld
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
.endm

.macro RESTORE_REGISTERS
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
.endm

/* A guest may enter with AC set, which would open SMAP's gate for us. */
.macro CLEAR_AC
    cmpb $0, smap_enabled(%rip)
    je 8f
    clac
8:
.endm

    .text

/* ---- syscall: one page, mapped before every struct pcpu, which it reaches relative to rip ---- */

    .section .syscall_stub, "ax"
    .balign PAGE_SIZE
    .globl syscall_stub_page
#define PCPU(field) (syscall_stub_page + PAGE_SIZE + field)(%rip)
syscall_stub_page:
    mov %rsp, PCPU(PCPU_SYSCALL_SCRATCH)
    mov PCPU(PCPU_SYSCALL_STACK), %rsp
    push $FLAT_RING3_SS
    push PCPU(PCPU_SYSCALL_SCRATCH)
    push %r11
    push $FLAT_RING3_CS64
    push %rcx
    jmp *PCPU(PCPU_SYSCALL_ENTRY)

    .balign 64
    .globl syscall_stub_compat
syscall_stub_compat:
    mov %rsp, PCPU(PCPU_SYSCALL_SCRATCH)
    mov PCPU(PCPU_SYSCALL_STACK), %rsp
    push $FLAT_RING3_SS
    push PCPU(PCPU_SYSCALL_SCRATCH)
    push %r11
    push $FLAT_RING3_CS32
    push %rcx
    jmp *PCPU(PCPU_SYSCALL_ENTRY)
    .balign PAGE_SIZE

    .text
    .globl syscall_common
syscall_common:
    push $0
    movl $ENTRY_SYSCALL, 4(%rsp)
    SAVE_REGISTERS
    mov %rsp, %rdi
    call syscall_dispatch
    /* fall through */

/* ---- the way out to a guest: rsp = the saved registers at the top of the stack ---- */

    .globl exit_to_guest
exit_to_guest:
    call exit_to_guest_work
    RESTORE_REGISTERS
    testl $ENTRY_SYSCALL, 4(%rsp)
    jz 1f
    /*
     * sysret would fault in ring 0 on a non-canonical rip (XSA-7), and knows only flat 64-bit
     * code: everything else takes iret.
     */
    mov 8(%rsp), %rcx
    sar $47, %rcx
    inc %ecx
    cmp $1, %ecx
    ja 2f
    cmpw $FLAT_RING3_CS64, 16(%rsp)
    jne 2f
    mov 8(%rsp), %rcx
    mov 24(%rsp), %r11
    mov 32(%rsp), %rsp
    sysretq
2:  mov 8(%rsp), %rcx
    mov 24(%rsp), %r11
1:  add $8, %rsp
exit_iret:
    iretq

    .pushsection .extable, "a"
    .quad exit_iret, exit_iret_failed
    .popsection

/* The guest's cs, ss, rip or rsp cannot be loaded: its registers are live again, save them anew. */
exit_iret_failed:
    push $0
    SAVE_REGISTERS
    mov %rsp, %rdi
    call bounce_failsafe
    jmp exit_to_guest

/* ---- exceptions and interrupts ---- */

    .macro ENTRY_STUB vector
    .balign 16
    .if \vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21 || \vector == 29 || \vector == 30
    .else
    push $0
    .endif
    movl $\vector, 4(%rsp)
    jmp entry_common
    .endm

    .balign 16
    .globl entry_stubs
entry_stubs: /* 16 bytes each, asserted by entry_stubs_end */
    .altmacro
    .set number, 0
    .rept 256
    ENTRY_STUB %number
    .set number, number + 1
    .endr
    .noaltmacro
    .balign 16
    .globl entry_stubs_end
entry_stubs_end:

entry_common:
    SAVE_REGISTERS
    CLEAR_AC
    mov %rsp, %rdi
    testb $3, REGS_CS(%rsp)
    jz 1f
    call trap_dispatch
    jmp exit_to_guest
1:  /* From ring 0: keep the stack aligned for C whatever it was. */
    mov %rsp, %rbx
    and $~15, %rsp
    call trap_dispatch
    mov %rbx, %rsp
    RESTORE_REGISTERS
    add $8, %rsp
    iretq

/*
 * #DB arrives on a stack of its own, because a guest can arrange one on our first instruction.
 * From a guest it moves to the vcpu's stack and goes on like any exception.
 */
    .globl entry_debug
entry_debug:
    push $0
    movl $1, 4(%rsp)
    testb $3, 16(%rsp)
    jz entry_paranoid
    push %rax
    push %rcx
    mov %rsp, %rcx
    and $~(STACK_SIZE - 1), %rcx
    mov (STACK_SIZE - STACK_TOP_SIZE + STACK_TOP_PCPU)(%rcx), %rcx
    mov PCPU_SYSCALL_STACK(%rcx), %rcx
    /* Copy error/vector, rip, cs, rflags, rsp, ss below the other stack's saved segments. */
    .irp offset, 0, 8, 16, 24, 32, 40
    mov (16 + \offset)(%rsp), %rax
    mov %rax, (-48 + \offset)(%rcx)
    .endr
    mov (%rsp), %rax
    mov %rax, -56(%rcx)     /* rcx, for a moment in the place of rdi */
    mov 8(%rsp), %rax
    lea -56(%rcx), %rsp
    pop %rcx
    jmp entry_common

    .globl entry_nmi
entry_nmi:
    push $0
    movl $2, 4(%rsp)
    jmp entry_paranoid

    .globl entry_double_fault
entry_double_fault:
    movl $8, 4(%rsp)
    jmp entry_paranoid

    .globl entry_machine_check
entry_machine_check:
    push $0
    movl $18, 4(%rsp)
    /* fall through */

entry_paranoid:
    SAVE_REGISTERS
    CLEAR_AC
    mov %rsp, %rdi
    mov %rsp, %rbx
    and $~15, %rsp
    call trap_paranoid
    mov %rbx, %rsp
    RESTORE_REGISTERS
    add $8, %rsp
    iretq

/* ---- changing stacks ---- */

/* void stack_switch(uint64_t *save, uint64_t load) */
    .globl stack_switch
stack_switch:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

/* First thing a new vcpu does: the frame made by vcpu_create returns here, rsp = its registers. */
    .globl vcpu_first_entry
vcpu_first_entry:
    sub $8, %rsp
    call schedule_tail
    add $8, %rsp
    jmp exit_to_guest


    .section .note.GNU-stack, "", @progbits
