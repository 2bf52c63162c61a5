/* SPDX-License-Identifier: MIT */
/*
 * Domctl: one vcpu of a domain (its registers, where and how it runs), and shares of processor
 * time.
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

static struct vcpu *vcpu_at(const struct domain *domain, uint32_t id)
{
    return id < domain->vcpu_max ? domain->vcpus[id] : NULL;
}

int domctl_set_context(struct domain *domain, struct xen_domctl *operation)
{
    struct vcpu *vcpu = vcpu_at(domain, operation->u.vcpucontext.vcpu);
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
    struct vcpu *vcpu = vcpu_at(domain, id);

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
    struct vcpu *vcpu = vcpu_at(domain, information->vcpu);

    if (!vcpu)
        return information->vcpu < domain->vcpu_max ? -XEN_ESRCH : -XEN_EINVAL;
    uint32_t wait = READ_ONCE(vcpu->wait);
    information->online = !(wait & VCPU_WAIT_DOWN);
    information->blocked = (wait & (VCPU_WAIT_EVENT | VCPU_WAIT_POLL)) != 0;
    information->running = vcpu->running;
    information->cpu_time = vcpu_cpu_time(vcpu);
    information->cpu = vcpu->pcpu->id;
    return 0;
}

/* The bits of a guest's map that stand for processors that there are. */
static int map_read(const struct xenctl_bitmap *map, uint64_t *mask)
{
    uint32_t bits = map->nr_bits < PCPU_MAX ? map->nr_bits : PCPU_MAX;

    *mask = 0;
    if (copy_from_guest(mask, guest_ptr_of_handle(map->bitmap), (bits + 7) / 8))
        return -XEN_EFAULT;
    if (bits < PCPU_MAX)
        *mask &= (1UL << bits) - 1;
    return 0;
}

static int map_write(const struct xenctl_bitmap *map, uint64_t mask)
{
    uint32_t bytes = (map->nr_bits + 7) / 8, known = sizeof(mask);
    guest_ptr_t to = guest_ptr_of_handle(map->bitmap);

    if (map->nr_bits > UINT16_MAX)
        return -XEN_EINVAL;
    if (bytes <= known)
        return copy_to_guest(to, &mask, bytes);
    if (copy_to_guest(to, &mask, known))
        return -XEN_EFAULT;
    return clear_guest(guest_ptr(to.address + known), bytes - known);
}

/* Vcpus run on any processor: a map that leaves one out is refused, one for all is taken. */
static int affinity_set(const struct xenctl_bitmap *map)
{
    uint64_t wanted, online = pcpu_online_mask();
    int status = map_read(map, &wanted);

    if (status)
        return status;
    if (!(wanted & online))
        return -XEN_EINVAL;
    return (wanted & online) == online ? map_write(map, online) : -XEN_EOPNOTSUPP;
}

static int affinity(struct domain *domain, const struct xen_domctl_vcpuaffinity *request,
                    int (*apply)(const struct xenctl_bitmap *map))
{
    int status = 0;

    if (!vcpu_at(domain, request->vcpu))
        return request->vcpu < domain->vcpu_max ? -XEN_ESRCH : -XEN_EINVAL;
    if (!request->flags || (request->flags & ~(XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)))
        return -XEN_EINVAL;
    if (request->flags & XEN_VCPUAFFINITY_HARD)
        status = apply(&request->cpumap_hard);
    if (!status && (request->flags & XEN_VCPUAFFINITY_SOFT))
        status = apply(&request->cpumap_soft);
    return status;
}

int domctl_set_affinity(struct domain *domain, struct xen_domctl *operation)
{
    return affinity(domain, &operation->u.vcpuaffinity, affinity_set);
}

static int affinity_get(const struct xenctl_bitmap *map)
{
    return map_write(map, pcpu_online_mask());
}

int domctl_get_affinity(struct domain *domain, struct xen_domctl *operation)
{
    return affinity(domain, &operation->u.vcpuaffinity, affinity_get);
}

/* credit2's parameters; 0 leaves the weight as it is, as there. There are no caps. */
int domctl_scheduler(struct domain *domain, struct xen_domctl *operation)
{
    struct xen_domctl_scheduler_op *request = &operation->u.scheduler_op;

    if (request->sched_id != XEN_SCHEDULER_CREDIT2)
        return -XEN_EINVAL;
    switch (request->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        request->u.credit2.weight = domain->weight;
        request->u.credit2.cap = 0;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo:
        if (request->u.credit2.cap)
            return -XEN_EOPNOTSUPP;
        if (request->u.credit2.weight)
            WRITE_ONCE(domain->weight, request->u.credit2.weight);
        return 0;
    default:
        return -XEN_EINVAL;
    }
}
