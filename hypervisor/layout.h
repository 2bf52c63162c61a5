/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's address map: level-4 slots 256-271, the same in every level-4 table.
 *
 *   slot  address              what                                              rights
 *   256   0xffff800000000000   machine-to-physical table (MACH2PHYS_VIRT_START)  guest read-only
 *   261   0xffff828000000000   frame table, 32 bytes a frame                     RW NX
 *         0xffff829000000000   machine-to-physical table, writable alias         RW NX
 *         0xffff82a000000000   hypervisor stacks and vcpus, a 24 KiB slot each   RW NX
 *         0xffff82b000000000   processor areas: syscall stub (RX), pcpu (RW)     see pcpu.h
 *         0xffff82b800000000   descriptor-table windows, 128 KiB a processor     RW NX
 *         0xffff82c000000000   device memory (local APIC, I/O APIC, HPET)        RW NX uncached
 *         0xffff82d000000000   the image, at IMAGE_VIRT + its physical address   W^X
 *   262-  0xffff830000000000   direct map of all RAM                             RW NX
 *
 * Slots 257-260 are empty. Everything here is fixed once start-up is over, except the entries of
 * the stack, window and device areas, which memory/map.c alone writes.
 */
#pragma once

#define HYPERVISOR_SLOT_FIRST 256
#define HYPERVISOR_SLOT_COUNT 16

#define FRAME_TABLE_VIRT     0xffff828000000000
#define M2P_WRITABLE_VIRT    0xffff829000000000
#define STACK_AREA_VIRT      0xffff82a000000000
#define PCPU_AREA_VIRT       0xffff82b000000000
#define DESCRIPTOR_AREA_VIRT 0xffff82b800000000
#define DEVICE_AREA_VIRT     0xffff82c000000000
#define IMAGE_VIRT           0xffff82d000000000
#define DIRECT_MAP_VIRT      0xffff830000000000
#define DIRECT_MAP_END       0xffff880000000000

/* Where the image is loaded, in physical memory. */
#define IMAGE_PHYSICAL 0x200000

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096
#define PAGE_MASK  (~0xfffUL)

/*
 * A slot: 8 KiB of guard, a hypervisor stack of 8 KiB, aligned to its size, and, where it is a
 * virtual processor's, its struct vcpu behind it: entry.S reaches that relative to rsp.
 */
#define STACK_SIZE      8192
#define STACK_SLOT_SIZE (3 * STACK_SIZE)

#define PCPU_MAX 64
/* One processor area: page 0 the syscall stub (executable), then struct pcpu. */
#define PCPU_AREA_STRIDE 0x10000

/* Descriptor windows: 16 pages of GDT (guest's 14, ours, one empty), 16 pages of LDT. */
#define DESCRIPTOR_STRIDE 0x20000

/* Selectors in the reserved GDT page (index 14): beyond FIRST_RESERVED_GDT_BYTE = 0xe000. */
#define SELECTOR_HYPERVISOR_CS 0xe008
#define SELECTOR_HYPERVISOR_DS 0xe010
#define SELECTOR_TSS           0xe040
#define SELECTOR_LDT           0xe050
