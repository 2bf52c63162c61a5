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

uint64_t *guest_table_find(uint64_t address)
{
    const struct vcpu *vcpu = current_vcpu();

    ASSERT(!debug_build || mutex_held(&vcpu->domain->mmu_lock));
    return guest_table_walk(vcpu, address);
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
