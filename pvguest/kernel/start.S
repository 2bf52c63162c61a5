/* SPDX-License-Identifier: MIT */
/*
 * The entry point and the notes that describe this kernel to whoever builds the domain.
 *
 * At entry: rsi = start_info, rsp = end of the boot stack, events masked, the initial mapping in
 * place from VIRT_BASE on. The boot stack is only the mark of where the builder's area ends.
 */
#include <xen/elfnote.h>
#include <xen/features.h>

#include "pvguest/kernel/stack.h"

.macro note type, data:vararg
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 2f - 1f, 4f - 3f, \type
1:  .asciz "Xen"
2:  .balign 4
3:  \data
4:  .balign 4
    .popsection
.endm

    note XEN_ELFNOTE_GUEST_OS, .asciz "pvguest"
    note XEN_ELFNOTE_GUEST_VERSION, .asciz "1"
    note XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
    note XEN_ELFNOTE_LOADER, .asciz "generic"
    note XEN_ELFNOTE_VIRT_BASE, .quad VIRTUAL_BASE
    note XEN_ELFNOTE_PADDR_OFFSET, .quad 0
    note XEN_ELFNOTE_ENTRY, .quad _start
    note XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page
    note XEN_ELFNOTE_HV_START_LOW, .quad 0xffff800000000000
    note XEN_ELFNOTE_FEATURES, .asciz "pae_pgdir_above_4gb"
    note XEN_ELFNOTE_SUPPORTED_FEATURES, .long (1 << XENFEAT_pae_pgdir_above_4gb) | (1 << XENFEAT_dom0)
    note XEN_ELFNOTE_PAE_MODE, .asciz "yes"
    note XEN_ELFNOTE_BSD_SYMTAB, .asciz "no"

    .section .text.start, "ax"
    .globl _start
_start:
    cld
    movq %rsp, %rdx
    movq $first_stack + STACK_SIZE, %rsp
    xorl %ebp, %ebp
    movq %rsi, %rdi
    movq %rdx, %rsi
    call start_first_thread
    ud2

    .section .hypercall_page, "ax"
    .balign 4096
    .globl hypercall_page
hypercall_page:
    .skip 4096, 0xcc

    .section .bss.page, "aw", @nobits
    .balign STACK_SIZE
    .globl first_stack
first_stack:
    .skip STACK_SIZE

    /* The address at which the frame shared with the hypervisor is mapped. */
    .globl shared_info_page
shared_info_page:
    .skip 4096

    .section .note.GNU-stack, "", @progbits
