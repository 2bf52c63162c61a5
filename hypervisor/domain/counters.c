/* SPDX-License-Identifier: MIT */
#include "hypervisor/domain/counters.h"

#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/domain/domctl.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"
#include "lib/format.h"
#include "lib/string.h"

static void sum(const struct domain *domain, xen_sysctl_perfc_val_t *values)
{
    memset(values, 0, HYPERCALL_NUMBERS * sizeof(*values));
    for (unsigned id = 0; id < domain->vcpu_max; id++) {
        const struct vcpu *vcpu = READ_ONCE(domain->vcpus[id]);
        for (unsigned number = 0; vcpu && number < HYPERCALL_NUMBERS; number++)
            values[number] += READ_ONCE(vcpu->hypercall_count[number]);
    }
}

static int copy_out(const struct domain *domain, uint32_t position,
                    const struct xen_sysctl_perfc_op *request)
{
    guest_ptr_t names = guest_ptr_of_handle(request->desc);
    guest_ptr_t counts = guest_ptr_of_handle(request->val);
    struct xen_sysctl_perfc_desc description = {.nr_vals = HYPERCALL_NUMBERS};
    xen_sysctl_perfc_val_t values[HYPERCALL_NUMBERS];

    format_text(description.name, sizeof(description.name), "hypercalls d%u", domain->id);
    if (names.address && position < request->nr_counters &&
        copy_to_guest(guest_ptr_at(names, position, sizeof(description)), &description,
                      sizeof(description)))
        return -XEN_EFAULT;
    if (!counts.address || position >= request->nr_vals / HYPERCALL_NUMBERS)
        return 0;
    sum(domain, values);
    return copy_to_guest(guest_ptr_at(counts, position, sizeof(values)), values, sizeof(values))
               ? -XEN_EFAULT
               : 0;
}

static int query(struct xen_sysctl_perfc_op *request)
{
    uint32_t count = 0;
    struct domain *domain = domain_get_next(0);

    while (domain) {
        uint32_t next = domain->id + 1u;
        int status = copy_out(domain, count++, request);
        domain_put(domain);
        if (status)
            return status;
        preempt_point();
        domain = domain_get_next(next);
    }
    request->nr_counters = count;
    request->nr_vals = count * HYPERCALL_NUMBERS;
    return 0;
}

/* A call that is being counted meanwhile may survive. */
static void reset(void)
{
    struct domain *domain = domain_get_next(0);

    while (domain) {
        uint32_t next = domain->id + 1u;
        for (unsigned id = 0; id < domain->vcpu_max; id++)
            if (domain->vcpus[id])
                memset(domain->vcpus[id]->hypercall_count, 0,
                       sizeof(domain->vcpus[id]->hypercall_count));
        domain_put(domain);
        domain = domain_get_next(next);
    }
}

int counters_operation(struct xen_sysctl *operation)
{
    switch (operation->u.perfc_op.cmd) {
    case XEN_SYSCTL_PERFCOP_query:
        return query(&operation->u.perfc_op);
    case XEN_SYSCTL_PERFCOP_reset:
        reset();
        return 0;
    default:
        return -XEN_EINVAL;
    }
}
