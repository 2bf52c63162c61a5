/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/machphys.h"

#include <stdbool.h>
#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/boot_memory.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/map.h"

/* The list names one frame for each 2 MiB of the table. */
#define CHUNK (2UL << 20)

static uint64_t table_size(void)
{
    return frame_count_max() * sizeof(uint64_t);
}

/* First frame behind an address of the hypervisor's, at the granularity of 2 MiB; 0 if none. */
static bool find_frame(uint64_t address, mfn_t *result)
{
    mfn_t table = hypervisor_table;

    for (unsigned shift = 39; shift >= PAGE_SHIFT; shift -= 9) {
        uint64_t entry = ((uint64_t *)mfn_to_virtual(table))[address >> shift & 511];
        if (!(entry & PTE_PRESENT))
            return false;
        table = mfn((entry & PTE_FRAME_MASK) >> PAGE_SHIFT);
        if (shift > PAGE_SHIFT && (entry & PTE_LARGE)) {
            /* Bit 12 of a large page's entry is a flag. */
            uint64_t mask = (1UL << (shift - PAGE_SHIFT)) - 1;
            table = mfn((table.value & ~mask) | (address >> PAGE_SHIFT & mask));
            break;
        }
    }
    *result = table;
    return true;
}

void machphys_start(void)
{
    frame_set_end(mfn(boot_memory_end() >> PAGE_SHIFT));
    for (uint64_t offset = 0; offset < table_size(); offset += PAGE_SIZE) {
        mfn_t number;
        if (!find_frame(m2p_writable_base + offset, &number))
            continue;
        struct frame *frame = mfn_to_frame(number);
        frame->owner = &domain_xen;
        frame->state = FRAME_STATE_SHARED;
        frame->flags = FRAME_FLAG_ALLOCATED | FRAME_FLAG_READ_ONLY;
        frame->reference_count = 1;
    }
}

long machphys_get_mapping(struct xen_machphys_mapping *mapping)
{
    mapping->v_start = MACH2PHYS_VIRT_START;
    mapping->v_end = MACH2PHYS_VIRT_END;
    mapping->max_mfn = MACH2PHYS_NR_ENTRIES - 1;
    return 0;
}

long machphys_get_frames(struct xen_machphys_mfn_list *list)
{
    guest_ptr_t buffer = guest_ptr_of_handle(list->extent_start);
    uint64_t chunks = (table_size() + CHUNK - 1) / CHUNK;

    if (chunks > list->max_extents)
        chunks = list->max_extents;
    if (!guest_array_ok(buffer, chunks, sizeof(xen_pfn_t)))
        return -XEN_EFAULT;
    for (uint64_t i = 0; i < chunks; i++) {
        mfn_t number;
        xen_pfn_t value = find_frame(m2p_writable_base + i * CHUNK, &number) ? number.value : 0;
        if (copy_to_guest(guest_ptr_at(buffer, i, sizeof(value)), &value, sizeof(value)))
            return -XEN_EFAULT;
    }
    list->nr_extents = (unsigned)chunks;
    return 0;
}
