/* SPDX-License-Identifier: MIT */
/*
 * Builds the hypervisor's page tables (layout.h) at start-up and hands the memory that is left to
 * the frame allocator. Until the switch to them only the first 4 GiB can be written.
 */
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#include "boot/boot_info.h"
#include "hypervisor/memory/boot_memory.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/map.h"
#include "hypervisor/memory/map_entry.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/cpu.h"
#include "lib/string.h"

#define LEVEL2_SIZE (1UL << 21)
#define LEVEL3_SIZE (1UL << 30)
#define START_REACH (1UL << 32)
#define RAM_MASK    (1U << 1)
#define TABLE_ROUND (1UL << FRAME_ORDER_MAX)

extern const char image_start[], image_end[], text_start[], text_end[], rodata_start[],
    rodata_end[], data_start[], data_end[];

mfn_t hypervisor_table;

static void entry_set(uint64_t address, unsigned level, uint64_t value)
{
    uint64_t *entry = map_entry(address, level);

    if (!entry)
        panic("no memory for the hypervisor's page tables");
    *entry = value;
}

static uint64_t take_memory(uint64_t size, uint64_t alignment, uint64_t limit)
{
    uint64_t physical = boot_memory_allocate(size, alignment, limit);

    if (physical == BOOT_MEMORY_NONE)
        panic("no memory for the hypervisor's tables (%lu KiB)", size >> 10);
    return physical;
}

/* One piece of the direct map, as large a page as fits into the range; returns its end. */
static uint64_t direct_map_piece(uint64_t physical, uint64_t end)
{
    const uint64_t flags = MAP_DATA_FLAGS | PTE_GLOBAL | PTE_LARGE;
    uint64_t address = DIRECT_MAP_VIRT + physical;

    if (cpu_features.page_1g && !(physical & (LEVEL3_SIZE - 1)) && end - physical >= LEVEL3_SIZE) {
        entry_set(address, 3, physical | flags);
        return physical + LEVEL3_SIZE;
    }
    uint64_t *entry = map_entry(address, 2);
    if (entry)
        *entry = physical | flags;
    return physical + LEVEL2_SIZE;
}

/* RAM, and the memory of firmware tables; ranges are widened to 2 MiB. */
static void direct_map_build(void)
{
    for (unsigned i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *range = &boot_info.ranges[i];
        uint64_t end = range->start + range->size;
        bool wanted = range->type == 1 || range->type == 3 || range->type == 4;
        if (!wanted || end > DIRECT_MAP_END - DIRECT_MAP_VIRT)
            continue;
        for (uint64_t at = range->start & ~(LEVEL2_SIZE - 1); at < end;)
            at = direct_map_piece(at, end);
    }
}

static void image_map(const char *start, const char *end, uint64_t flags)
{
    for (uint64_t at = (uint64_t)start; at < (uint64_t)end; at += PAGE_SIZE)
        entry_set(at, 1,
                  (at - IMAGE_VIRT) | PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_GLOBAL | flags);
}

/* Level-1 tables of the areas that are filled later, so that filling them never allocates. */
static void area_prepare(uint64_t start, uint64_t size)
{
    for (uint64_t at = start; at < start + size; at += LEVEL2_SIZE)
        if (!map_entry(at, 1))
            panic("no memory for the hypervisor's page tables");
}

/* A table with one element per machine frame, mapped at one or two places. */
struct frame_array {
    uint64_t address, second_address; /* second: guest-readable, 0 = none */
    uint64_t element_size;
    int filling; /* byte that an unused element is made of */
    uint64_t hole_page, hole_table;
};

#define HOLE_FLAGS (PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_GLOBAL | PTE_NX)

static uint64_t take_filled(uint64_t size, int filling)
{
    uint64_t physical = take_memory(size, size, ~0UL);

    memset(mfn_to_virtual(mfn(physical >> PAGE_SHIFT)), filling, size);
    return physical;
}

/* Where there is no RAM, every page shows the same read-only page, through the same table. */
static void array_hole_prepare(struct frame_array *array)
{
    uint64_t user = array->second_address ? PTE_USER : 0;

    array->hole_page = take_filled(PAGE_SIZE, array->filling);
    array->hole_table = take_filled(PAGE_SIZE, 0);
    uint64_t *table = mfn_to_virtual(mfn(array->hole_table >> PAGE_SHIFT));
    for (unsigned i = 0; i < 512; i++)
        table[i] = array->hole_page | HOLE_FLAGS | user;
}

static void array_entry_set(const struct frame_array *array, uint64_t offset, unsigned level,
                            uint64_t value, uint64_t flags)
{
    entry_set(array->address + offset, level, value | flags);
    if (array->second_address)
        entry_set(array->second_address + offset, level,
                  value | (flags & ~PTE_WRITABLE) | PTE_USER);
}

/* The part of the array in one 2 MiB page that is only partly used: page by page. */
static void array_map_pages(const struct frame_array *array, uint64_t offset)
{
    uint64_t frames_per_page = PAGE_SIZE / array->element_size;

    for (uint64_t end = offset + LEVEL2_SIZE; offset < end; offset += PAGE_SIZE) {
        uint64_t first = offset / array->element_size;
        bool used =
            boot_memory_touches_ram(first << PAGE_SHIFT, (first + frames_per_page) << PAGE_SHIFT);
        if (used)
            array_entry_set(array, offset, 1, take_filled(PAGE_SIZE, array->filling),
                            MAP_DATA_FLAGS | PTE_GLOBAL);
        else
            array_entry_set(array, offset, 1, array->hole_page, HOLE_FLAGS);
    }
}

static void array_map(struct frame_array *array, uint64_t frame_count)
{
    uint64_t size = frame_count * array->element_size;
    uint64_t frames_per_piece = LEVEL2_SIZE / array->element_size;

    array_hole_prepare(array);
    for (uint64_t offset = 0; offset < size; offset += LEVEL2_SIZE) {
        uint64_t first = offset / array->element_size;
        uint64_t start = first << PAGE_SHIFT, end = (first + frames_per_piece) << PAGE_SHIFT;
        if (!boot_memory_touches_ram(start, end))
            array_entry_set(array, offset, 2, array->hole_table, MAP_TABLE_FLAGS);
        else if (boot_memory_described(start, end, RAM_MASK))
            array_entry_set(array, offset, 2, take_filled(LEVEL2_SIZE, array->filling),
                            MAP_DATA_FLAGS | PTE_LARGE | PTE_GLOBAL);
        else
            array_map_pages(array, offset);
    }
}

static void frame_arrays_map(void)
{
    struct frame_array descriptors = {.address = FRAME_TABLE_VIRT,
                                      .element_size = sizeof(struct frame)};
    struct frame_array machine_to_physical = {.address = M2P_WRITABLE_VIRT,
                                              .second_address = MACH2PHYS_VIRT_START,
                                              .element_size = sizeof(uint64_t),
                                              .filling = 0xff};
    /* The allocator looks at the neighbour of a block, which may lie behind the last frame. */
    uint64_t count = (boot_memory_end() >> PAGE_SHIFT) + TABLE_ROUND;

    count &= ~(TABLE_ROUND - 1);
    array_map(&descriptors, count);
    array_map(&machine_to_physical, count);
}

void map_start(void)
{
    map_entry_set_limit(START_REACH);
    boot_memory_start((uint64_t)image_end - IMAGE_VIRT);
    hypervisor_table = mfn(take_memory(PAGE_SIZE, PAGE_SIZE, START_REACH) >> PAGE_SHIFT);
    memset(mfn_to_virtual(hypervisor_table), 0, PAGE_SIZE);
    direct_map_build();
    image_map(text_start, text_end, 0);
    image_map(rodata_start, rodata_end, PTE_NX);
    image_map(data_start, data_end, PTE_NX | PTE_WRITABLE);
    area_prepare(STACK_AREA_VIRT, STACK_SLOTS * STACK_SLOT_SIZE);
    area_prepare(PCPU_AREA_VIRT, PCPU_MAX * PCPU_AREA_STRIDE);
    area_prepare(DESCRIPTOR_AREA_VIRT, PCPU_MAX * DESCRIPTOR_STRIDE);
    area_prepare(DEVICE_AREA_VIRT, DEVICE_AREA_SIZE);
    cr3_write(mfn_to_physical(hypervisor_table));
    map_entry_set_limit(~0UL);
    frame_arrays_map();
    map_entry_set_limit(0);
    for (uint64_t position = 0, start, end; boot_memory_next(&position, &start, &end);)
        frame_add_range(mfn(start >> PAGE_SHIFT), mfn(end >> PAGE_SHIFT));
}
