/* SPDX-License-Identifier: MIT */
/*
 * Domctl: where the vcpus of a domain run, and their share of processor time.
 */
#include <stdint.h>

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/domain/domctl.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"

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

static int affinity_find(struct domain *domain, const struct xen_domctl_vcpuaffinity *request,
                         struct vcpu **vcpu)
{
    const struct xenctl_bitmap *hard = &request->cpumap_hard, *soft = &request->cpumap_soft;

    *vcpu = domctl_vcpu_at(domain, request->vcpu);
    if (!*vcpu)
        return request->vcpu < domain->vcpu_max ? -XEN_ESRCH : -XEN_EINVAL;
    if (!request->flags ||
        ((request->flags & XEN_VCPUAFFINITY_HARD) && !guest_ptr_of_handle(hard->bitmap).address) ||
        ((request->flags & XEN_VCPUAFFINITY_SOFT) && !guest_ptr_of_handle(soft->bitmap).address))
        return -XEN_EINVAL;
    return 0;
}

/* What the caller wants, checked; nothing has changed yet. */
static int affinity_wanted(const struct xen_domctl_vcpuaffinity *request, const struct vcpu *vcpu,
                           uint64_t *hard, uint64_t *soft)
{
    int status = 0;

    *hard = vcpu->hard_affinity;
    *soft = vcpu->soft_affinity;
    if (request->flags & XEN_VCPUAFFINITY_HARD)
        status = map_read(&request->cpumap_hard, hard);
    if (!status && (request->flags & XEN_VCPUAFFINITY_SOFT))
        status = map_read(&request->cpumap_soft, soft);
    if (status || !(request->flags & XEN_VCPUAFFINITY_HARD))
        return status;
    if (!(*hard & pcpu_online_mask()))
        return -XEN_EINVAL;
    bool released = request->flags & XEN_VCPUAFFINITY_FORCE;
    return vcpu->pin_override && !released ? -XEN_EBUSY : 0;
}

/* The answer is what comes of it: the processors of the map that there are. */
int domctl_set_affinity(struct domain *domain, struct xen_domctl *operation)
{
    const struct xen_domctl_vcpuaffinity *request = &operation->u.vcpuaffinity;
    uint64_t hard, soft, online = pcpu_online_mask();
    struct vcpu *vcpu;
    int status = affinity_find(domain, request, &vcpu);

    if (!status)
        status = affinity_wanted(request, vcpu, &hard, &soft);
    if (status)
        return status;
    vcpu->hard_affinity = hard;
    vcpu->soft_affinity = soft;
    if (request->flags & XEN_VCPUAFFINITY_FORCE)
        vcpu->pin_override = 0;
    if (request->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_FORCE))
        vcpu_set_affinity(vcpu, hard & online);
    if (request->flags & XEN_VCPUAFFINITY_HARD)
        status = map_write(&request->cpumap_hard, hard & online);
    if (!status && (request->flags & XEN_VCPUAFFINITY_SOFT))
        status = map_write(&request->cpumap_soft, soft & hard & online);
    return status;
}

int domctl_get_affinity(struct domain *domain, struct xen_domctl *operation)
{
    const struct xen_domctl_vcpuaffinity *request = &operation->u.vcpuaffinity;
    uint64_t known = ~0UL >> (PCPU_MAX - pcpu_count);
    struct vcpu *vcpu;
    int status = affinity_find(domain, request, &vcpu);

    if (status)
        return status;
    uint64_t hard = vcpu->pin_override ? vcpu->pin_override : vcpu->hard_affinity;
    if (request->flags & XEN_VCPUAFFINITY_HARD)
        status = map_write(&request->cpumap_hard, hard & known);
    if (!status && (request->flags & XEN_VCPUAFFINITY_SOFT))
        status = map_write(&request->cpumap_soft, vcpu->soft_affinity & known);
    return status;
}

/* credit2's parameters: a weight of 0 leaves it as it is, a cap of 0 is none. */
int domctl_scheduler(struct domain *domain, struct xen_domctl *operation)
{
    struct xen_domctl_scheduler_op *request = &operation->u.scheduler_op;

    if (request->sched_id != XEN_SCHEDULER_CREDIT2)
        return -XEN_EINVAL;
    switch (request->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        request->u.credit2.weight = domain->weight;
        request->u.credit2.cap = domain->cap.percent;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo:
        if (request->u.credit2.cap > 100 * domain->vcpu_max)
            return -XEN_EINVAL;
        if (request->u.credit2.weight)
            WRITE_ONCE(domain->weight, request->u.credit2.weight);
        cap_set(domain, request->u.credit2.cap);
        return 0;
    default:
        return -XEN_EINVAL;
    }
}
