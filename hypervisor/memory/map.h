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

/* The level-4 table of start-up and of the idle vcpus. */
extern mfn_t hypervisor_table;

/* Copy the hypervisor's 16 slots into a guest's level-4 table. */
void map_install_slots(uint64_t *level4);

/* A new stack in a slot of the stack area: its top; NULL when out of memory. Unmapped again with a
 * full TLB flush. */
struct stack_top *map_stack_allocate(void);
void map_stack_free(struct stack_top *stack);

/* Uncached device memory; NULL when the area is full. Start-up only, never unmapped. */
volatile void *map_device(uint64_t physical, size_t size);

/* Firmware tables and modules: any physical memory below direct-map coverage, read-only use. NULL
 * if outside RAM and reserved regions. */
const void *map_firmware(uint64_t physical, size_t size);

/* Area of a processor: stub page, struct pcpu, descriptor window. */
struct pcpu *map_pcpu_area(unsigned id);
