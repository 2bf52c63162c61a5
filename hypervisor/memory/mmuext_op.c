/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/mmu_owner.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/descriptor.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/tlb.h"
#include "hypervisor/processor/vcpu.h"
#include "lib/string.h"

#define LDT_ENTRIES_MAX      8192
#define OPERATIONS_PER_PIECE 64 /* for which the owner is kept */

/* `owner`: the domain named in the call, whose frames are meant. */
typedef int mmuext_handler_t(const struct mmuext_op *op, struct domain *owner);

static int pin_table(const struct mmuext_op *op, struct domain *owner)
{
    enum frame_type type = FRAME_TYPE_L1 + (op->cmd - MMUEXT_PIN_L1_TABLE);
    mfn_t number = mfn(op->arg1.mfn);
    int rc = -XEN_EINVAL;

    mutex_lock(&owner->mmu_lock);
    /* Under the lock, so that no pin comes behind the one who drops a dying domain's pins. */
    if (owner->life == DOMAIN_ALIVE && mfn_is_ram(number))
        rc = frame_pin(mfn_to_frame(number), owner, type);
    mutex_unlock(&owner->mmu_lock);
    return rc;
}

static int unpin_table(const struct mmuext_op *op, struct domain *owner)
{
    struct frame *frame = frame_get_by_mfn(mfn(op->arg1.mfn), owner);

    if (!frame)
        return -XEN_EINVAL;
    mutex_lock(&owner->mmu_lock);
    int rc = frame_unpin(frame);
    mutex_unlock(&owner->mmu_lock);
    frame_put(frame);
    return rc;
}

/* Reference to a level-4 table of the current domain; its mmu_lock is held. */
static int get_base(mfn_t number, struct domain *domain)
{
    if (!mfn_is_ram(number))
        return -XEN_EINVAL;
    return frame_get_typed(mfn_to_frame(number), domain, FRAME_TYPE_L4);
}

static int replace_kernel_table(struct vcpu *vcpu, mfn_t number)
{
    mfn_t old = vcpu->kernel_table;
    int rc = get_base(number, vcpu->domain);

    if (rc)
        return rc;
    vcpu->kernel_table = number;
    known_tables_forget(&vcpu->known);
    vcpu_load_table(vcpu);
    tlb_flush_local();
    frame_put_typed(mfn_to_frame(old));
    return 0;
}

static int new_base(const struct mmuext_op *op, struct domain *owner)
{
    struct vcpu *vcpu = current_vcpu();
    mfn_t number = mfn(op->arg1.mfn);

    /* Only the vcpu itself changes it while it runs. */
    if (mfn_equal(number, vcpu->kernel_table)) {
        tlb_flush_local();
        return 0;
    }
    mutex_lock(&owner->mmu_lock);
    int rc = replace_kernel_table(vcpu, number);
    mutex_unlock(&owner->mmu_lock);
    return rc;
}

static int new_user_base(const struct mmuext_op *op, struct domain *owner)
{
    struct vcpu *vcpu = current_vcpu();
    mfn_t number = op->arg1.mfn ? mfn(op->arg1.mfn) : MFN_INVALID, old;
    int rc = 0;

    mutex_lock(&owner->mmu_lock);
    old = vcpu->user_table;
    if (!mfn_equal(number, old)) {
        if (!mfn_equal(number, MFN_INVALID))
            rc = get_base(number, owner);
        if (rc == 0) {
            vcpu->user_table = number;
            if (!mfn_equal(old, MFN_INVALID))
                frame_put_typed(mfn_to_frame(old));
        }
    }
    mutex_unlock(&owner->mmu_lock);
    return rc;
}

static int flush_local(const struct mmuext_op *op, struct domain *owner)
{
    (void)op, (void)owner;
    tlb_flush_local();
    return 0;
}

static int flush_local_page(const struct mmuext_op *op, struct domain *owner)
{
    (void)owner;
    /* Nothing of a guest's is translated elsewhere. */
    if (guest_address_ok(op->arg1.linear_addr))
        tlb_flush_local_page(op->arg1.linear_addr);
    return 0;
}

static int flush_some(const struct mmuext_op *op, struct domain *owner)
{
    uint64_t mask;

    (void)owner;
    if (mmu_flush_mask(guest_ptr_of_handle(op->arg2.vcpumask), &mask))
        return -XEN_EINVAL;
    tlb_flush_mask(mask);
    return 0;
}

static int flush_domain(const struct mmuext_op *op, struct domain *owner)
{
    (void)op;
    tlb_flush_mask(tlb_holders(owner));
    return 0;
}

static int flush_cache(const struct mmuext_op *op, struct domain *owner)
{
    (void)op;
    if (!owner->privileged)
        return -XEN_EACCES;
    asm volatile("wbinvd" : : : "memory");
    return 0;
}

static int set_ldt(const struct mmuext_op *op, struct domain *owner)
{
    unsigned entries = op->arg2.nr_ents;
    uint64_t address = entries ? op->arg1.linear_addr : 0;

    if (entries > LDT_ENTRIES_MAX || (address & (PAGE_SIZE - 1)) || !guest_address_ok(address))
        return -XEN_EINVAL;
    mutex_lock(&owner->mmu_lock);
    int rc = descriptor_set_ldt(current_vcpu(), address, entries);
    mutex_unlock(&owner->mmu_lock);
    return rc;
}

/* A frame of the owner that is no table, for writing. NULL if it is not so. */
static struct frame *get_writable(uint64_t number, struct domain *owner)
{
    if (!mfn_is_ram(mfn(number)))
        return NULL;
    struct frame *frame = mfn_to_frame(mfn(number));
    if ((frame->flags & FRAME_FLAG_READ_ONLY) || frame_get_typed(frame, owner, FRAME_TYPE_WRITABLE))
        return NULL;
    return frame;
}

static int clear_page(const struct mmuext_op *op, struct domain *owner)
{
    struct frame *frame = get_writable(op->arg1.mfn, owner);

    if (!frame)
        return -XEN_EINVAL;
    memset(mfn_to_virtual(frame_to_mfn(frame)), 0, PAGE_SIZE);
    frame_put_typed(frame);
    return 0;
}

static int copy_page(const struct mmuext_op *op, struct domain *owner)
{
    struct frame *source = frame_get_by_mfn(mfn(op->arg2.src_mfn), owner);
    int rc = -XEN_EINVAL;

    if (!source)
        return rc;
    struct frame *frame = get_writable(op->arg1.mfn, owner);
    if (frame) {
        memmove(mfn_to_virtual(frame_to_mfn(frame)), mfn_to_virtual(frame_to_mfn(source)),
                PAGE_SIZE);
        frame_put_typed(frame);
        rc = 0;
    }
    frame_put(source);
    return rc;
}

static int superpages(const struct mmuext_op *op, struct domain *owner)
{
    (void)op, (void)owner;
    return -XEN_EOPNOTSUPP;
}

static const struct {
    mmuext_handler_t *handler;
    bool foreign; /* may be about another domain */
} operations[] = {
    [MMUEXT_PIN_L1_TABLE] = {pin_table, true},
    [MMUEXT_PIN_L2_TABLE] = {pin_table, true},
    [MMUEXT_PIN_L3_TABLE] = {pin_table, true},
    [MMUEXT_PIN_L4_TABLE] = {pin_table, true},
    [MMUEXT_UNPIN_TABLE] = {unpin_table, true},
    [MMUEXT_NEW_BASEPTR] = {new_base, false},
    [MMUEXT_TLB_FLUSH_LOCAL] = {flush_local, false},
    [MMUEXT_INVLPG_LOCAL] = {flush_local_page, false},
    [MMUEXT_TLB_FLUSH_MULTI] = {flush_some, false},
    [MMUEXT_INVLPG_MULTI] = {flush_some, false},
    [MMUEXT_TLB_FLUSH_ALL] = {flush_domain, false},
    [MMUEXT_INVLPG_ALL] = {flush_domain, false},
    [MMUEXT_FLUSH_CACHE] = {flush_cache, false},
    [MMUEXT_SET_LDT] = {set_ldt, false},
    [MMUEXT_NEW_USER_BASEPTR] = {new_user_base, false},
    [MMUEXT_CLEAR_PAGE] = {clear_page, true},
    [MMUEXT_COPY_PAGE] = {copy_page, true},
    [MMUEXT_MARK_SUPER] = {superpages, true},
    [MMUEXT_UNMARK_SUPER] = {superpages, true},
};

_Static_assert(sizeof(struct mmuext_op) == 3 * sizeof(uint64_t), "read as words");

/* An operation as it is read. */
union operation_words {
    struct mmuext_op op;
    uint64_t words[3];
};

static int operate(const union operation_words *copy, struct domain *owner)
{
    unsigned command = copy->op.cmd;

    if (command >= sizeof(operations) / sizeof(operations[0]) || !operations[command].handler)
        return -XEN_ENOSYS;
    if (!operations[command].foreign && owner != current_domain())
        return -XEN_EPERM;
    return operations[command].handler(&copy->op, owner);
}

/* The next operations in order, up to the first that fails; how many were done by `done`. */
static int operate_piece(guest_ptr_t list, uint32_t count, uint32_t *done, domid_t domid)
{
    uint32_t end = count - *done < OPERATIONS_PER_PIECE ? count : *done + OPERATIONS_PER_PIECE;
    struct domain *owner;
    int rc = mmu_owner_get(domid, false, &owner);

    if (rc)
        return rc;
    /* Those two have no memory of their own. */
    if (owner == &domain_io || owner == &domain_xen)
        return -XEN_EINVAL;
    while (*done < end) {
        union operation_words copy;
        rc = words_from_guest(copy.words, guest_ptr_at(list, *done, sizeof(copy)), 3);
        if (rc == 0)
            rc = operate(&copy, owner);
        if (rc || ++*done == end)
            break;
        preempt_point();
    }
    mmu_owner_put(owner);
    return rc;
}

static __attribute__((noinline)) long operate_list(guest_ptr_t list, uint32_t count,
                                                   guest_ptr_t done_pointer, domid_t owner)
{
    uint32_t done = 0;
    int rc;

    if (!guest_array_ok(list, count, sizeof(struct mmuext_op)))
        return -XEN_EFAULT;
    for (;;) {
        rc = operate_piece(list, count, &done, owner);
        if (rc || done == count)
            break;
        rest_point();
    }
    if (done_pointer.address && copy_to_guest(done_pointer, &done, sizeof(done)) && rc == 0)
        rc = -XEN_EFAULT;
    return rc;
}

static __attribute__((noinline)) long operate_own(uint64_t first, uint64_t second, uint64_t third)
{
    const union operation_words copy = {.words = {first, second, third}};

    return operate(&copy, current_domain());
}

/*
 * What kernels do: one operation, on their own tables. The frequent ones end here, without a look
 * at the list of operations.
 */
static inline __attribute__((always_inline)) long operate_single(guest_ptr_t position)
{
    uint64_t words[3];

    if (words_from_guest(words, position, 3))
        return -XEN_EFAULT;
    uint32_t command = (uint32_t)words[0];
    if (command == MMUEXT_INVLPG_LOCAL && guest_address_ok(words[1]))
        tlb_flush_local_page(words[1]);
    else if (command == MMUEXT_TLB_FLUSH_LOCAL ||
             (command == MMUEXT_NEW_BASEPTR && words[1] == current_vcpu()->kernel_table.value))
        tlb_flush_local();
    else
        return operate_own(words[0], words[1], words[2]);
    return 0;
}

long do_mmuext_op(unsigned long address, uint32_t count, unsigned long done_address, uint32_t owner)
{
    guest_ptr_t list = guest_ptr(address);

    if (count == 1 && !done_address && (domid_t)owner == DOMID_SELF &&
        guest_words_ok(address, sizeof(struct mmuext_op)))
        return operate_single(list);
    return operate_list(list, count, guest_ptr(done_address), (domid_t)owner);
}
