/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory/mmu_owner.h"

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/tlb.h"

int mmu_owner_get_other(domid_t id, bool anybody_io, struct domain **result)
{
    bool privileged = current_domain()->privileged;

    if (id == DOMID_IO || id == DOMID_XEN) {
        if (!privileged && !(anybody_io && id == DOMID_IO))
            return -XEN_EPERM;
        *result = id == DOMID_IO ? &domain_io : &domain_xen;
        return 0;
    }
    struct domain *domain = domain_get_by_id(id);
    if (!domain)
        return -XEN_ESRCH;
    if (!privileged) {
        domain_put(domain);
        return -XEN_EPERM;
    }
    *result = domain;
    return 0;
}

void mmu_owner_put_other(struct domain *domain)
{
    if (domain != &domain_io && domain != &domain_xen)
        domain_put(domain);
}

int mmu_flush_mask(guest_ptr_t bitmap, uint64_t *pcpu_mask)
{
    const struct domain *domain = current_domain();
    uint64_t vcpus;

    _Static_assert(VCPU_MAX <= 64, "the bitmap is one word");
    if (copy_from_guest(&vcpus, bitmap, sizeof(vcpus)))
        return -XEN_EFAULT;
    if (domain->vcpu_max < 64)
        vcpus &= (1UL << domain->vcpu_max) - 1;
    /* Where a vcpu ran last is not recorded for each; all of the domain's processors are. */
    *pcpu_mask = vcpus ? tlb_holders(domain) : 0;
    return 0;
}
