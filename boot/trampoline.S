/* SPDX-License-Identifier: MIT */
/*
 * A processor wakes up here in real mode, cs = page / 16, ip = 0; the page is a copy, so everything
 * is addressed relative to it. Through protected mode into long mode with the tables of
 * boot/start.S, then to the image's high address, the hypervisor's own table and stack, and C.
 */
#include "boot/trampoline.h"

    .section .rodata
    .balign 16
    .global trampoline_start, trampoline_end, trampoline_32
    .code16
trampoline_start:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    /* ebx: the page's address, for good. */
    movzwl %ax, %ebx
    shll $4, %ebx
    lgdtl TRAMPOLINE_GDT_POINTER
    movl %cr0, %eax
    orl $1, %eax /* PE */
    movl %eax, %cr0
    ljmpl *TRAMPOLINE_FAR_POINTER

    .code32
trampoline_32:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    leal TRAMPOLINE_STACK_END(%ebx), %esp
    movl %cr4, %eax
    orl $(1 << 5), %eax /* PAE */
    movl %eax, %cr4
    movl TRAMPOLINE_START_TABLE(%ebx), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx /* EFER: NXE, LME */
    rdmsr
    orl $(1 << 11 | 1 << 8), %eax
    wrmsr
    movl %cr0, %eax
    orl $(1 << 31 | 1 << 16), %eax /* PG, WP */
    andl $~(3 << 29), %eax         /* CD and NW off: caches on */
    movl %eax, %cr0
    /* 64-bit code: selector 24 of start_gdt. */
    leal (trampoline_64 - trampoline_start)(%ebx), %eax
    pushl $24
    pushl %eax
    lretl

    .code64
trampoline_64:
    movabsq $trampoline_high, %rax
    jmp *%rax
trampoline_end:

    .text
trampoline_high:
    movl %ebx, %ebx
    lgdt start_gdt_pointer_high(%rip)
    movq TRAMPOLINE_TABLE(%rbx), %rcx
    movq TRAMPOLINE_STACK(%rbx), %rsp
    movq %rcx, %cr3
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    xorl %ebp, %ebp
    call smp_processor_main
1:  hlt
    jmp 1b

    .section .note.GNU-stack, "", @progbits
