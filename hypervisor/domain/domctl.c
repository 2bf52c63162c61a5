/* SPDX-License-Identifier: MIT */
/*
 * The domctl hypercall: what a privileged domain does to others. A table of operations; one place
 * copies the argument and finds the domain. All of them are serialised by control_lock.
 */
#include "hypervisor/domain/domctl.h"

#include <xen/errno.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/clock.h"
#include "lib/string.h"

#define ADDRESS_SIZE 64

static int set_handle(struct domain *domain, struct xen_domctl *operation)
{
    memcpy(domain->handle, operation->u.setdomainhandle.handle, sizeof(domain->handle));
    return 0;
}

static int set_time_offset(struct domain *domain, struct xen_domctl *operation)
{
    domain->time_offset_seconds = operation->u.settimeoffset.time_offset_seconds;
    clock_update_wall(domain);
    return 0;
}

static int get_address_size(struct domain *domain, struct xen_domctl *operation)
{
    (void)domain;
    operation->u.address_size.size = ADDRESS_SIZE;
    return 0;
}

static int set_address_size(struct domain *domain, struct xen_domctl *operation)
{
    (void)domain;
    return operation->u.address_size.size == ADDRESS_SIZE ? 0 : -XEN_EINVAL;
}

/* Guests read the processor's TSC as it is. */
static int get_tsc(struct domain *domain, struct xen_domctl *operation)
{
    (void)domain;
    operation->u.tsc_info = (struct xen_domctl_tsc_info){.gtsc_khz = (uint32_t)clock_tsc_khz(),
                                                         .elapsed_nsec = clock_now()};
    return 0;
}

struct domctl_operation {
    int (*handler)(struct domain *domain, struct xen_domctl *operation);
    bool copies_out, not_self;
};

/* createdomain and getdomaininfo find their domain themselves. */
static const struct domctl_operation operations[] = {
    [XEN_DOMCTL_destroydomain] = {domctl_destroy, false, true},
    [XEN_DOMCTL_pausedomain] = {domctl_pause, false, true},
    [XEN_DOMCTL_unpausedomain] = {domctl_unpause, false, false},
    [XEN_DOMCTL_resumedomain] = {domctl_resume, false, true},
    [XEN_DOMCTL_max_vcpus] = {domctl_max_vcpus, false, true},
    [XEN_DOMCTL_max_mem] = {domctl_max_memory, false, false},
    [XEN_DOMCTL_setvcpucontext] = {domctl_set_context, false, true},
    [XEN_DOMCTL_getvcpucontext] = {domctl_get_context, false, true},
    [XEN_DOMCTL_getvcpuinfo] = {domctl_get_vcpu, true, false},
    [XEN_DOMCTL_setvcpuaffinity] = {domctl_set_affinity, true, false},
    [XEN_DOMCTL_getvcpuaffinity] = {domctl_get_affinity, true, false},
    [XEN_DOMCTL_scheduler_op] = {domctl_scheduler, true, false},
    [XEN_DOMCTL_hypercall_init] = {domctl_hypercall_page, false, false},
    [XEN_DOMCTL_getpageframeinfo3] = {domctl_page_types, false, false},
    [XEN_DOMCTL_setdomainhandle] = {set_handle, false, false},
    [XEN_DOMCTL_settimeoffset] = {set_time_offset, false, false},
    [XEN_DOMCTL_get_address_size] = {get_address_size, true, false},
    [XEN_DOMCTL_set_address_size] = {set_address_size, false, false},
    [XEN_DOMCTL_gettscinfo] = {get_tsc, true, false},
};

/* The domain of that number or, as Xen does, the next one. */
static int get_information(struct xen_domctl *operation)
{
    if (operation->domain >= DOMID_FIRST_RESERVED)
        return -XEN_EINVAL;
    struct domain *domain = domain_get_next(operation->domain);
    if (!domain)
        return -XEN_ESRCH;
    domain_information(domain, &operation->u.getdomaininfo);
    operation->domain = domain->id;
    domain_put(domain);
    return 0;
}

static int apply(struct xen_domctl *operation, bool *copies_out)
{
    *copies_out = true;
    if (operation->cmd == XEN_DOMCTL_createdomain)
        return domctl_create(operation);
    if (operation->cmd == XEN_DOMCTL_getdomaininfo)
        return get_information(operation);

    struct domain *domain = domain_get_by_id(operation->domain);
    if (!domain)
        return -XEN_ESRCH;
    int status = -XEN_ENOSYS;
    if (operation->cmd < sizeof(operations) / sizeof(operations[0]) &&
        operations[operation->cmd].handler) {
        const struct domctl_operation *entry = &operations[operation->cmd];
        *copies_out = entry->copies_out;
        status = entry->not_self && domain == current_domain() ? -XEN_EINVAL
                                                               : entry->handler(domain, operation);
    }
    domain_put(domain);
    return status;
}

/* Xen tells everybody whether a domain exists before it asks for privilege. */
static int refuse_unprivileged(const struct xen_domctl *operation)
{
    struct domain *domain;

    if (operation->cmd == XEN_DOMCTL_createdomain || operation->cmd == XEN_DOMCTL_getdomaininfo)
        return -XEN_EPERM;
    domain = domain_get_by_id(operation->domain);
    if (!domain)
        return -XEN_ESRCH;
    domain_put(domain);
    return -XEN_EPERM;
}

long do_domctl(unsigned long address)
{
    guest_ptr_t pointer = guest_ptr(address);
    struct xen_domctl operation;
    bool copies_out;

    if (copy_from_guest(&operation, pointer, sizeof(operation)))
        return -XEN_EFAULT;
    if (operation.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return -XEN_EACCES;
    if (!current_domain()->privileged)
        return refuse_unprivileged(&operation);
    /* What cannot take a result is refused before anything has changed. */
    if (copy_to_guest(pointer, &operation, sizeof(operation)))
        return -XEN_EFAULT;
    mutex_lock(&control_lock);
    long status = apply(&operation, &copies_out);
    mutex_unlock(&control_lock);
    if (!status && copies_out && copy_to_guest(pointer, &operation, sizeof(operation)))
        return -XEN_EFAULT;
    return status;
}
