/* SPDX-License-Identifier: MIT */
/*
 * Ways into the kernel: exceptions, event upcall, failsafe, syscall from user mode; the one way
 * out, the iret hypercall; and the two places where a stack is exchanged.
 *
 * What the hypervisor pushes          What the C code sees (struct trap_frame)
 *     ss                                  ss
 *     rsp                                 rsp
 *     rflags (IF = events enabled)        rflags
 *     cs                                  cs
 *     rip                                 rip
 *     [error code]                        r11
 *     r11                                 rcx
 *     rcx          <- rsp                 error_code (0 where there is none)
 *                                         vector
 *                                         rax, rdi ... r15   <- rsp
 *
 * It begins at a multiple of 16 bytes, so that C finds the stack aligned.
 */
#include <xen/xen.h>

    .text

/* rcx and r11 stay where they were pushed; an error code behind them moves before them. */
.macro entry name, vector, has_error=0
    .globl \name
\name:
    .if \has_error
    popq %rcx
    popq %r11
    pushq (%rsp)
    movq %r11, 8(%rsp)
    pushq (%rsp)
    movq %rcx, 8(%rsp)
    .else
    pushq $0
    .endif
    pushq $\vector
    jmp save_and_dispatch
.endm

    entry trap_divide_error, 0
    entry trap_debug, 1
    entry trap_breakpoint, 3
    entry trap_overflow, 4
    entry trap_bound, 5
    entry trap_invalid_opcode, 6
    entry trap_device_not_available, 7
    entry trap_double_fault, 8, 1
    entry trap_invalid_tss, 10, 1
    entry trap_segment_not_present, 11, 1
    entry trap_stack_segment, 12, 1
    entry trap_general_protection, 13, 1
    entry trap_page_fault, 14, 1
    entry trap_x87, 16
    entry trap_alignment, 17, 1
    entry trap_machine_check, 18
    entry trap_simd, 19
    entry trap_software, 0x80
    entry callback_syscall, 256

/* Here the four data segment selectors lie between r11 and rip. */
    .globl callback_failsafe
callback_failsafe:
    popq %rcx
    popq %r11
    addq $32, %rsp
    pushq %r11
    pushq %rcx
    pushq $0
    pushq $257

save_and_dispatch:
    pushq %rax
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    call fault_dispatch
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r10
    popq %r9
    popq %r8
    popq %rdx
    popq %rsi
    popq %rdi
    popq %rax
    addq $16, %rsp
    popq %rcx
    movq (%rsp), %r11
    movq $0, (%rsp)
    jmp hypercall_page + 32 * __HYPERVISOR_iret

/*
 * An event interrupts what knows nothing of it: registers that C keeps are left to C. The frame is
 * aligned to 16 bytes; rcx and r11 stay in it, and the place of r11 becomes iret's flags.
 */
    .globl callback_event
callback_event:
    pushq %rax
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %r8
    pushq %r9
    pushq %r10
    cld
    call event_upcall
    popq %r10
    popq %r9
    popq %r8
    popq %rdx
    popq %rsi
    popq %rdi
    popq %rax
    popq %rcx
    movq (%rsp), %r11
    movq $0, (%rsp)
    jmp hypercall_page + 32 * __HYPERVISOR_iret

/* void thread_switch_stack(uint64_t *saved, uint64_t next): returns on the other stack. */
    .globl thread_switch_stack
thread_switch_stack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

/* int fault_call(struct catch *catch, void (*f)(void *), void *argument): 0, or 1 after a fault. */
    .globl fault_call
fault_call:
    movq %rbx, 0(%rdi)
    movq %rbp, 8(%rdi)
    movq %r12, 16(%rdi)
    movq %r13, 24(%rdi)
    movq %r14, 32(%rdi)
    movq %r15, 40(%rdi)
    movq %rsp, 48(%rdi)
    subq $8, %rsp
    movq %rdx, %rdi
    call *%rsi
    addq $8, %rsp
    xorl %eax, %eax
    ret

/* Where a caught fault goes on, the registers being those that fault_call saved. */
    .globl fault_resume
fault_resume:
    movl $1, %eax
    ret

    .section .note.GNU-stack, "", @progbits
