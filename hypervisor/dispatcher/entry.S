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
 *     +0x40  r9 r8 rax rcx rdx rsi rdi
 *     +0x38  r10
 *     +0x00  r15 r14 r13 r12 rbp rbx r11
 *
 * which is struct stack_top. An exception or interrupt inside ring 0 makes the same frame, without
 * the last lines, wherever the stack pointer is. Everything after "save" is C, which is compiled
 * for a stack aligned to 8 bytes.
 *
 * A hypercall saves only what C may change and the guest wants back: from r10 upwards, without what
 * is known (rcx, rax, entry vector, cs, ss). rbx, rbp and r12 to r15 stay in the processor, because every C
 * function gives them back; the handler's own stack lies where the rest of the frame would be. On
 * the way out one word of the vcpu and one byte of its guest say whether there is anything to do.
 * If not, six registers are loaded and sysret ends it. If there is, the frame is completed from
 * the live registers (hypercall_complete), and the way is that of all others: exit_to_guest.
 */
#include "hypervisor/dispatcher/offsets.h"
#include "hypervisor/layout.h"

#define FLAT_RING3_CS64 0xe033
#define FLAT_RING3_CS32 0xe023
#define FLAT_RING3_SS   0xe02b

/* Those that C may change. */
.macro SAVE_VOLATILE
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
.endm

.macro SAVE_REGISTERS
    cld
    SAVE_VOLATILE
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
.endm

/* processor/smap.h */
.macro CLEAR_AC
7:  .byte 0x0f, 0x1f, 0xca
    .pushsection .smap_sites, "a"
    .quad 7b
    .popsection
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


    .text

/*
 * Go to `work` if there is any to do before the guest, which makes the vcpu's exit word more than
 * zero; or else to `upcall` if the guest wants one. A reschedule asked for by another processor is not
 * among it: that one's interrupt comes right after the return. rsp = the frame's field at `base`.
 */
.macro LEAVE_IF_WORK work, upcall, base
    mov (STACK_TOP_VCPU - \base)(%rsp), %rdx
    cmpq $0, VCPU_EXIT_WORD(%rdx)
    jne \work
    mov VCPU_INFO(%rdx), %rcx
    cmpb $0, (%rcx)             /* evtchn_upcall_pending */
    jne 5f
6:
    .subsection 1
5:  cmpb $0, 1(%rcx)            /* evtchn_upcall_mask */
    je \upcall
    jmp 6b
    .previous
.endm

/*
 * The frame's entry vector is ENTRY_SYSCALL: it came by syscall from 64-bit code, or C has made it
 * so that sysret can load it. rcx = its rip, at `rip`(%rsp). On a non-canonical one sysret would
 * fault in ring 0 (XSA-7). Handlers' addresses were looked at when they were registered, and iret's
 * by do_iret(); what came by syscall can be no other than the first behind the lower half.
 */
.macro LOAD_SYSRET_RIP rip, otherwise
    mov \rip(%rsp), %rcx
    test %rcx, %rcx
    jns 5f
6:
    .subsection 1
5:  shr $47, %rcx
    jnz \otherwise
    mov \rip(%rsp), %rcx
    jmp 6b
    .previous
.endm

    .text

/* ---- syscall: one page, mapped before every struct pcpu, which it reaches relative to rip ---- */

    .section .syscall_stub, "ax"
    .balign PAGE_SIZE
    .globl syscall_stub_page
#define PCPU(field) (syscall_stub_page + PAGE_SIZE + field)(%rip)

/*
 * rcx = rip, r11 = rflags; interrupts are off, and DF and AC clear, by the syscall mask. Goes on
 * with rsp = rflags of the frame.
 */
.macro STUB entry
    mov %rsp, PCPU(PCPU_SYSCALL_SCRATCH)
    mov PCPU(PCPU_SYSCALL_STACK), %rsp
    push PCPU(PCPU_SYSCALL_SCRATCH)
    push %r11
    jmp *PCPU(\entry)
.endm

syscall_stub_page:
    STUB PCPU_SYSCALL_ENTRY
    .balign 64
    .globl syscall_stub_compat
syscall_stub_compat:
    STUB PCPU_COMPAT_ENTRY
    .balign PAGE_SIZE

    .text

/* ---- hypercall: rax = number; rdi rsi rdx r10 r8 = arguments ---- */

    .balign 64
    .globl hypercall_entry
hypercall_entry:
    sub $(REGS_RFLAGS - REGS_R10), %rsp
    mov %rcx, (REGS_RIP - REGS_R10)(%rsp)
    mov %rdi, (REGS_RDI - REGS_R10)(%rsp)
    mov %rsi, (REGS_RSI - REGS_R10)(%rsp)
    mov %rdx, (REGS_RDX - REGS_R10)(%rsp)
    mov %r8, (REGS_R8 - REGS_R10)(%rsp)
    mov %r9, (REGS_R9 - REGS_R10)(%rsp)
    mov %r10, (%rsp)
    cmp $HYPERCALL_LIMIT, %rax
    jae hypercall_unknown
    mov (STACK_TOP_VCPU - REGS_R10)(%rsp), %rcx
    incl VCPU_HYPERCALL_COUNT(%rcx, %rax, 4)
    mov hypercall_handlers(%rip), %r9
    mov %r10, %rcx
    call *(%r9, %rax, 8)
hypercall_return: /* rsp = r10 of the frame */
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

hypercall_unknown:
    call hypercall_none
    jmp hypercall_return

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
    mov (REGS_R10 - REGS_R11)(%rsp), %rcx
    lea hypercall_table(%rip), %r9
    jmp *(%r9, %rax, 8)

/* What `syscall` and the short way have left out, or which is the handler's: r11 is pushed. */
.macro COMPLETE_TO_R11
    mov %rax, (REGS_RAX - REGS_R10)(%rsp)
    mov (REGS_RIP - REGS_R10)(%rsp), %rcx
    mov %rcx, (REGS_RCX - REGS_R10)(%rsp)
    movl $ENTRY_SYSCALL, (REGS_ENTRY_VECTOR - REGS_R10)(%rsp)
    movl $FLAT_RING3_CS64, (REGS_CS - REGS_R10)(%rsp)
    movl $FLAT_RING3_SS, (REGS_SS - REGS_R10)(%rsp)
    push (REGS_RFLAGS - REGS_R10)(%rsp)
.endm

hypercall_upcall:
    COMPLETE_TO_R11
    lea -REGS_R11(%rsp), %rdi
    call bounce_event
    pop %rcx                    /* r11 */
    mov (REGS_RAX - REGS_R10)(%rsp), %rax
    /* Not whether another is wanted: others may take the mask away as often as they like. */
    mov (STACK_TOP_VCPU - REGS_R10)(%rsp), %rdx
    cmpq $0, VCPU_EXIT_WORD(%rdx)
    je hypercall_sysret

hypercall_complete:
    COMPLETE_TO_R11
hypercall_complete_rest: /* rsp = r11 of the frame */
    mov %rax, (REGS_RAX - REGS_R11)(%rsp)
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    jmp exit_to_guest

/*
 * The handler of the iret hypercall. It is not returned from: do_iret() writes a new frame, r11 and
 * rcx with it, and the return address of this call lies where r11 belongs.
 */
    .globl hypercall_iret
hypercall_iret:
    lea -REGS_R11(%rsp), %rdi
    call do_iret
    LEAVE_IF_WORK hypercall_complete_rest, hypercall_complete_rest, REGS_R11
    cmpl $0, (REGS_ENTRY_VECTOR - REGS_R11)(%rsp)
    jne 1f
    mov (%rsp), %r11
    mov (REGS_R10 - REGS_R11)(%rsp), %r10
    mov (REGS_R9 - REGS_R11)(%rsp), %r9
    mov (REGS_R8 - REGS_R11)(%rsp), %r8
    mov (REGS_RCX - REGS_R11)(%rsp), %rcx
    mov (REGS_RDX - REGS_R11)(%rsp), %rdx
    mov (REGS_RSI - REGS_R11)(%rsp), %rsi
    mov (REGS_RDI - REGS_R11)(%rsp), %rdi
    add $(REGS_RIP - REGS_R11), %rsp
    jmp exit_iret
1:  pop %rcx                    /* r11: sysret destroys it */
    jmp hypercall_sysret

/* ---- syscall from guest user mode: in and out as a hypercall, with a whole rcx and rax ---- */

    .balign 64
    .globl syscall_entry
syscall_entry:
    movq $FLAT_RING3_SS, (REGS_SS - REGS_RFLAGS)(%rsp)
    push $FLAT_RING3_CS64
    push %rcx
    push $ENTRY_SYSCALL
    SAVE_VOLATILE
    lea -REGS_R11(%rsp), %rdi
    call bounce_syscall
    pop %rcx                    /* r11 */
    jmp hypercall_return

/* From 32-bit code. */
    .globl compat_entry
compat_entry:
    movq $FLAT_RING3_SS, (REGS_SS - REGS_RFLAGS)(%rsp)
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
    CLEAR_AC                    /* the guest's AC would open SMAP's gate for us */
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
