/* SPDX-License-Identifier: MIT */
/*
 * The platform_op hypercall: what the first domain may set and ask about the machine.
 */
#include <stdint.h>

#include <xen/errno.h>
#include <xen/platform.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/clock.h"

#define SECOND_NS 1000000000UL

static long set_time(struct xen_platform_op *operation)
{
    const struct xenpf_settime64 *time = &operation->u.settime64;

    if (time->mbz || time->nsecs >= SECOND_NS || time->secs >= ~0UL / SECOND_NS)
        return -XEN_EINVAL;
    /* No domain may give up its shared info page meanwhile. */
    mutex_lock(&control_lock);
    clock_set_wall(time->secs * SECOND_NS + time->nsecs - time->system_time);
    mutex_unlock(&control_lock);
    return 0;
}

static long get_cpuinfo(struct xen_platform_op *operation)
{
    struct xenpf_pcpuinfo *info = &operation->u.pcpu_info;
    const struct pcpu *pcpu = pcpu_of(info->xen_cpuid);

    info->max_present = pcpu_count - 1;
    info->flags = XEN_PCPU_FLAGS_INVALID;
    info->apic_id = info->acpi_id = 0;
    if (pcpu) {
        info->flags = pcpu->online ? XEN_PCPU_FLAGS_ONLINE : 0;
        info->apic_id = pcpu->apic_id;
        info->acpi_id = pcpu->acpi_id;
    }
    return 0;
}

static long platform_operation(struct xen_platform_op *operation)
{
    switch (operation->cmd) {
    case XENPF_settime64:
        return set_time(operation);
    case XENPF_get_cpuinfo:
        return get_cpuinfo(operation);
    default:
        return -XEN_ENOSYS;
    }
}

long do_platform_op(unsigned long address)
{
    guest_ptr_t pointer = guest_ptr(address);
    struct xen_platform_op operation;

    if (copy_from_guest(&operation, pointer, sizeof(operation)))
        return -XEN_EFAULT;
    if (operation.interface_version != XENPF_INTERFACE_VERSION)
        return -XEN_EACCES;
    if (!current_domain()->privileged)
        return -XEN_EPERM;
    long status = platform_operation(&operation);
    if (!status && copy_to_guest(pointer, &operation, sizeof(operation)))
        return -XEN_EFAULT;
    return status;
}
