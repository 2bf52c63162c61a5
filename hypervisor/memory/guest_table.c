/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/guest_table.h"

#include <stddef.h>

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/cpu.h"

uint64_t *guest_table_walk(const struct vcpu *vcpu, uint64_t address)
{
    mfn_t table = vcpu->kernel_table;

    if (!guest_address_ok(address) || mfn_equal(table, MFN_INVALID))
        return NULL;
    uint64_t *entries = mfn_to_virtual(table);
    for (unsigned shift = PAGE_SHIFT + 3 * 9; shift > PAGE_SHIFT; shift -= 9) {
        uint64_t entry = READ_ONCE(entries[address >> shift & (ENTRIES_PER_TABLE - 1)]);
        if (!(entry & PTE_PRESENT))
            return NULL;
        entries = mfn_to_virtual(entry_mfn(entry));
    }
    return &entries[address >> PAGE_SHIFT & (ENTRIES_PER_TABLE - 1)];
}

uint64_t *guest_table_find(uint64_t address)
{
    struct vcpu *vcpu = current_vcpu();
    uint64_t *place;

    ASSERT(!debug_build || mutex_held(&vcpu->domain->mmu_lock));
    if (guest_table_is_known(vcpu, address, &place))
        return place;
    place = guest_table_walk(vcpu, address);
    if (place) {
        vcpu->known.region = address >> KNOWN_REGION_SHIFT;
        vcpu->known.entries = (uint64_t *)((uintptr_t)place & ~(PAGE_SIZE - 1UL));
    }
    return place;
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
    return &entries[address / sizeof(*entries) % ENTRIES_PER_TABLE];
}
