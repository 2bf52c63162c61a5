/* SPDX-License-Identifier: MIT */
/*
 * What is told about a domain. A snapshot: nothing stands still while it is taken.
 */
#include <stdint.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/domain/domctl.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"
#include "lib/string.h"

static void vcpu_count_in(struct vcpu *vcpu, struct xen_domctl_getdomaininfo *information)
{
    uint32_t wait = READ_ONCE(vcpu->wait);

    information->max_vcpu_id = vcpu->id;
    information->cpu_time += vcpu_cpu_time(vcpu);
    if (wait & VCPU_WAIT_DOWN)
        return;
    information->nr_online_vcpus++;
    if (!(wait & (VCPU_WAIT_EVENT | VCPU_WAIT_POLL)))
        information->flags &= ~XEN_DOMINF_blocked;
    if (vcpu->running)
        information->flags |= XEN_DOMINF_running;
}

static uint32_t life_flags(struct domain *domain)
{
    uint32_t flags = 0;

    spin_lock(&domain->life_lock);
    if (domain->life != DOMAIN_ALIVE)
        flags |= XEN_DOMINF_dying;
    if (domain->shut_down)
        flags |= XEN_DOMINF_shutdown | (uint32_t)domain->shutdown_code << XEN_DOMINF_shutdownshift;
    if (domain->controller_paused)
        flags |= XEN_DOMINF_paused;
    spin_unlock(&domain->life_lock);
    return flags;
}

void domain_information(struct domain *domain, struct xen_domctl_getdomaininfo *information)
{
    memset(information, 0, sizeof(*information));
    information->domain = domain->id;
    information->flags = XEN_DOMINF_blocked;
    information->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
    for (unsigned id = 0; id < domain->vcpu_max; id++)
        if (domain->vcpus[id])
            vcpu_count_in(domain->vcpus[id], information);
    information->flags |= life_flags(domain);
    information->tot_pages = READ_ONCE(domain->frame_count);
    information->max_pages = READ_ONCE(domain->frame_max);
    information->outstanding_pages = READ_ONCE(domain->claimed_frames);
    information->shared_info_frame = domain->shared_info_frame.value;
    memcpy(information->handle, domain->handle, sizeof(information->handle));
}
