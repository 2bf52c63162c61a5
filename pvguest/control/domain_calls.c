/* SPDX-License-Identifier: MIT */
#include "pvguest/control/domain_calls.h"

#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sysctl.h>

#include "lib/string.h"
#include "pvguest/kernel/hypercall.h"

/* Enough for any guest of ours; Xen's tools have the same default. */
#define MAXIMUM_EVENT_CHANNEL 1023
/* Extents asked for in one call, so that a huge guest does not make one endless call. */
#define POPULATE_BATCH 1024

static int call(struct xen_domctl *operation, unsigned int command, domid_t domain)
{
    operation->cmd = command;
    operation->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    operation->domain = domain;
    return hypercall_domctl(operation);
}

int domain_call_create(const xen_domain_handle_t handle, unsigned int vcpus, domid_t *domain)
{
    struct xen_domctl operation = {0};
    struct xen_domctl_createdomain *create = &operation.u.createdomain;
    int status;

    memcpy(create->handle, handle, sizeof create->handle);
    create->max_vcpus = vcpus;
    create->max_evtchn_port = MAXIMUM_EVENT_CHANNEL;
    create->max_grant_frames = -1;
    create->max_maptrack_frames = -1;
    create->grant_opts = XEN_DOMCTL_GRANT_version(1);
    status = call(&operation, XEN_DOMCTL_createdomain, 0);
    *domain = operation.domain;
    return status;
}

static int call_plain(unsigned int command, domid_t domain)
{
    struct xen_domctl operation = {0};

    return call(&operation, command, domain);
}

int domain_call_destroy(domid_t domain)
{
    return call_plain(XEN_DOMCTL_destroydomain, domain);
}

int domain_call_pause(domid_t domain)
{
    return call_plain(XEN_DOMCTL_pausedomain, domain);
}

int domain_call_unpause(domid_t domain)
{
    return call_plain(XEN_DOMCTL_unpausedomain, domain);
}

int domain_call_information(domid_t domain, struct xen_domctl_getdomaininfo *information)
{
    struct xen_domctl operation = {0};
    int status = call(&operation, XEN_DOMCTL_getdomaininfo, domain);

    *information = operation.u.getdomaininfo;
    /* Xen answers with the next living domain when this one does not exist. */
    if (status == 0 && information->domain != domain)
        status = -XEN_ESRCH;
    return status;
}

int domain_call_vcpu_information(domid_t domain, unsigned int vcpu,
                                 struct xen_domctl_getvcpuinfo *information)
{
    struct xen_domctl operation = {0};
    int status;

    operation.u.getvcpuinfo.vcpu = vcpu;
    status = call(&operation, XEN_DOMCTL_getvcpuinfo, domain);
    *information = operation.u.getvcpuinfo;
    return status;
}

int domain_call_list(domid_t first, struct xen_domctl_getdomaininfo *list, unsigned int limit)
{
    struct xen_sysctl operation = {0};
    int status;

    operation.cmd = XEN_SYSCTL_getdomaininfolist;
    operation.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    operation.u.getdomaininfolist.first_domain = first;
    operation.u.getdomaininfolist.max_domains = limit;
    set_xen_guest_handle(operation.u.getdomaininfolist.buffer, list);
    status = hypercall_sysctl(&operation);
    return status < 0 ? status : (int)operation.u.getdomaininfolist.num_domains;
}

static int call_affinity(unsigned int command, domid_t domain, unsigned int vcpu,
                         struct pcpu_set *hard, struct pcpu_set *soft)
{
    struct xen_domctl operation = {0};
    struct xen_domctl_vcpuaffinity *request = &operation.u.vcpuaffinity;

    request->vcpu = vcpu;
    request->flags = (hard ? XEN_VCPUAFFINITY_HARD : 0) | (soft ? XEN_VCPUAFFINITY_SOFT : 0);
    request->cpumap_hard.nr_bits = request->cpumap_soft.nr_bits = PCPU_SET_SIZE;
    set_xen_guest_handle(request->cpumap_hard.bitmap, hard ? hard->bytes : NULL);
    set_xen_guest_handle(request->cpumap_soft.bitmap, soft ? soft->bytes : NULL);
    return call(&operation, command, domain);
}

int domain_call_get_affinity(domid_t domain, unsigned int vcpu, struct pcpu_set *hard,
                             struct pcpu_set *soft)
{
    return call_affinity(XEN_DOMCTL_getvcpuaffinity, domain, vcpu, hard, soft);
}

int domain_call_set_affinity(domid_t domain, unsigned int vcpu, const struct pcpu_set *hard,
                             const struct pcpu_set *soft)
{
    struct pcpu_set given[2] = {0}; /* the hypervisor writes into them what it made of them */

    if (hard)
        given[0] = *hard;
    if (soft)
        given[1] = *soft;
    return call_affinity(XEN_DOMCTL_setvcpuaffinity, domain, vcpu, hard ? &given[0] : NULL,
                         soft ? &given[1] : NULL);
}

static int call_share(struct xen_domctl *operation, unsigned int command, domid_t domain)
{
    operation->u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    operation->u.scheduler_op.cmd = command;
    return call(operation, XEN_DOMCTL_scheduler_op, domain);
}

int domain_call_get_share(domid_t domain, uint16_t *weight, uint16_t *cap)
{
    struct xen_domctl operation = {0};
    int status = call_share(&operation, XEN_DOMCTL_SCHEDOP_getinfo, domain);

    *weight = operation.u.scheduler_op.u.credit2.weight;
    *cap = operation.u.scheduler_op.u.credit2.cap;
    return status;
}

int domain_call_set_share(domid_t domain, uint16_t weight, uint16_t cap)
{
    struct xen_domctl operation = {0};

    operation.u.scheduler_op.u.credit2.weight = weight;
    operation.u.scheduler_op.u.credit2.cap = cap;
    return call_share(&operation, XEN_DOMCTL_SCHEDOP_putinfo, domain);
}

int domain_call_set_maximum_memory(domid_t domain, uint64_t kib)
{
    struct xen_domctl operation = {0};

    operation.u.max_mem.max_memkb = kib;
    return call(&operation, XEN_DOMCTL_max_mem, domain);
}

int domain_call_set_vcpus(domid_t domain, unsigned int count)
{
    struct xen_domctl operation = {0};

    operation.u.max_vcpus.max = count;
    return call(&operation, XEN_DOMCTL_max_vcpus, domain);
}

static int call_context(unsigned int command, domid_t domain, unsigned int vcpu,
                        struct vcpu_guest_context *context)
{
    struct xen_domctl operation = {0};

    operation.u.vcpucontext.vcpu = vcpu;
    set_xen_guest_handle(operation.u.vcpucontext.ctxt, context);
    return call(&operation, command, domain);
}

int domain_call_set_context(domid_t domain, unsigned int vcpu, struct vcpu_guest_context *context)
{
    return call_context(XEN_DOMCTL_setvcpucontext, domain, vcpu, context);
}

int domain_call_get_context(domid_t domain, unsigned int vcpu, struct vcpu_guest_context *context)
{
    return call_context(XEN_DOMCTL_getvcpucontext, domain, vcpu, context);
}

int domain_call_init_hypercall_page(domid_t domain, uint64_t mfn)
{
    struct xen_domctl operation = {0};

    operation.u.hypercall_init.gmfn = mfn;
    return call(&operation, XEN_DOMCTL_hypercall_init, domain);
}

int domain_call_populate(domid_t domain, uint64_t *frames, size_t count)
{
    while (count) {
        size_t batch = count < POPULATE_BATCH ? count : POPULATE_BATCH;
        struct xen_memory_reservation reservation = {.nr_extents = batch, .domid = domain};
        long done;

        set_xen_guest_handle(reservation.extent_start, frames);
        done = hypercall_memory_op(XENMEM_populate_physmap, &reservation);
        if (done < 0)
            return (int)done;
        if ((size_t)done != batch)
            return -XEN_ENOMEM;
        frames += batch;
        count -= batch;
    }
    return 0;
}

int domain_call_populate_block(domid_t domain, uint64_t pfn, unsigned int order, uint64_t *mfn)
{
    struct xen_memory_reservation reservation = {
        .nr_extents = 1, .extent_order = order, .domid = domain};
    xen_pfn_t frame = pfn;
    long done;

    set_xen_guest_handle(reservation.extent_start, &frame);
    done = hypercall_memory_op(XENMEM_populate_physmap, &reservation);
    *mfn = frame;
    if (done < 0)
        return (int)done;
    return done == 1 ? 0 : -XEN_ENOMEM;
}

int domain_call_pin_tables(domid_t domain, uint64_t level4_mfn)
{
    struct mmuext_op operation = {.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = level4_mfn};

    return hypercall_mmuext_op(&operation, 1, NULL, domain);
}

int domain_call_allocate_channel(domid_t domain, evtchn_port_t *port)
{
    struct evtchn_alloc_unbound operation = {.dom = domain, .remote_dom = DOMID_SELF};
    int status = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &operation);

    *port = operation.port;
    return status;
}

int domain_call_setup_grants(domid_t domain, uint64_t *mfn)
{
    struct gnttab_setup_table operation = {.dom = domain, .nr_frames = 1};
    xen_pfn_t frame = 0;
    int status;

    set_xen_guest_handle(operation.frame_list, &frame);
    status = hypercall_grant_table_op(GNTTABOP_setup_table, &operation, 1);
    *mfn = frame;
    if (status < 0)
        return status;
    return operation.status == GNTST_okay ? 0 : -XEN_EINVAL;
}
