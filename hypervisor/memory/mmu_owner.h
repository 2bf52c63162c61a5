/* SPDX-License-Identifier: MIT */
/*
 * Whom an mmu hypercall is about, as the guest names it, and which processors must flush after it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/guest_copy.h"

/*
 * DOMID_SELF, an id, DOMID_IO or DOMID_XEN: the domain with a reference, given back by
 * mmu_owner_put(). 0; -XEN_ESRCH; -XEN_EPERM: not the caller itself, and the caller is not
 * privileged (`anybody_io`: but DOMID_IO is for everybody, to name device memory).
 */
static inline int mmu_owner_get(domid_t id, bool anybody_io, struct domain **result);
static inline void mmu_owner_put(struct domain *domain);

/*
 * Processors that may hold translations of those virtual CPUs of the current domain whose bits are
 * set at `bitmap`. 0 or -XEN_EFAULT.
 */
int mmu_flush_mask(guest_ptr_t bitmap, uint64_t *pcpu_mask);

/* Another than the caller itself. */
int mmu_owner_get_other(domid_t id, bool anybody_io, struct domain **result);
void mmu_owner_put_other(struct domain *domain);

static inline int mmu_owner_get(domid_t id, bool anybody_io, struct domain **result)
{
    struct domain *current = current_domain();

    if (id != DOMID_SELF && id != current->id)
        return mmu_owner_get_other(id, anybody_io, result);
    *result = current; /* stays as long as this call */
    return 0;
}

static inline void mmu_owner_put(struct domain *domain)
{
    if (domain != current_domain())
        mmu_owner_put_other(domain);
}
