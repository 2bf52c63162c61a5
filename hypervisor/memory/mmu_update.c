/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/io/console.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/guest_table.h"
#include "hypervisor/memory/m2p.h"
#include "hypervisor/memory/mmu_owner.h"
#include "hypervisor/memory/table.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/tlb.h"

#define UPDATES_PER_PREEMPT_POINT 16
#define UPDATES_PER_PIECE         512 /* for which the lock is kept */

struct mmu_batch {
    struct domain *table_owner, *frame_owner;
    bool flush; /* an upper-level entry went */
};

/* A frame that is no table is plain memory, if it may be written at all. */
static int write_plain(struct frame *frame, uint64_t machine_address, uint64_t value)
{
    if (frame_type_get(frame, FRAME_TYPE_WRITABLE))
        return -XEN_EINVAL;
    uint64_t *entries = mfn_to_virtual(frame_to_mfn(frame));
    WRITE_ONCE(entries[(machine_address & (PAGE_SIZE - 1)) / sizeof(*entries)], value);
    frame_type_put(frame);
    return 0;
}

static int update_entry(struct mmu_batch *batch, const struct mmu_update *request, unsigned command)
{
    struct frame *frame = frame_get_by_mfn(mfn(request->ptr >> PAGE_SHIFT), batch->table_owner);
    int rc;

    if (!frame) {
        printk_refusal("mmu_update: frame %#lx is not of d%u\n", request->ptr >> PAGE_SHIFT,
                       batch->table_owner->id);
        return -XEN_EINVAL;
    }
    if (frame_type_is_table(frame_type_of(frame))) {
        struct table_update update = {
            .table = frame,
            .slot = (request->ptr & (PAGE_SIZE - 1)) / sizeof(uint64_t),
            .value = request->val,
            .mode = command == MMU_PT_UPDATE_PRESERVE_AD ? TABLE_PRESERVE_AD : TABLE_STORE,
            .frame_owner = batch->frame_owner,
        };
        rc = table_update(&update);
        batch->flush |= update.unlinked;
    } else {
        rc = write_plain(frame, request->ptr, request->val);
    }
    frame_put(frame);
    return rc;
}

static int update_m2p(const struct mmu_batch *batch, const struct mmu_update *request)
{
    mfn_t number = mfn(request->ptr >> PAGE_SHIFT);

    if (batch->table_owner != current_domain())
        return -XEN_EPERM;
    struct frame *frame = frame_get_by_mfn(number, batch->frame_owner);
    if (!frame)
        return -XEN_EINVAL;
    m2p_set(number, request->val);
    frame_put(frame);
    return 0;
}

static int update_one(struct mmu_batch *batch, const struct mmu_update *request)
{
    unsigned command = request->ptr & 7;

    switch (command) {
    case MMU_NORMAL_PT_UPDATE:
    case MMU_PT_UPDATE_PRESERVE_AD:
    case MMU_PT_UPDATE_NO_TRANSLATE:
        return update_entry(batch, request, command);
    case MMU_MACHPHYS_UPDATE:
        return update_m2p(batch, request);
    default:
        return -XEN_ENOSYS;
    }
}

/* The next requests in order, up to the first that fails; how many were done by `done`. */
static int update_piece(struct mmu_batch *batch, guest_ptr_t requests, uint32_t count,
                        uint32_t *done)
{
    uint32_t end = count - *done < UPDATES_PER_PIECE ? count : *done + UPDATES_PER_PIECE;
    int rc = 0;

    mutex_lock(&batch->table_owner->mmu_lock);
    for (; *done < end; ++*done) {
        struct mmu_update request;
        if (*done % UPDATES_PER_PREEMPT_POINT == UPDATES_PER_PREEMPT_POINT - 1)
            preempt_point();
        if (copy_from_guest(&request, guest_ptr_at(requests, *done, sizeof(request)),
                            sizeof(request)))
            rc = -XEN_EFAULT;
        else
            rc = update_one(batch, &request);
        if (rc)
            break;
    }
    if (batch->flush)
        tlb_flush_mask(READ_ONCE(batch->table_owner->ran_on));
    mutex_unlock(&batch->table_owner->mmu_lock);
    return rc;
}

/* The upper half of the domain argument: whose tables, plus one; 0 for the caller's own. */
static int batch_begin(struct mmu_batch *batch, uint32_t domains)
{
    uint32_t table_domain = domains >> 16;
    int rc = mmu_owner_get(table_domain ? (domid_t)(table_domain - 1) : (domid_t)DOMID_SELF, false,
                           &batch->table_owner);

    if (rc)
        return rc;
    if (batch->table_owner == &domain_io || batch->table_owner == &domain_xen)
        return -XEN_ESRCH;
    rc = mmu_owner_get((domid_t)domains, true, &batch->frame_owner);
    if (rc)
        mmu_owner_put(batch->table_owner);
    return rc;
}

long do_mmu_update(unsigned long address, uint32_t count, unsigned long done_address,
                   uint32_t owners)
{
    guest_ptr_t requests = guest_ptr(address);
    uint32_t done = 0;
    int rc;

    if (!guest_array_ok(requests, count, sizeof(struct mmu_update)))
        return -XEN_EFAULT;
    do {
        struct mmu_batch batch = {0};
        rc = batch_begin(&batch, owners);
        if (rc)
            break;
        rc = update_piece(&batch, requests, count, &done);
        mmu_owner_put(batch.frame_owner);
        mmu_owner_put(batch.table_owner);
        rest_point();
    } while (rc == 0 && done < count);
    if (done_address && copy_to_guest(guest_ptr(done_address), &done, sizeof(done)) && rc == 0)
        rc = -XEN_EFAULT;
    return rc;
}

static int flush_after(uint64_t address, unsigned long flags)
{
    unsigned long kind = flags & UVMF_FLUSHTYPE_MASK, where = flags & ~UVMF_FLUSHTYPE_MASK;

    if (kind != UVMF_TLB_FLUSH && kind != UVMF_INVLPG)
        return 0;
    if (where == UVMF_LOCAL) {
        if (kind == UVMF_INVLPG)
            tlb_flush_local_page(address);
        else
            tlb_flush_local();
        return 0;
    }
    uint64_t mask = READ_ONCE(current_domain()->ran_on);
    if (where != UVMF_ALL && mmu_flush_mask(guest_ptr(where), &mask))
        return -XEN_EFAULT;
    tlb_flush_mask(mask);
    return 0;
}

static int update_va(uint64_t address, uint64_t value, unsigned long flags,
                     struct domain *frame_owner)
{
    struct domain *domain = current_domain();

    mutex_lock(&domain->mmu_lock);
    uint64_t *place = guest_table_find(address);
    int rc = place ? table_store_leaf(place, value, domain, frame_owner) : -XEN_EINVAL;
    mutex_unlock(&domain->mmu_lock);
    return rc ? rc : flush_after(address, flags);
}

long do_update_va_mapping(uint64_t address, uint64_t entry, unsigned long flags)
{
    return update_va(address, entry, flags, current_domain());
}

long do_update_va_mapping_otherdomain(uint64_t address, uint64_t entry, unsigned long flags,
                                      uint32_t owner)
{
    struct domain *frame_owner;
    int rc = mmu_owner_get((domid_t)owner, false, &frame_owner);

    if (rc)
        return rc;
    rc = update_va(address, entry, flags, frame_owner);
    mmu_owner_put(frame_owner);
    return rc;
}
