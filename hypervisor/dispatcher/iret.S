/* SPDX-License-Identifier: MIT */
/*
 * The iret hypercall, which has no handler: at its way's end the guest goes on with what
 * xen/arch-x86/xen-x86_64.h, struct iret_context, says, which it has pushed. rsp = the frame's r10.
 *
 * rcx = the context. All registers but rax, rcx and r11, which come from there, stay in the
 * processor. Each word is read once, checked and becomes part of what iretq loads; one that cannot be
 * read is the domain's end.
 */
#include "hypervisor/dispatcher/frame.inc"

.macro GUEST instruction:vararg
    FAULTING iret_impossible, \instruction
.endm

.macro IRET_REST
    GUEST mov IRET_R11(%rcx), %r11
    GUEST mov IRET_RAX(%rcx), %rax
    GUEST mov IRET_RCX(%rcx), %rcx
    CLEAR_AC
.endm

    .section .syscall_stub.iret, "ax"
    .balign 64
    .globl hypercall_iret
hypercall_iret:
    add $(REGS_RIP - REGS_R10), %rsp
    mov (REGS_RSP - REGS_RIP)(%rsp), %rcx
    cmp guest_upper_half(%rip), %rcx
    jb iret_by_lower_half
1:  SET_AC
    GUEST mov IRET_RSP(%rcx), %rax
    mov %rax, (REGS_RSP - REGS_RIP)(%rsp)
    GUEST mov IRET_RIP(%rcx), %rax
    mov %rax, (%rsp)
    GUEST movzwl IRET_SS(%rcx), %eax
    or $3, %eax
    mov %rax, (REGS_SS - REGS_RIP)(%rsp)
    GUEST mov IRET_RFLAGS(%rcx), %rax
    mov VCPU(VCPU_DOMAIN, REGS_RIP), %r11
    testb $(1 << VMASST_TYPE_architectural_iopl), DOMAIN_VM_ASSIST(%r11)
    jnz iret_iopl
2:  mov VCPU(VCPU_INFO, REGS_RIP), %r11
    bt $RFLAGS_IF_BIT, %eax
    setnc 1(%r11)               /* evtchn_upcall_mask */
    and $~RFLAGS_NOT_GUESTS, %rax
    or $RFLAGS_FORCED, %rax
    mov %rax, (REGS_RFLAGS - REGS_RIP)(%rsp)
    movb $0, VCPU(VCPU_NMI_MASKED, REGS_RIP)
    GUEST movzwl IRET_CS(%rcx), %eax
    mov %rax, (REGS_CS - REGS_RIP)(%rsp)
    orb $3, (REGS_CS - REGS_RIP)(%rsp)
    not %eax
    test $3, %al
    jz iret_to_user
    movzbl (%r11), %eax         /* evtchn_upcall_pending */
    or VCPU(VCPU_EXIT_WORD, REGS_RIP), %rax
    jnz iret_with_work
3:  IRET_REST
    LEAVE_BY_IRET

iret_by_lower_half:
    cmp guest_lower_half(%rip), %rcx
    jbe 1b
    jmp iret_impossible
iret_iopl:
    mov %eax, %r11d
    shr $RFLAGS_IOPL_BIT, %r11d
    and $3, %r11d
    mov %r11, VCPU(VCPU_IOPL, REGS_RIP)
    jmp 2b
iret_with_work:
    cmpq $0, VCPU(VCPU_EXIT_WORD, REGS_RIP)
    jne 4f
    cmpb $0, 1(%r11)            /* evtchn_upcall_mask */
    jne 3b
4:  call iret_rest
iret_save:
    push $0
    SAVE_REGISTERS
    jmp exit_to_guest

iret_rest:
    IRET_REST
    ret

/*
 * What is the kernel's is read before the tables change. Below rip, in the place of error code and
 * vector, stand the frame's flags; then rcx and rax. Linux leaves a system call by
 * VGCF_in_syscall: sysret will do, where it can load cs and rip.
 */
iret_to_user:
    cmpq $-1, VCPU(VCPU_USER_TABLE, REGS_RIP)
    je iret_impossible
    GUEST mov IRET_FLAGS(%rcx), %eax
    push %rax
    call iret_rest
    push %rcx
    push %rax
    movb $0, VCPU(VCPU_KERNEL_MODE, REGS_RIP - 24)
    swapgs
    mov (STACK_TOP_PCPU - REGS_RIP + 24)(%rsp), %rcx
    movl $0, PCPU_HYPERCALL_LIMIT(%rcx)
    mov VCPU(VCPU_USER_TABLE, REGS_RIP - 24), %rax
    shl $PAGE_SHIFT, %rax
    mov %rax, PCPU_CR3(%rcx)
    mov %rax, %cr3
    LEAVE_IF_WORK iret_to_user_later, iret_to_user_later, (REGS_RIP - 24)
    testl $VGCF_in_syscall, 16(%rsp)
    jnz iret_to_user_by_sysret
iret_to_user_by_iret:
    pop %rax
    pop %rcx
    add $8, %rsp
    LEAVE_BY_IRET
iret_to_user_by_sysret:
    cmpl $FLAT_RING3_CS64, (REGS_CS - REGS_RIP + 24)(%rsp)
    jne iret_to_user_by_iret
    mov 24(%rsp), %rcx
    shr $47, %rcx
    jnz iret_to_user_by_iret
    pop %rax
    mov 16(%rsp), %rcx
    mov (REGS_RFLAGS - REGS_RIP + 16)(%rsp), %r11
    mov (REGS_RSP - REGS_RIP + 16)(%rsp), %rsp
    sysretq
iret_to_user_later:
    pop %rax
    pop %rcx
    add $8, %rsp
    jmp iret_save

/* The frame, wherever rsp is, has been made in part: the domain ends before it is loaded. */
iret_impossible:
    CLEAR_AC
    or $(STACK_SIZE - 1), %rsp
    sub $(STACK_TOP_SIZE - REGS_RIP - 1), %rsp
    push $0
    SAVE_REGISTERS
    mov %rsp, %rdi
    call iret_refuse
    jmp exit_to_guest

/* Once hypercalls are traced it comes as their handler, all registers but rcx and r11 as they were. */
    .globl hypercall_iret_traced
hypercall_iret_traced:
    add $(REGS_R10 - REGS_R11), %rsp
    jmp hypercall_iret

    .balign 8
guest_upper_half:
    .quad DIRECT_MAP_END
guest_lower_half:
    .quad (1 << 47) - IRET_SIZE

    .section .note.GNU-stack, "", @progbits
