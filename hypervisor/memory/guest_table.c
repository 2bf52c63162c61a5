/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/guest_table.h"

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/entry.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/cpu.h"

#define SLOT_BITS 9

static uint64_t *entry_at(mfn_t table, unsigned slot)
{
    return &((uint64_t *)mfn_to_virtual(table))[slot];
}

static unsigned slot_at(uint64_t address, unsigned shift)
{
    return (address >> shift) & (ENTRIES_PER_TABLE - 1);
}

int guest_table_find(uint64_t address, struct guest_table_place *place)
{
    struct vcpu *vcpu = current_vcpu();
    mfn_t table = vcpu->kernel_table;

    ASSERT(mutex_held(&vcpu->domain->mmu_lock));
    if (!guest_address_ok(address) || mfn_equal(table, MFN_INVALID))
        return -XEN_EINVAL;
    for (unsigned shift = PAGE_SHIFT + 3 * SLOT_BITS; shift > PAGE_SHIFT; shift -= SLOT_BITS) {
        uint64_t entry = READ_ONCE(*entry_at(table, slot_at(address, shift)));
        if (!(entry & PTE_PRESENT))
            return -XEN_EINVAL;
        table = entry_mfn(entry);
    }
    place->table = mfn_to_frame(table);
    place->slot = slot_at(address, PAGE_SHIFT);
    return 0;
}

uint64_t guest_table_entry(const struct guest_table_place *place)
{
    return READ_ONCE(*entry_at(frame_to_mfn(place->table), place->slot));
}

int guest_table_read_entry(uint64_t address, uint64_t *entry)
{
    struct guest_table_place place;
    int rc = guest_table_find(address, &place);

    if (rc == 0)
        *entry = guest_table_entry(&place);
    return rc;
}

int guest_table_find_mapped(uint64_t address, struct guest_table_place *place)
{
    uint64_t entry;

    if (guest_table_read_entry(address, &entry) || !(entry & PTE_PRESENT) ||
        (entry & PTE_WRITABLE) || !mfn_is_ram(entry_mfn(entry)))
        return -XEN_EINVAL;
    /* The mapping holds a reference, so that owner and frame stay; the type is kept by the lock. */
    struct frame *frame = mfn_to_frame(entry_mfn(entry));
    if (frame->owner != current_domain() || frame_type_of(frame) != FRAME_TYPE_L1)
        return -XEN_EINVAL;
    place->table = frame;
    place->slot = (address & (PAGE_SIZE - 1)) / sizeof(uint64_t);
    return 0;
}
