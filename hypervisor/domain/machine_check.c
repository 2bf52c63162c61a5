/* SPDX-License-Identifier: MIT */
/*
 * The mca hypercall: what a privileged domain asks about machine checks. There is never one to
 * fetch, because an error of the machine stops it; what the processors are is told, as Linux asks
 * for that before it would listen.
 */
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#include <xen/arch-x86/xen-mca.h>
#include <xen/errno.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/pcpu.h"

/* One description each for as many processors as there is room for. */
static long describe_processors(struct xen_mc_physcpuinfo *request)
{
    guest_ptr_t list = guest_ptr_of_handle(request->info);
    uint32_t room = list.address ? request->ncpus : 0;

    for (uint32_t id = 0; id < pcpu_count && id < room; id++) {
        struct mcinfo_logical_cpu description = {.mc_cpunr = id,
                                                 .mc_coreid = (uint16_t)id,
                                                 .mc_apicid = pcpu_of(id)->apic_id,
                                                 .mc_ncores = pcpu_count,
                                                 .mc_ncores_active = pcpu_count,
                                                 .mc_nthreads = 1};
        if (copy_to_guest(guest_ptr_at(list, id, sizeof(description)), &description,
                          sizeof(description)))
            return -XEN_EFAULT;
    }
    request->ncpus = pcpu_count;
    return 0;
}

static long machine_check_operation(struct xen_mc *operation)
{
    switch (operation->cmd) {
    case XEN_MC_fetch:
        operation->u.mc_fetch.flags = XEN_MC_NODATA;
        operation->u.mc_fetch.fetch_id = 0;
        return 0;
    case XEN_MC_physcpuinfo:
        return describe_processors(&operation->u.mc_physcpuinfo);
    default:
        return -XEN_EINVAL;
    }
}

long do_mca(unsigned long address)
{
    guest_ptr_t pointer = guest_ptr(address);
    struct xen_mc operation;

    if (copy_from_guest(&operation, pointer, sizeof(operation)))
        return -XEN_EFAULT;
    if (operation.interface_version != XEN_MCA_INTERFACE_VERSION)
        return -XEN_EACCES;
    if (!current_domain()->privileged)
        return -XEN_EPERM;
    long status = machine_check_operation(&operation);
    if (!status && copy_to_guest(pointer, &operation, sizeof(operation)))
        return -XEN_EFAULT;
    return status;
}
