/* SPDX-License-Identifier: MIT */
/*
 * From the boot loader to C: Multiboot 1 and 2 headers, the 32-bit entry, the first page tables.
 *
 *   virtual                     physical      by
 *   0 ... 4 GiB                 the same      level-4 slot 0     (until memory/map.c is done; APs)
 *   IMAGE_VIRT + 0 ... 1 GiB    0 ... 1 GiB   level-4 slot 261
 *   DIRECT_MAP_VIRT + 0 ... 4G  0 ... 4 GiB   level-4 slot 262
 *
 * One set of four level-2 tables with 2 MiB pages serves all three. The same tables bring the
 * other processors up (boot/trampoline.S).
 */
#include "boot/boot_stack.h"
#include "hypervisor/layout.h"

#define PHYSICAL(symbol) ((symbol)-IMAGE_VIRT)

#define MULTIBOOT1_MAGIC 0x1badb002
#define MULTIBOOT1_FLAGS 3 /* modules page-aligned, memory map wanted */
#define MULTIBOOT2_MAGIC 0xe85250d6

#define LEVEL4_SLOT(address) ((address) >> 39 & 511)
#define LEVEL3_SLOT(address) ((address) >> 30 & 511)
#define ENTRY_TABLE          0x003 /* present, writable          */
#define ENTRY_LARGE          0x083 /* present, writable, 2 MiB   */

    .section .multiboot, "ax"
    .balign 4
    .long MULTIBOOT1_MAGIC
    .long MULTIBOOT1_FLAGS
    .long -(MULTIBOOT1_MAGIC + MULTIBOOT1_FLAGS)

    .balign 8
multiboot2_header:
    .long MULTIBOOT2_MAGIC
    .long 0 /* i386 */
    .long multiboot2_end - multiboot2_header
    .long -(MULTIBOOT2_MAGIC + (multiboot2_end - multiboot2_header))
    .balign 8
    .short 6, 0 /* modules page-aligned */
    .long 8
    .balign 8
    .short 0, 0 /* end */
    .long 8
multiboot2_end:

    .section .text.boot, "ax"
    .code32
    .global start
start:
    cli
    cld
    /* Kept until C: magic in ebp, address of the information in ebx. */
    movl %eax, %ebp
    lgdt PHYSICAL(start_gdt_pointer)
    ljmp $8, $PHYSICAL(1f)
1:  movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $PHYSICAL(boot_stack_end), %esp

    movl %ebx, %esi /* cpuid writes ebx */
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    movl %esi, %ebx
    andl $(1 << 29 | 1 << 20), %edx /* long mode and NX */
    cmpl $(1 << 29 | 1 << 20), %edx
    jne no_long_mode

    /* Level 2: 2048 entries of 2 MiB. */
    movl $PHYSICAL(start_level2), %edi
    movl $ENTRY_LARGE, %eax
    movl $2048, %ecx
2:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    loop 2b

    /* Level 3: 0 ... 4 GiB, and the image's gigabyte. */
    movl $PHYSICAL(start_level3), %edi
    movl $(PHYSICAL(start_level2) + ENTRY_TABLE), %eax
    movl %eax, PHYSICAL(start_level3_image) + 8 * LEVEL3_SLOT(IMAGE_VIRT)
    movl $4, %ecx
3:  movl %eax, (%edi)
    addl $8, %edi
    addl $PAGE_SIZE, %eax
    loop 3b

    /* Level 4. */
    movl $(PHYSICAL(start_level3) + ENTRY_TABLE), %eax
    movl %eax, PHYSICAL(start_level4)
    movl %eax, PHYSICAL(start_level4) + 8 * LEVEL4_SLOT(DIRECT_MAP_VIRT)
    movl $(PHYSICAL(start_level3_image) + ENTRY_TABLE), %eax
    movl %eax, PHYSICAL(start_level4) + 8 * LEVEL4_SLOT(IMAGE_VIRT)

    call start_long_mode
    ljmp $24, $PHYSICAL(start_64)

/*
 * Switch paging and long mode on with the start-up tables; still 32-bit code afterwards.
 * Clobbers eax, ecx, edx. boot/trampoline.S has its own copy of this order for 16-bit entry.
 */
start_long_mode:
    movl %cr4, %eax
    orl $(1 << 5), %eax /* PAE */
    movl %eax, %cr4
    movl $PHYSICAL(start_level4), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx /* EFER: NXE, LME */
    rdmsr
    orl $(1 << 11 | 1 << 8), %eax
    wrmsr
    movl %cr0, %eax
    orl $(1 << 31 | 1 << 16 | 1 << 0), %eax /* PG, WP, PE */
    movl %eax, %cr0
    ret

/* The message goes straight to the first serial port. */
no_long_mode:
    movl $PHYSICAL(no_long_mode_text), %esi
4:  lodsb
    testb %al, %al
    jz 5f
    movw $0x3f8, %dx
    outb %al, %dx
    jmp 4b
5:  hlt
    jmp 5b

    .code64
start_64:
    movabsq $start_high, %rax
    jmp *%rax

    .section .text.start_high, "ax"
start_high:
    lgdt start_gdt_pointer_high(%rip)
    leaq boot_stack_end(%rip), %rsp
    /* struct stack_top: the processor is the last word, its vcpu (none yet) the one before. */
    leaq boot_pcpu(%rip), %rax
    movq %rax, -8(%rsp)
    movq $0, -16(%rsp)
    subq $BOOT_STACK_TOP_SIZE, %rsp
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl %ebp, %edi
    movl %ebx, %esi
    xorl %ebp, %ebp
    call hypervisor_main
6:  hlt
    jmp 6b

    .section .rodata
    .balign 8
    .global start_gdt
start_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff /*  8: 32-bit code */
    .quad 0x00cf93000000ffff /* 16: data        */
    .quad 0x00af9b000000ffff /* 24: 64-bit code */
    .global start_gdt_end
start_gdt_end:
    .balign 4
    .short 0
start_gdt_pointer:
    .short start_gdt_end - start_gdt - 1
    .long PHYSICAL(start_gdt)
    .balign 8
    .skip 6
    .global start_gdt_pointer_high
start_gdt_pointer_high:
    .short start_gdt_end - start_gdt - 1
    .quad start_gdt
no_long_mode_text:
    .asciz "(bonsai) this processor has no long mode with execute-disable\r\n"

    .section .bss.page_aligned, "aw", @nobits
    .balign STACK_SIZE
boot_stack:
    .skip STACK_SIZE
    .global boot_stack_end
boot_stack_end:
    .global start_level4
start_level4:
    .skip PAGE_SIZE
start_level3:
    .skip PAGE_SIZE
start_level3_image:
    .skip PAGE_SIZE
start_level2:
    .skip 4 * PAGE_SIZE

    .section .note.GNU-stack, "", @progbits
