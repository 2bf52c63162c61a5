/* SPDX-License-Identifier: MIT */
/*
 * The sysctl hypercall: what a privileged domain asks about the machine and the hypervisor.
 */
#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h>
#include <xen/sysctl.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/counters.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/domain/domctl.h"
#include "hypervisor/io/console.h"
#include "hypervisor/memory/audit.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/heap.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/trace.h"
#include "lib/string.h"

#define CHUNK          256
#define DEBUG_KEYS_MAX 64
#define KEY_AUDIT      'a'

static int read_console(struct xen_sysctl *operation)
{
    struct xen_sysctl_readconsole *request = &operation->u.readconsole;
    uint32_t index = request->incremental ? request->index : 0, total = 0;
    char chunk[CHUNK];

    while (total < request->count) {
        uint32_t rest = request->count - total;
        size_t size = console_ring_read(&index, chunk, rest < CHUNK ? rest : CHUNK, false);
        if (!size)
            break;
        if (copy_to_guest(guest_ptr_at(guest_ptr_of_handle(request->buffer), total, 1), chunk,
                          size))
            return -XEN_EFAULT;
        total += (uint32_t)size;
        preempt_point();
    }
    if (request->clear)
        console_ring_read(&index, chunk, 0, true);
    request->index = index;
    request->count = total;
    return 0;
}

static int physical_information(struct xen_sysctl *operation)
{
    struct xen_sysctl_physinfo *information = &operation->u.physinfo;
    struct cpuid_result basic = cpuid(1, 0), extended = cpuid(0x80000001, 0);

    memset(information, 0, sizeof(*information));
    for (unsigned id = 0; id < pcpu_count; id++)
        information->nr_cpus += pcpu_of(id)->online;
    information->threads_per_core = 1;
    information->cores_per_socket = information->nr_cpus;
    information->max_cpu_id = pcpu_count - 1;
    information->nr_nodes = 1;
    information->cpu_khz = (uint32_t)clock_tsc_khz();
    information->capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1;
    information->total_pages = frame_total_count();
    information->free_pages = frame_free_count();
    information->outstanding_pages = heap_claimed_count();
    information->max_mfn = frame_count_max() - 1;
    information->hw_cap[0] = basic.edx;
    information->hw_cap[1] = basic.ecx;
    information->hw_cap[2] = extended.edx;
    information->hw_cap[3] = extended.ecx;
    return 0;
}

static int scheduler(struct xen_sysctl *operation)
{
    operation->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
    return 0;
}

/* credit2's one parameter. There is one pool of processors. */
static int scheduler_parameters(struct xen_sysctl *operation)
{
    struct xen_sysctl_scheduler_op *request = &operation->u.scheduler_op;
    struct xen_sysctl_credit2_schedule *parameters = &request->u.sched_credit2;

    if (request->cmd != XEN_SYSCTL_SCHEDOP_putinfo && request->cmd != XEN_SYSCTL_SCHEDOP_getinfo)
        return -XEN_EINVAL;
    if (request->cpupool_id)
        return -XEN_ESRCH;
    if (request->sched_id != XEN_SCHEDULER_CREDIT2)
        return -XEN_EINVAL;
    if (request->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
        if (parameters->ratelimit_us &&
            (parameters->ratelimit_us > XEN_SYSCTL_SCHED_RATELIMIT_MAX ||
             parameters->ratelimit_us < XEN_SYSCTL_SCHED_RATELIMIT_MIN))
            return -XEN_EINVAL;
        WRITE_ONCE(scheduler_rate_limit_us, parameters->ratelimit_us);
    }
    parameters->ratelimit_us = scheduler_rate_limit_us;
    return 0;
}

/* In the order of their numbers, whatever the list's order is. */
static int list_domains(struct xen_sysctl *operation)
{
    struct xen_sysctl_getdomaininfolist *list = &operation->u.getdomaininfolist;
    guest_ptr_t buffer = guest_ptr_of_handle(list->buffer);
    struct xen_domctl_getdomaininfo information;

    list->num_domains = 0;
    uint32_t next = list->first_domain;
    while (list->num_domains < list->max_domains) {
        struct domain *domain = domain_get_next(next);
        if (!domain)
            break;
        domain_information(domain, &information);
        next = domain->id + 1u;
        domain_put(domain);
        if (copy_to_guest(guest_ptr_at(buffer, list->num_domains, sizeof(information)),
                          &information, sizeof(information)))
            return -XEN_EFAULT;
        list->num_domains++;
        preempt_point();
    }
    return 0;
}

static int idle_times(struct xen_sysctl *operation)
{
    struct xen_sysctl_getcpuinfo *request = &operation->u.getcpuinfo;
    guest_ptr_t array = guest_ptr_of_handle(request->info);

    request->nr_cpus = request->max_cpus < pcpu_count ? request->max_cpus : pcpu_count;
    for (uint32_t id = 0; id < request->nr_cpus; id++) {
        struct xen_sysctl_cpuinfo information = {.idletime = vcpu_cpu_time(pcpu_of(id)->idle)};
        if (copy_to_guest(guest_ptr_at(array, id, sizeof(information)), &information,
                          sizeof(information)))
            return -XEN_EFAULT;
    }
    return 0;
}

/* One node, one heap: the widths asked for do not divide it. */
static int available_heap(struct xen_sysctl *operation)
{
    if (operation->u.availheap.node > 0)
        return -XEN_EINVAL;
    operation->u.availheap.avail_bytes = frame_free_count() << PAGE_SHIFT;
    return 0;
}

static int processor_topology(struct xen_sysctl *operation)
{
    struct xen_sysctl_cputopoinfo *request = &operation->u.cputopoinfo;
    guest_ptr_t array = guest_ptr_of_handle(request->cputopo);
    uint32_t count = request->num_cpus < pcpu_count ? request->num_cpus : pcpu_count;

    request->num_cpus = pcpu_count;
    for (uint32_t id = 0; array.address && id < count; id++) {
        struct xen_sysctl_cputopo place = {.core = id};
        if (copy_to_guest(guest_ptr_at(array, id, sizeof(place)), &place, sizeof(place)))
            return -XEN_EFAULT;
    }
    return 0;
}

static int memory_topology(struct xen_sysctl *operation)
{
    struct xen_sysctl_numainfo *request = &operation->u.numainfo;
    guest_ptr_t node = guest_ptr_of_handle(request->meminfo);
    guest_ptr_t distances = guest_ptr_of_handle(request->distance);
    struct xen_sysctl_meminfo memory = {.memsize = frame_total_count() << PAGE_SHIFT,
                                        .memfree = frame_free_count() << PAGE_SHIFT};
    const uint32_t distance_to_itself = 10; /* ACPI's unit */

    bool wanted = request->num_nodes > 0;
    request->num_nodes = 1;
    if (wanted && node.address && copy_to_guest(node, &memory, sizeof(memory)))
        return -XEN_EFAULT;
    if (wanted && distances.address &&
        copy_to_guest(distances, &distance_to_itself, sizeof(distance_to_itself)))
        return -XEN_EFAULT;
    return 0;
}

static uint64_t audit_errors(struct domain *domain)
{
    struct audit_result result = {0};

    return audit_domain(domain, &result) ? 1 : result.errors;
}

/* Call `function` for every domain but the caller's. */
static void for_others(void (*function)(struct domain *domain))
{
    struct domain *domain = domain_get_next(0);

    while (domain) {
        uint32_t next = domain->id + 1u;
        if (domain != current_domain())
            function(domain);
        domain_put(domain);
        domain = domain_get_next(next);
    }
}

/* Recount every reference of every domain, all at rest; one line that a test can read. */
static void audit_all(void)
{
    uint64_t errors = 0;

    mutex_lock(&control_lock);
    for_others(domain_pause);
    struct domain *domain = domain_get_next(0);
    while (domain) {
        uint32_t next = domain->id + 1u;
        errors += audit_errors(domain);
        domain_put(domain);
        domain = domain_get_next(next);
    }
    for_others(domain_unpause);
    mutex_unlock(&control_lock);
    if (errors)
        printk("audit: %lu errors\n", errors);
    else
        printk("audit: ok\n");
}

static int debug_keys(struct xen_sysctl *operation)
{
    const struct xen_sysctl_debug_keys *request = &operation->u.debug_keys;
    char keys[DEBUG_KEYS_MAX];
    uint32_t count = request->nr_keys < DEBUG_KEYS_MAX ? request->nr_keys : DEBUG_KEYS_MAX;

    if (copy_from_guest(keys, guest_ptr_of_handle(request->keys), count))
        return -XEN_EFAULT;
    for (uint32_t i = 0; i < count; i++)
        if (keys[i] == KEY_AUDIT)
            audit_all();
    return 0;
}

static int (*const operations[])(struct xen_sysctl *operation) = {
    [XEN_SYSCTL_readconsole] = read_console,
    [XEN_SYSCTL_physinfo] = physical_information,
    [XEN_SYSCTL_scheduler_op] = scheduler_parameters,
    [XEN_SYSCTL_sched_id] = scheduler,
    [XEN_SYSCTL_getdomaininfolist] = list_domains,
    [XEN_SYSCTL_debug_keys] = debug_keys,
    [XEN_SYSCTL_getcpuinfo] = idle_times,
    [XEN_SYSCTL_availheap] = available_heap,
    [XEN_SYSCTL_cputopoinfo] = processor_topology,
    [XEN_SYSCTL_numainfo] = memory_topology,
    [XEN_SYSCTL_perfc_op] = counters_operation,
    [XEN_SYSCTL_tbuf_op] = trace_operation,
};

long do_sysctl(unsigned long address)
{
    guest_ptr_t pointer = guest_ptr(address);
    struct xen_sysctl operation;

    if (copy_from_guest(&operation, pointer, sizeof(operation)))
        return -XEN_EFAULT;
    if (operation.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return -XEN_EACCES;
    if (!current_domain()->privileged)
        return -XEN_EPERM;
    if (operation.cmd >= sizeof(operations) / sizeof(operations[0]) || !operations[operation.cmd])
        return -XEN_ENOSYS;
    if (copy_to_guest(pointer, &operation, sizeof(operation)))
        return -XEN_EFAULT;
    long status = operations[operation.cmd](&operation);
    if (!status && copy_to_guest(pointer, &operation, sizeof(operation)))
        return -XEN_EFAULT;
    return status;
}
