/* SPDX-License-Identifier: MIT */
/*
 * Domctl: making a domain, pausing, ending. A new domain is paused; its vcpus, made later, start
 * paused too, until the first unpausing.
 */
#include <stdint.h>

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/domain/domctl.h"
#include "hypervisor/io/event_channel.h"
#include "hypervisor/memory/grant.h"
#include "hypervisor/processor/scheduler.h"
#include "lib/string.h"

#define PAUSES_MAX 255
/* Flags that mean nothing for a paravirtual guest without devices of its own. */
#define CREATE_FLAGS_IGNORED \
    (XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_xs_domain)

static int create_check(const struct xen_domctl_createdomain *create)
{
    if (create->flags & ~CREATE_FLAGS_IGNORED)
        return -XEN_EINVAL;
    if (!create->max_vcpus || create->max_vcpus > VCPU_MAX || create->max_evtchn_port < 4)
        return -XEN_EINVAL;
    if (create->iommu_opts || create->vmtrace_size || create->cpupool_id ||
        create->arch.emulation_flags || (create->arch.misc_flags & ~XEN_X86_MSR_RELAXED))
        return -XEN_EINVAL;
    /* Only version 1 of grant tables. */
    return create->grant_opts == XEN_DOMCTL_GRANT_version(1) ? 0 : -XEN_EINVAL;
}

/* Numbers are used in turn, so that a late message to a dead domain does not reach a new one. */
static domid_t number_choose(void)
{
    static domid_t last; /* control_lock */

    for (uint32_t tries = 1; tries < DOMID_FIRST_RESERVED; tries++) {
        last = last + 1u < DOMID_FIRST_RESERVED ? (domid_t)(last + 1) : 1;
        struct domain *domain = domain_get_by_id(last);
        if (!domain)
            return last;
        domain_put(domain);
    }
    return DOMID_INVALID;
}

static int create(domid_t id, const struct xen_domctl_createdomain *create)
{
    struct domain *domain;
    int status = domain_create(id, create->max_vcpus, &domain);

    if (status)
        return status;
    memcpy(domain->handle, create->handle, sizeof(domain->handle));
    event_channels_set_limit(domain, create->max_evtchn_port);
    grant_table_set_limits(domain, create->max_grant_frames, create->max_maptrack_frames);
    domain->pause_count = 1;
    domain->controller_paused = true;
    return 0;
}

int domctl_create(struct xen_domctl *operation)
{
    int status = create_check(&operation->u.createdomain);

    if (status)
        return status;
    if (operation->domain && operation->domain < DOMID_FIRST_RESERVED) {
        status = create(operation->domain, &operation->u.createdomain);
        return status == -XEN_EEXIST ? -XEN_EINVAL : status;
    }
    /* A number whose domain is just going may still be on the list: take another one. */
    do {
        operation->domain = number_choose();
        if (operation->domain == DOMID_INVALID)
            return -XEN_ENOMEM;
        status = create(operation->domain, &operation->u.createdomain);
    } while (status == -XEN_EEXIST);
    return status;
}

int domctl_destroy(struct domain *domain, struct xen_domctl *operation)
{
    (void)operation;
    return domain == domain_first ? -XEN_EINVAL : domain_kill(domain);
}

int domctl_pause(struct domain *domain, struct xen_domctl *operation)
{
    (void)operation;
    if (domain->pause_count >= PAUSES_MAX)
        return -XEN_EOVERFLOW;
    if (!domain->pause_count++) {
        domain->controller_paused = true;
        domain_pause(domain);
    }
    return 0;
}

int domctl_unpause(struct domain *domain, struct xen_domctl *operation)
{
    (void)operation;
    if (!domain->pause_count)
        return -XEN_EINVAL;
    if (!--domain->pause_count) {
        domain->controller_paused = false;
        domain->creation_finished = true;
        domain_unpause(domain);
    }
    return 0;
}

int domctl_resume(struct domain *domain, struct xen_domctl *operation)
{
    (void)operation;
    domain_resume(domain);
    return 0;
}

/* Give a new vcpu the pauses that the domain has already. */
static int vcpu_add(struct domain *domain, unsigned id)
{
    struct vcpu *vcpu;
    int status = vcpu_create(domain, id, &vcpu);

    if (status)
        return status;
    if (domain->controller_paused)
        vcpu_pause_async(vcpu);
    /* A domain may be shut down before it has vcpus; resuming it takes one pause from each. */
    spin_lock(&domain->life_lock);
    if (domain->shut_down)
        vcpu_pause_async(vcpu);
    spin_unlock(&domain->life_lock);
    return 0;
}

int domctl_max_vcpus(struct domain *domain, struct xen_domctl *operation)
{
    if (operation->u.max_vcpus.max != domain->vcpu_max || domain->life != DOMAIN_ALIVE)
        return -XEN_EINVAL;
    for (unsigned id = 0; id < domain->vcpu_max; id++) {
        int status = domain->vcpus[id] ? 0 : vcpu_add(domain, id);
        if (status)
            return status;
    }
    return 0;
}
