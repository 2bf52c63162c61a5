/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/map_entry.h"

#include <stddef.h>

#include <xen/xen.h>

#include "hypervisor/memory/boot_memory.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/map.h"
#include "lib/string.h"

static uint64_t boot_limit;

void map_entry_set_limit(uint64_t limit)
{
    boot_limit = limit;
}

/* A zeroed table; NULL when memory is out. */
static uint64_t *table_allocate(void)
{
    if (!boot_limit)
        return frame_allocate_hypervisor(0);
    uint64_t physical = boot_memory_allocate(PAGE_SIZE, PAGE_SIZE, boot_limit);
    if (physical == BOOT_MEMORY_NONE)
        return NULL;
    return memset(mfn_to_virtual(mfn(physical >> PAGE_SHIFT)), 0, PAGE_SIZE);
}

static uint64_t *table_below(uint64_t *entry, bool user)
{
    if (!(*entry & PTE_PRESENT)) {
        uint64_t *table = table_allocate();
        if (!table)
            return NULL;
        *entry = virtual_to_physical(table) | MAP_TABLE_FLAGS | (user ? PTE_USER : 0);
    }
    if (*entry & PTE_LARGE)
        return NULL;
    return mfn_to_virtual(mfn((*entry & PTE_FRAME_MASK) >> PAGE_SHIFT));
}

uint64_t *map_entry(uint64_t address, unsigned level)
{
    bool user = address >= MACH2PHYS_VIRT_START && address < MACH2PHYS_VIRT_END;
    uint64_t *table = mfn_to_virtual(hypervisor_table);

    for (unsigned current = 4; table; current--) {
        uint64_t *entry = &table[address >> (PAGE_SHIFT + 9 * (current - 1)) & 511];
        if (current == level)
            return entry;
        table = table_below(entry, user);
    }
    return NULL;
}
