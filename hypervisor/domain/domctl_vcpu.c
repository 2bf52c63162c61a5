/* SPDX-License-Identifier: MIT */
/*
 * Domctl: one vcpu of a domain, its registers and how it runs.
 */
#include <stdint.h>

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/domain/domctl.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"

/* struct vcpu_guest_context does not fit on a stack. */
#define CONTEXT_ORDER 1

struct vcpu *domctl_vcpu_at(const struct domain *domain, uint32_t id)
{
    return id < domain->vcpu_max ? domain->vcpus[id] : NULL;
}

int domctl_set_context(struct domain *domain, struct xen_domctl *operation)
{
    struct vcpu *vcpu = domctl_vcpu_at(domain, operation->u.vcpucontext.vcpu);
    guest_ptr_t from = guest_ptr_of_handle(operation->u.vcpucontext.ctxt);

    if (!vcpu || domain->life != DOMAIN_ALIVE)
        return -XEN_EINVAL;
    struct vcpu_guest_context *context = frame_allocate_hypervisor(CONTEXT_ORDER);
    if (!context)
        return -XEN_ENOMEM;
    int status = copy_from_guest(context, from, sizeof(*context));
    if (!status) {
        vcpu_pause(vcpu);
        mutex_lock(&domain->context_lock);
        status = vcpu_set_context(vcpu, context);
        mutex_unlock(&domain->context_lock);
        if (!status && (context->flags & VGCF_online))
            vcpu_clear_wait(vcpu, VCPU_WAIT_DOWN);
        vcpu_unpause(vcpu);
    }
    frame_free_hypervisor(context, CONTEXT_ORDER);
    return status;
}

int domctl_get_context(struct domain *domain, struct xen_domctl *operation)
{
    uint32_t id = operation->u.vcpucontext.vcpu;
    struct vcpu *vcpu = domctl_vcpu_at(domain, id);

    if (!vcpu)
        return id < domain->vcpu_max ? -XEN_ESRCH : -XEN_EINVAL;
    if (!vcpu->initialised)
        return -XEN_ENODATA;
    struct vcpu_guest_context *context = frame_allocate_hypervisor(CONTEXT_ORDER);
    if (!context)
        return -XEN_ENOMEM;
    vcpu_pause(vcpu);
    vcpu_get_context(vcpu, context);
    vcpu_unpause(vcpu);
    int status = copy_to_guest(guest_ptr_of_handle(operation->u.vcpucontext.ctxt), context,
                               sizeof(*context));
    frame_free_hypervisor(context, CONTEXT_ORDER);
    return status;
}

int domctl_get_vcpu(struct domain *domain, struct xen_domctl *operation)
{
    struct xen_domctl_getvcpuinfo *information = &operation->u.getvcpuinfo;
    struct vcpu *vcpu = domctl_vcpu_at(domain, information->vcpu);

    if (!vcpu)
        return information->vcpu < domain->vcpu_max ? -XEN_ESRCH : -XEN_EINVAL;
    uint32_t wait = READ_ONCE(vcpu->wait);
    information->online = !(wait & VCPU_WAIT_DOWN);
    information->blocked = (wait & (VCPU_WAIT_EVENT | VCPU_WAIT_POLL)) != 0;
    information->running = vcpu->running;
    information->cpu_time = vcpu_cpu_time(vcpu);
    information->cpu = READ_ONCE(vcpu->pcpu)->id;
    return 0;
}
