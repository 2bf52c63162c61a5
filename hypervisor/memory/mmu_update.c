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
#include "hypervisor/memory/leaf.h"
#include "hypervisor/memory/m2p.h"
#include "hypervisor/memory/mmu_owner.h"
#include "hypervisor/memory/table.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/tlb.h"

#define UPDATES_PER_PREEMPT_POINT 32
#define UPDATES_PER_PIECE         512 /* for which the lock is kept */

/* Of an entry's address, the page and the command; and what that is for none. */
#define LEAVES_MASK (~(PAGE_SIZE - sizeof(uint64_t)))
#define NO_LEAVES   (~LEAVES_MASK)

struct mmu_batch {
    struct domain *table_owner, *frame_owner;
    struct frame *frame; /* of the last request, with a reference; NULL: none yet */
    uintptr_t leaves;    /* its entries, if it is a level-1 table for the owner's own frames */
    bool flush;          /* an upper-level entry went */
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

/* The frame that a request is in: successive ones are often in the same. */
static bool frame_hold(struct mmu_batch *batch, mfn_t number)
{
    if (batch->frame) {
        if (mfn_equal(frame_to_mfn(batch->frame), number))
            return true;
        frame_put(batch->frame);
        batch->leaves = NO_LEAVES;
    }
    batch->frame = frame_get_by_mfn(number, batch->table_owner);
    if (!batch->frame)
        printk_refusal("mmu_update: frame %#lx is not of d%u\n", number.value,
                       batch->table_owner->id);
    return batch->frame;
}

static int update_upper(struct mmu_batch *batch, uint64_t address, uint64_t value, unsigned command)
{
    struct table_update update = {
        .table = batch->frame,
        .slot = (address & (PAGE_SIZE - 1)) / sizeof(uint64_t),
        .value = value,
        .mode = command == MMU_PT_UPDATE_PRESERVE_AD ? TABLE_PRESERVE_AD : TABLE_STORE,
        .frame_owner = batch->frame_owner,
    };
    int rc = table_update(&update);

    batch->flush |= update.unlinked;
    return rc;
}

static int update_entry(struct mmu_batch *batch, uint64_t address, uint64_t value, unsigned command)
{
    if (!frame_hold(batch, mfn(address >> PAGE_SHIFT)))
        return -XEN_EINVAL;
    enum frame_type type = frame_type_of(batch->frame);
    uint64_t *place = (uint64_t *)(direct_map_base + (address & ~7UL));
    if (type == FRAME_TYPE_L1 && command != MMU_PT_UPDATE_PRESERVE_AD) {
        /* It stays one as long as the frame is held and the lock, too. */
        if (batch->frame_owner == batch->table_owner)
            batch->leaves = (uintptr_t)place & ~(PAGE_SIZE - 1UL);
        return leaf_store(place, value, batch->table_owner, batch->frame_owner);
    }
    if (frame_type_is_table(type))
        return update_upper(batch, address, value, command);
    return write_plain(batch->frame, address, value);
}

static int update_m2p(const struct mmu_batch *batch, uint64_t address, uint64_t pfn)
{
    mfn_t number = mfn(address >> PAGE_SHIFT);

    if (batch->table_owner != current_domain())
        return -XEN_EPERM;
    struct frame *frame = frame_get_by_mfn(number, batch->frame_owner);
    if (!frame)
        return -XEN_EINVAL;
    m2p_set(number, pfn);
    frame_put(frame);
    return 0;
}

_Static_assert(sizeof(struct mmu_update) == 2 * sizeof(uint64_t), "read as words");

static __attribute__((noinline)) int update_any(struct mmu_batch *batch, uint64_t address,
                                                uint64_t value)
{
    switch (address & 7) {
    case MMU_NORMAL_PT_UPDATE:
    case MMU_PT_UPDATE_PRESERVE_AD:
    case MMU_PT_UPDATE_NO_TRANSLATE:
        return update_entry(batch, address, value, address & 7);
    case MMU_MACHPHYS_UPDATE:
        return update_m2p(batch, address, value);
    default:
        return -XEN_ENOSYS;
    }
}

/* Another entry of the table of the last request. False: nothing was done. */
static inline bool update_leaf(const struct mmu_batch *batch, uint64_t address, uint64_t value)
{
    uintptr_t place = direct_map_base + address;
    struct frame *stray = NULL;
    uint64_t old;

    _Static_assert(MMU_NORMAL_PT_UPDATE == 0, "the command is part of the comparison");
    if ((place & LEAVES_MASK) != batch->leaves)
        return false;
    if (!leaf_store_short((uint64_t *)place, &value, batch->table_owner, &old, &stray)) {
        if (stray)
            frame_put_typed(stray);
        return false;
    }
    if ((old & PTE_PRESENT) && !leaf_put_again(old))
        entry_put(table_level_of(FRAME_TYPE_L1), old);
    return true;
}

/* `position` lies in a range that has been checked. */
static inline int update_one(struct mmu_batch *batch, guest_ptr_t position)
{
    uint64_t request[2];

    if (words_from_guest(request, position, 2))
        return -XEN_EFAULT;
    return update_leaf(batch, request[0], request[1]) ? 0
                                                      : update_any(batch, request[0], request[1]);
}

/* The next requests in order, up to the first that fails; how many were done by `done`. */
static int update_piece(struct mmu_batch *batch, guest_ptr_t requests, uint32_t count,
                        uint32_t *done)
{
    uint32_t end = count - *done < UPDATES_PER_PIECE ? count : *done + UPDATES_PER_PIECE;
    uint32_t next = *done;
    int rc = 0;

    mutex_lock(&batch->table_owner->mmu_lock);
    while (next < end) {
        rc = update_one(batch, guest_ptr_at(requests, next, sizeof(struct mmu_update)));
        if (rc)
            break;
        if (++next % UPDATES_PER_PREEMPT_POINT == 0)
            preempt_point();
    }
    if (batch->frame)
        frame_put(batch->frame);
    if (batch->flush)
        tlb_flush_mask(tlb_holders(batch->table_owner));
    mutex_unlock(&batch->table_owner->mmu_lock);
    *done = next;
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

static __attribute__((noinline)) long update_list(guest_ptr_t requests, uint32_t count,
                                                  guest_ptr_t done_pointer, uint32_t owners)
{
    uint32_t done = 0;
    int rc;

    if (!guest_array_ok(requests, count, sizeof(struct mmu_update)))
        return -XEN_EFAULT;
    for (;;) {
        struct mmu_batch batch = {.leaves = NO_LEAVES};
        rc = batch_begin(&batch, owners);
        if (rc)
            break;
        rc = update_piece(&batch, requests, count, &done);
        mmu_owner_put(batch.frame_owner);
        mmu_owner_put(batch.table_owner);
        if (rc || done == count)
            break;
        rest_point();
    }
    if (done_pointer.address && copy_to_guest(done_pointer, &done, sizeof(done)) && rc == 0)
        rc = -XEN_EFAULT;
    return rc;
}

/* The table that holds the entry, if it is the domain's and of level 1, is known from now on. */
static void learn_table(struct vcpu *vcpu, uint64_t address)
{
    mfn_t number = mfn(address >> PAGE_SHIFT);
    struct frame *frame = frame_get_by_mfn(number, vcpu->domain);

    if (!frame)
        return;
    if (frame_type_of(frame) == FRAME_TYPE_L1)
        vcpu->known.updated = (uintptr_t)mfn_to_virtual(number);
    frame_put(frame);
}

/* The end of what update_single() has stored; of `old`, the references are still there, or 0. */
static __attribute__((noinline)) long update_single_end(struct domain *domain, uint64_t old)
{
    if (old)
        entry_put(table_level_of(FRAME_TYPE_L1), old);
    mutex_unlock(&domain->mmu_lock);
    return 0;
}

/* Nothing was done yet, but the lock taken, and a reference that is not wanted (or NULL). */
static __attribute__((noinline)) long update_single_locked(guest_ptr_t request, uint64_t address,
                                                           struct frame *stray)
{
    struct vcpu *vcpu = current_vcpu();

    if (stray)
        frame_put_typed(stray);
    learn_table(vcpu, address);
    mutex_unlock(&vcpu->domain->mmu_lock);
    return update_list(request, 1, guest_ptr(0), DOMID_SELF);
}

static inline bool place_is_known(const struct vcpu *vcpu, const uint64_t *place)
{
    if (((uintptr_t)place & ~(PAGE_SIZE - 1UL)) != vcpu->known.updated)
        return false;
    const struct frame *frame = mfn_to_frame(virtual_to_mfn(place));
    ASSERT(!debug_build || (frame->owner == vcpu->domain && frame_type_of(frame) == FRAME_TYPE_L1));
    return true;
}

/*
 * One request of the plain kind, on the caller's own level-1 table that was last updated so. As
 * do_update_va_mapping(), without a call: what else there is, is the business of those above.
 */
static inline __attribute__((always_inline)) long update_single(guest_ptr_t position)
{
    struct vcpu *vcpu = current_vcpu();
    struct domain *domain = vcpu->domain;
    struct frame *stray = NULL;
    uint64_t request[2], old;

    if (words_from_guest(request, position, 2) || (request[0] & 7) != MMU_NORMAL_PT_UPDATE ||
        !mutex_take(&domain->mmu_lock, vcpu))
        return update_list(position, 1, guest_ptr(0), DOMID_SELF);
    uint64_t *place = (uint64_t *)(direct_map_base + request[0]);
    if (!place_is_known(vcpu, place) || !leaf_store_short(place, &request[1], domain, &old, &stray))
        return update_single_locked(position, request[0], stray);
    if ((old & PTE_PRESENT) && !leaf_put_again(old))
        return update_single_end(domain, old);
    if (!mutex_give(&domain->mmu_lock, vcpu))
        return update_single_end(domain, 0);
    return 0;
}

long do_mmu_update(unsigned long address, uint32_t count, unsigned long done_address,
                   uint32_t owners)
{
    guest_ptr_t requests = guest_ptr(address);

    if (count == 1 && !done_address && owners == DOMID_SELF &&
        guest_words_ok(address, sizeof(struct mmu_update)))
        return update_single(requests);
    return update_list(requests, count, guest_ptr(done_address), owners);
}

static __attribute__((noinline)) long flush_after(uint64_t address, unsigned long flags)
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
    uint64_t mask = tlb_holders(current_domain());
    if (where != UVMF_ALL && mmu_flush_mask(guest_ptr(where), &mask))
        return -XEN_EFAULT;
    tlb_flush_mask(mask);
    return 0;
}

/* The end of an update: references of `old` that the short way left (0: none), lock, flush. */
static __attribute__((noinline)) long update_va_end(struct domain *domain, uint64_t old,
                                                    uint64_t address, unsigned long flags)
{
    if (old)
        entry_put(table_level_of(FRAME_TYPE_L1), old);
    mutex_unlock(&domain->mmu_lock);
    return flush_after(address, flags);
}

/* The lock is taken, and perhaps a reference that is not wanted. */
static __attribute__((noinline)) long update_va_locked(uint64_t address, uint64_t value,
                                                       unsigned long flags,
                                                       struct domain *frame_owner,
                                                       struct frame *stray)
{
    struct domain *domain = current_domain();

    if (stray)
        frame_put_typed(stray);
    uint64_t *place = guest_table_find(address);
    int rc = place ? leaf_store(place, value, domain, frame_owner) : -XEN_EINVAL;

    if (rc == 0)
        return update_va_end(domain, 0, address, flags);
    mutex_unlock(&domain->mmu_lock);
    return rc;
}

static __attribute__((noinline)) long update_va(uint64_t address, uint64_t value,
                                                unsigned long flags, struct domain *frame_owner)
{
    mutex_lock(&current_domain()->mmu_lock);
    return update_va_locked(address, value, flags, frame_owner, NULL);
}

/*
 * All in this one function and without a call, in the usual case: lock free, table known, entries
 * plain, at most a flush of the page. What else there is, is the business of those above, which
 * are the last thing it does.
 */
long do_update_va_mapping(unsigned long address, unsigned long value, unsigned long flags)
{
    struct vcpu *vcpu = current_vcpu();
    struct domain *domain = vcpu->domain;
    struct frame *stray = NULL;
    uint64_t *place, old;

    if (!mutex_take(&domain->mmu_lock, vcpu))
        return update_va(address, value, flags, domain);
    if (!guest_table_is_known(vcpu, address, &place) ||
        !leaf_store_short(place, &value, domain, &old, &stray))
        return update_va_locked(address, value, flags, domain, stray);
    if ((old & PTE_PRESENT) && !leaf_put_again(old))
        return update_va_end(domain, old, address, flags);
    if (!mutex_give(&domain->mmu_lock, vcpu))
        return update_va_end(domain, 0, address, flags);
    if (!(flags & UVMF_FLUSHTYPE_MASK))
        return 0;
    if (flags != (UVMF_INVLPG | UVMF_LOCAL))
        return flush_after(address, flags);
    tlb_flush_local_page(address);
    return 0;
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
