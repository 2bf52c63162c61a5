/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own page tables: built once at start-up from the memory map, later changed only
 * here, under map_lock (LOCK_LEVEL_MAP). No superpage is split after start-up.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hypervisor/memory/mfn.h"
#include "hypervisor/processor/pcpu.h"

/* Page-table entry bits (Intel SDM volume 3, 4.5). */
#define PTE_PRESENT    (1UL << 0)
#define PTE_WRITABLE   (1UL << 1)
#define PTE_USER       (1UL << 2)
#define PTE_PWT        (1UL << 3)
#define PTE_PCD        (1UL << 4)
#define PTE_ACCESSED   (1UL << 5)
#define PTE_DIRTY      (1UL << 6)
#define PTE_LARGE      (1UL << 7)
#define PTE_PAT        (1UL << 7)
#define PTE_GLOBAL     (1UL << 8)
#define PTE_AVAILABLE  (7UL << 9)
#define PTE_NX         (1UL << 63)
#define PTE_FRAME_MASK 0x000ffffffffff000UL

/* How many hypervisor stacks there can be, and the size of the device area. */
#define STACK_SLOTS      2048UL
#define DEVICE_AREA_SIZE (8UL << 20)
/* Page of the descriptor window with the hypervisor's own GDT entries. */
#define RESERVED_GDT_PAGE 14

/*
 * Boot processor, after boot_info_parse() and cpu_detect(): build the tables, switch to them, give
 * all memory that is left to the frame allocator.
 */
void map_start(void);

/* The level-4 table of start-up and of the idle vcpus. */
extern mfn_t hypervisor_table;

/* Copy the hypervisor's 16 slots into a guest's level-4 table. */
void map_install_slots(uint64_t *level4);

/* A new stack in a slot of the stack area, and `behind` bytes (0 or STACK_SIZE) after it, zero: its
 * top; NULL when out of memory. With them it is unmapped again, with a full TLB flush. */
struct stack_top *map_stack_allocate(uint64_t behind);
void map_stack_free(struct stack_top *stack);

/* Uncached device memory; NULL when the area is full. Start-up only, never unmapped. */
volatile void *map_device(uint64_t physical, size_t size);

/* Firmware tables and modules, for reading, in the direct map. NULL if outside RAM and what the
 * firmware's memory map describes. Start-up only. */
const void *map_firmware(uint64_t physical, size_t size);

/* The module's memory goes to the frame allocator; its place in boot_info is empty then. */
void map_release_module(unsigned index);

/*
 * Area of a processor: stub page, struct pcpu, descriptor window with its page for the processor's
 * own descriptors; fills gdt_reserved_page and descriptor_entries. NULL when out of memory.
 */
struct pcpu *map_pcpu_area(unsigned id);
