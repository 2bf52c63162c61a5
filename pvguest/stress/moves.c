/* SPDX-License-Identifier: MIT */
/*
 * Migration: the first domain may say where virtual CPUs run, and says something else for one of
 * its own again and again, while it runs. A domain that may not is moved by the control domain.
 */
#include "lib/string.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"
#include "pvguest/stress/stress.h"

#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/sysctl.h>

static bool refused_for_good;

static int affinity_set(unsigned int vcpu, uint8_t processors)
{
    struct xen_domctl operation = {
        .cmd = XEN_DOMCTL_setvcpuaffinity,
        .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
        .domain = DOMID_SELF,
        .u.vcpuaffinity = {.vcpu = vcpu, .flags = XEN_VCPUAFFINITY_HARD, .cpumap_hard.nr_bits = 8},
    };

    operation.domain = 0;
    set_xen_guest_handle(operation.u.vcpuaffinity.cpumap_hard.bitmap, &processors);
    return hypercall_domctl(&operation);
}

void moves_step(struct worker *worker)
{
    unsigned int vcpu = (unsigned int)random_below(worker, STRESS_VCPUS);
    int error;

    if (!guest_is_initial_domain() || READ_ONCE(refused_for_good))
        return;
    error = affinity_set(vcpu, (uint8_t)(1 + random_below(worker, 255)));
    if (error == -XEN_EOPNOTSUPP) {
        WRITE_ONCE(refused_for_good, true);
        print("stress: this hypervisor moves no virtual CPUs\n");
    }
    stress_count(MOVES, !error);
}

/* Everywhere again; and then, with nothing under way, every frame's references are recounted. */
void moves_end(void)
{
    char key = 'a';
    struct xen_sysctl audit = {
        .cmd = XEN_SYSCTL_debug_keys,
        .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
        .u.debug_keys.nr_keys = 1,
    };

    if (!guest_is_initial_domain())
        return;
    for (unsigned int vcpu = 0; vcpu < STRESS_VCPUS; vcpu++)
        affinity_set(vcpu, 0xff);
    set_xen_guest_handle(audit.u.debug_keys.keys, &key);
    hypercall_sysctl(&audit);
}
