/* SPDX-License-Identifier: MIT */
/*
 * How control enters ring 0 and leaves it. frame.inc shows the frame of saved registers; iret.S is
 * the iret hypercall.
 *
 * What happens again and again saves only what C may change and the guest wants back, from r10 (a
 * hypercall, whose rcx and r11 are known) or r11 (the frequent exceptions) upwards. rbx, rbp and
 * r12 to r15 stay in the processor, because every C function gives them back; C's own stack lies
 * where the rest of the frame would be. On the way out one word of the vcpu and one byte of its
 * guest say whether there is anything to do. If not, the same registers are loaded and sysret or
 * iret ends it. If there is, the frame is completed from the live registers, and the way is that of
 * all others: exit_to_guest.
 *
 * All of this lies in the page of the syscall stub, which would else be empty.
 */
#include "hypervisor/dispatcher/frame.inc"

#define XEN_ERRNO(name, value) .equ XEN_##name, value
#include <xen/errno.h>

    .section .syscall_stub, "ax"
    .balign PAGE_SIZE

/*
 * ---- syscall: this page is mapped before every struct pcpu, which it reaches relative to rip ----
 *
 * rcx = rip, r11 = rflags; interrupts are off, and DF and AC clear, by the syscall mask. rax = number
 * of a hypercall and rdi rsi rdx r10 r8 its arguments, in the guest's kernel; for its user mode no
 * number is below the limit. What it jumps to, and all below, runs where the image was linked.
 */
#define PCPU(field) (syscall_stub_page + PAGE_SIZE + field)(%rip)

/* rsp = the frame's rflags */
.macro SWITCH_STACK
    mov %rsp, PCPU(PCPU_SYSCALL_SCRATCH)
    mov PCPU(PCPU_SYSCALL_STACK), %rsp
    push PCPU(PCPU_SYSCALL_SCRATCH)
    push %r11
.endm

    .globl syscall_stub_page
syscall_stub_page:
    cmp PCPU(PCPU_HYPERCALL_LIMIT), %rax
    jae 1f
    SWITCH_STACK
    sub $(REGS_RFLAGS - REGS_R10), %rsp
    mov %rcx, (REGS_RIP - REGS_R10)(%rsp)
    incl (STACK_TOP_SIZE - REGS_R10 + VCPU_HYPERCALL_COUNT)(%rsp, %rax, 4)
    mov PCPU(PCPU_HYPERCALLS), %rcx
    jmp *(%rcx, %rax, 8)
1:  SWITCH_STACK
    sub $(REGS_RFLAGS - REGS_R10), %rsp
    mov %rcx, (REGS_RIP - REGS_R10)(%rsp)
    cmpl $0, PCPU(PCPU_HYPERCALL_LIMIT)
    jne 2f
    jmp *syscall_entry_address(%rip)
2:  jmp *hypercall_unknown_address(%rip)
    .balign 64
    .globl syscall_stub_compat
syscall_stub_compat:
    SWITCH_STACK
    jmp *compat_entry_address(%rip)

    .balign 8
syscall_entry_address:
    .quad syscall_entry
hypercall_unknown_address:
    .quad hypercall_unknown
compat_entry_address:
    .quad compat_entry

/* ---- ways of a hypercall: rsp = the frame's r10; rcx = the table, rax = number ---- */

.macro SAVE_ARGUMENTS
    mov %rdi, (REGS_RDI - REGS_R10)(%rsp)
    mov %rsi, (REGS_RSI - REGS_R10)(%rsp)
    mov %rdx, (REGS_RDX - REGS_R10)(%rsp)
    mov %r8, (REGS_R8 - REGS_R10)(%rsp)
    mov %r9, (REGS_R9 - REGS_R10)(%rsp)
    mov %r10, (%rsp)
.endm

    .balign 64
    .globl hypercall_plain
hypercall_plain:
    SAVE_ARGUMENTS
    call *(8 * HYPERCALL_LIMIT)(%rcx, %rax, 8)
hypercall_return:
    LEAVE_IF_WORK hypercall_complete, hypercall_upcall, REGS_R10
hypercall_sysret:
    LOAD_SYSRET_RIP (REGS_RIP - REGS_R10), hypercall_complete
    mov (%rsp), %r10
    mov (REGS_R9 - REGS_R10)(%rsp), %r9
    mov (REGS_R8 - REGS_R10)(%rsp), %r8
    mov (REGS_RDX - REGS_R10)(%rsp), %rdx
    mov (REGS_RSI - REGS_R10)(%rsp), %rsi
    mov (REGS_RDI - REGS_R10)(%rsp), %rdi
    mov (REGS_RFLAGS - REGS_R10)(%rsp), %r11
    mov (REGS_RSP - REGS_R10)(%rsp), %rsp
    sysretq

/* The handler gives all registers back. */
    .balign 64
    .globl hypercall_sparing
hypercall_sparing:
    call *(8 * HYPERCALL_LIMIT)(%rcx, %rax, 8)
1:  LEAVE_IF_WORK 2f, 2f, REGS_R10
    LOAD_SYSRET_RIP (REGS_RIP - REGS_R10), 2f
    mov (REGS_RFLAGS - REGS_R10)(%rsp), %r11 /* not left to the compiler: IOPL is in it */
    mov (REGS_RSP - REGS_R10)(%rsp), %rsp
    sysretq
2:  SAVE_ARGUMENTS
    jmp hypercall_return

hypercall_unknown:
    mov $-XEN_ENOSYS, %rax
    jmp 1b

/* Handlers with a fourth argument, which C wants in rcx. */
.irp name, mmu_update, update_va_mapping_otherdomain, mmuext_op
    .globl hypercall_\name
hypercall_\name:
    mov %r10, %rcx
    jmp do_\name
.endr

/* The handler of all while hypercalls are traced: rsp = r11 of the frame, the return address. */
    .globl hypercall_traced
hypercall_traced:
    mov %rax, (REGS_RAX - REGS_R11)(%rsp)
    mov %rdi, %rsi
    mov %rax, %rdi
    call hypercall_trace
    mov (REGS_RAX - REGS_R11)(%rsp), %rax
    mov (REGS_RDI - REGS_R11)(%rsp), %rdi
    mov (REGS_RSI - REGS_R11)(%rsp), %rsi
    mov (REGS_RDX - REGS_R11)(%rsp), %rdx
    mov (REGS_R8 - REGS_R11)(%rsp), %r8
    mov (REGS_R9 - REGS_R11)(%rsp), %r9
    mov (REGS_R10 - REGS_R11)(%rsp), %r10
    lea hypercall_table(%rip), %rcx
    jmp *(8 * HYPERCALL_LIMIT)(%rcx, %rax, 8)

/* What the short ways have left out, or which is the handler's: r11 is pushed. */
.macro COMPLETE_TO_R11
    mov %rax, (REGS_RAX - REGS_R10)(%rsp)
    mov (REGS_RIP - REGS_R10)(%rsp), %rcx
    mov %rcx, (REGS_RCX - REGS_R10)(%rsp)
    movl $ENTRY_SYSCALL, (REGS_ENTRY_VECTOR - REGS_R10)(%rsp)
    movl $FLAT_RING3_CS64, (REGS_CS - REGS_R10)(%rsp)
    movl $FLAT_RING3_SS64, (REGS_SS - REGS_R10)(%rsp)
    push (REGS_RFLAGS - REGS_R10)(%rsp)
.endm

hypercall_upcall:
    COMPLETE_TO_R11
    lea -REGS_R11(%rsp), %rdi
    call bounce_event
    pop %rcx                    /* r11 */
    mov (REGS_RAX - REGS_R10)(%rsp), %rax
    /* Not whether another is wanted: others may take the mask away as often as they like. */
    cmpq $0, VCPU(VCPU_EXIT_WORD, REGS_R10)
    je hypercall_sysret

hypercall_complete:
    COMPLETE_TO_R11
complete_rest: /* rsp = r11 of the frame */
    SAVE_REST
    jmp exit_to_guest

/* ---- syscall from guest user mode: in and out as a hypercall, with its rax ---- */

    .balign 64
syscall_entry:
    SAVE_ARGUMENTS
    mov %rax, (REGS_RAX - REGS_R10)(%rsp)
    lea -REGS_R10(%rsp), %rdi
    call bounce_syscall
    mov (REGS_RAX - REGS_R10)(%rsp), %rax
    jmp hypercall_return

/* From 32-bit code. */
compat_entry:
    movq $FLAT_RING3_SS64, (REGS_SS - REGS_RFLAGS)(%rsp)
    push $FLAT_RING3_CS32
    push %rcx
    push $0                     /* sysret knows only 64-bit code */
    SAVE_REGISTERS
    mov %rsp, %rdi
    call bounce_compat_syscall
    /* fall through */

/* ---- the way out to a guest: rsp = the saved registers at the top of the stack ---- */

    .globl exit_to_guest
exit_to_guest:
    call exit_to_guest_work
exit_restore:
    RESTORE_REGISTERS
    cmpl $0, 4(%rsp)
    jns 1f                      /* not ENTRY_SYSCALL */
    LOAD_SYSRET_RIP 8, 2f
    mov 24(%rsp), %r11
    mov 32(%rsp), %rsp
    sysretq
2:  mov 8(%rsp), %rcx
    mov 24(%rsp), %r11
1:  add $8, %rsp
    LEAVE_BY_IRET

/* The guest's cs, ss, rip or rsp cannot be loaded: its registers are live again, save them anew. */
    .globl exit_iret_failed
exit_iret_failed:
    push $0
    SAVE_REGISTERS
    mov %rsp, %rdi
    call bounce_failsafe
    jmp exit_to_guest

/* ---- exceptions and interrupts ---- */

/*
 * The frequent exceptions. `handler` says what it did: TRAP_DELIVERED (the guest's handler goes on,
 * for which sysret will do: rcx and r11 are on its stack), TRAP_DONE (the instruction is emulated),
 * or TRAP_WHOLE: it wants all registers, as the rest of exceptions get them.
 */
.macro FREQUENT name, vector, handler, has_error=0
    .balign 16
    .globl entry_\name
entry_\name:
    .if \has_error == 0
    push $0
    .endif
    cld
    SAVE_VOLATILE
    CLEAR_AC
    testb $3, (REGS_CS - REGS_R11)(%rsp)
    jz 3f
    .if \vector == TRAP_VECTOR_PAGE_FAULT
    cmpl $PAGE_FAULT_TABLE_WRITE, (REGS_ERROR_CODE - REGS_R11)(%rsp)
    je 3f
    .endif
    lea -REGS_R11(%rsp), %rdi
    call \handler
    test %eax, %eax
    jz trap_delivered
    .if \vector == 6
    js 3f
    mov (REGS_ERROR_CODE - REGS_R11)(%rsp), %ebx
    jmp trap_done
    .else
    jns trap_done
    .endif
3:  SAVE_REST
    movl $\vector, REGS_ENTRY_VECTOR(%rsp)
    jmp entry_saved
.endm

    FREQUENT invalid_opcode, 6, trap_invalid_opcode
    FREQUENT protection, 13, trap_protection, 1
    FREQUENT page_fault, TRAP_VECTOR_PAGE_FAULT, trap_page_fault, 1

trap_delivered: /* rsp = r11 of the frame */
    LEAVE_IF_WORK 1f, 1f, REGS_R11
    mov (REGS_R10 - REGS_R11)(%rsp), %r10
    mov (REGS_R9 - REGS_R11)(%rsp), %r9
    mov (REGS_R8 - REGS_R11)(%rsp), %r8
    mov (REGS_RAX - REGS_R11)(%rsp), %rax
    mov (REGS_RDX - REGS_R11)(%rsp), %rdx
    mov (REGS_RSI - REGS_R11)(%rsp), %rsi
    mov (REGS_RDI - REGS_R11)(%rsp), %rdi
    mov (REGS_RIP - REGS_R11)(%rsp), %rcx /* a registered handler: canonical */
    mov (REGS_RFLAGS - REGS_R11)(%rsp), %r11
    mov (REGS_RSP - REGS_R11)(%rsp), %rsp
    sysretq
1:  movl $ENTRY_SYSCALL, (REGS_ENTRY_VECTOR - REGS_R11)(%rsp)
    movl $FLAT_RING3_CS64, (REGS_CS - REGS_R11)(%rsp)
    movl $FLAT_RING3_SS64, (REGS_SS - REGS_R11)(%rsp)
    jmp complete_rest

trap_done:
    LEAVE_IF_WORK complete_rest, complete_rest, REGS_R11
    RESTORE_VOLATILE
    add $8, %rsp
    LEAVE_BY_IRET

/* Vectors whose frame has an error code (Intel SDM volume 3, 6.13): their number goes beside it. */
.irp vector, 8, 10, 11, 12, 13, 14, 17, 21, 29, 30
entry_error_code_\vector:
    movl $\vector, 4(%rsp)
    jmp entry_common
.endr

/* All others push it, as a signed byte. */
    .text
.macro ENTRY_STUB vector
    .balign 8
    .if \vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21 || \vector == 29 || \vector == 30
    jmp entry_error_code_\vector
    .else
    push $(\vector - 256 * (\vector / 128))
    jmp entry_numbered
    .endif
.endm

    .balign 8
    .globl entry_stubs
entry_stubs: /* 8 bytes each, asserted by entry_stubs_end */
    .altmacro
    .set number, 0
    .rept 256
    ENTRY_STUB %number
    .set number, number + 1
    .endr
    .noaltmacro
    .balign 8
    .globl entry_stubs_end
entry_stubs_end:

    .section .syscall_stub, "ax"

entry_numbered:
    shlq $32, (%rsp)
    andl $0xff, 4(%rsp)
entry_common:
    SAVE_REGISTERS
    CLEAR_AC
entry_saved:
    mov %rsp, %rdi
    testb $3, REGS_CS(%rsp)
    jz 1f
    call trap_from_guest
    LEAVE_IF_WORK exit_to_guest, exit_to_guest, 0
    jmp exit_restore
1:  /* From ring 0: keep the stack aligned for C whatever it was. */
    mov %rsp, %rbx
    and $~15, %rsp
    call trap_from_hypervisor
    mov %rbx, %rsp
    RESTORE_REGISTERS
    add $8, %rsp
    iretq

/*
 * #DB and NMI arrive on stacks of their own: a guest can arrange the one on our first instruction,
 * and the other comes at any. From a guest they move to the vcpu's stack and go on like any
 * exception: what the guest runs in may be loadable no more, which only that way out can tell it.
 */
    .globl entry_nmi
entry_nmi:
    push $0
    movl $2, 4(%rsp)
    jmp 1f

    .globl entry_debug
entry_debug:
    push $0
    movl $1, 4(%rsp)
1:  testb $3, 16(%rsp)
    jz entry_paranoid
    push %rax
    push %rcx
    mov %rsp, %rcx
    and $~(STACK_SIZE - 1), %rcx
    mov (STACK_SIZE - STACK_TOP_SIZE + STACK_TOP_PCPU)(%rcx), %rcx
    mov PCPU_SYSCALL_STACK(%rcx), %rcx
    /* Copy error/vector, rip, cs, rflags, rsp, ss to the other stack, which begins at its ss. */
    .irp offset, 0, 8, 16, 24, 32, 40
    mov (16 + \offset)(%rsp), %rax
    mov %rax, (-40 + \offset)(%rcx)
    .endr
    mov (%rsp), %rax
    mov %rax, -48(%rcx)     /* rcx, for a moment in the place of rdi */
    mov 8(%rsp), %rax
    lea -48(%rcx), %rsp
    pop %rcx
    jmp entry_common

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

/* ---- a new stack ---- */

/* First thing a new vcpu does: the frame made by vcpu_create returns here, rsp = its registers. */
    .globl vcpu_first_entry
vcpu_first_entry:
    sub $8, %rsp
    call schedule_tail
    add $8, %rsp
    jmp exit_to_guest


    .section .note.GNU-stack, "", @progbits
