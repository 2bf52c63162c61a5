/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/guest_table.h"

#include <stddef.h>

#include <xen/errno.h>

#include "hypervisor/debug.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/entry.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/cpu.h"

#define SLOT_BITS 9

static unsigned slot_at(uint64_t address, unsigned shift)
{
    return (address >> shift) & (ENTRIES_PER_TABLE - 1);
}

uint64_t *guest_table_find(uint64_t address)
{
    struct vcpu *vcpu = current_vcpu();
    mfn_t table = vcpu->kernel_table;

    ASSERT(!debug_build || mutex_held(&vcpu->domain->mmu_lock));
    if (!guest_address_ok(address) || mfn_equal(table, MFN_INVALID))
        return NULL;
    uint64_t *entries = mfn_to_virtual(table);
#pragma GCC unroll 3
    for (unsigned shift = PAGE_SHIFT + 3 * SLOT_BITS; shift > PAGE_SHIFT; shift -= SLOT_BITS) {
        uint64_t entry = READ_ONCE(entries[slot_at(address, shift)]);
        if (!(entry & PTE_PRESENT))
            return NULL;
        entries = (uint64_t *)(direct_map_base + (entry & PTE_FRAME_MASK));
    }
    return &entries[slot_at(address, PAGE_SHIFT)];
}

int guest_table_read_entry(uint64_t address, uint64_t *entry)
{
    const uint64_t *place = guest_table_find(address);

    if (!place)
        return -XEN_EINVAL;
    *entry = READ_ONCE(*place);
    return 0;
}

uint64_t *guest_table_find_mapped(uint64_t address)
{
    const uint64_t *mapping = guest_table_find(address);
    uint64_t entry = mapping ? READ_ONCE(*mapping) : 0;

    if (!(entry & PTE_PRESENT) || (entry & PTE_WRITABLE) || !mfn_is_ram(entry_mfn(entry)))
        return NULL;
    /* The mapping holds a reference, so that owner and frame stay; the type is kept by the lock. */
    const struct frame *frame = mfn_to_frame(entry_mfn(entry));
    if (frame->owner != current_domain() || frame_type_of(frame) != FRAME_TYPE_L1)
        return NULL;
    uint64_t *entries = mfn_to_virtual(entry_mfn(entry));
    return &entries[slot_at(address, 3)];
}
