/* SPDX-License-Identifier: MIT */
#include "pvguest/control/machine_calls.h"

#include <xen/errno.h>

#include "lib/string.h"
#include "pvguest/kernel/hypercall.h"

static int call(struct xen_sysctl *operation, unsigned int command)
{
    operation->cmd = command;
    operation->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall_sysctl(operation);
}

int machine_call_information(struct xen_sysctl_physinfo *information)
{
    struct xen_sysctl operation = {0};
    int status = call(&operation, XEN_SYSCTL_physinfo);

    *information = operation.u.physinfo;
    return status;
}

int machine_call_scheduler(uint32_t *scheduler)
{
    struct xen_sysctl operation = {0};
    int status = call(&operation, XEN_SYSCTL_sched_id);

    *scheduler = operation.u.sched_id.sched_id;
    return status;
}

const char *machine_scheduler_name(uint32_t scheduler)
{
    static const char *const names[] = {
        [XEN_SCHEDULER_CREDIT] = "credit",     [XEN_SCHEDULER_CREDIT2] = "credit2",
        [XEN_SCHEDULER_ARINC653] = "arinc653", [XEN_SCHEDULER_RTDS] = "rtds",
        [XEN_SCHEDULER_NULL] = "null",
    };

    return scheduler < sizeof names / sizeof names[0] && names[scheduler] ? names[scheduler]
                                                                          : "unknown";
}

/* Of the one pool of processors. */
int machine_call_rate_limit(uint32_t *microseconds)
{
    struct xen_sysctl operation = {0};
    int status;

    operation.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    operation.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    status = call(&operation, XEN_SYSCTL_scheduler_op);
    *microseconds = operation.u.scheduler_op.u.sched_credit2.ratelimit_us;
    return status;
}

int machine_call_idle_times(struct xen_sysctl_cpuinfo *processors, unsigned int limit)
{
    struct xen_sysctl operation = {0};
    int status;

    operation.u.getcpuinfo.max_cpus = limit;
    set_xen_guest_handle(operation.u.getcpuinfo.info, processors);
    status = call(&operation, XEN_SYSCTL_getcpuinfo);
    return status < 0 ? status : (int)operation.u.getcpuinfo.nr_cpus;
}

int machine_call_read_console(char *buffer, size_t size, uint32_t *index)
{
    struct xen_sysctl operation = {0};
    int status;

    operation.u.readconsole.incremental = 1;
    operation.u.readconsole.index = *index;
    operation.u.readconsole.count = (uint32_t)size;
    set_xen_guest_handle(operation.u.readconsole.buffer, buffer);
    status = call(&operation, XEN_SYSCTL_readconsole);
    if (status < 0)
        return status;
    *index = operation.u.readconsole.index;
    return (int)operation.u.readconsole.count;
}

int machine_call_debug_keys(char *keys)
{
    struct xen_sysctl operation = {0};

    set_xen_guest_handle(operation.u.debug_keys.keys, keys);
    operation.u.debug_keys.nr_keys = (uint32_t)strlen(keys);
    return call(&operation, XEN_SYSCTL_debug_keys);
}

int machine_call_counters(struct xen_sysctl_perfc_desc *names, xen_sysctl_perfc_val_t *values,
                          unsigned int limit)
{
    struct xen_sysctl operation = {0};
    int status;

    operation.u.perfc_op.cmd = XEN_SYSCTL_PERFCOP_query;
    operation.u.perfc_op.nr_counters = limit;
    operation.u.perfc_op.nr_vals = limit * MACHINE_CALL_NUMBERS;
    set_xen_guest_handle(operation.u.perfc_op.desc, names);
    set_xen_guest_handle(operation.u.perfc_op.val, values);
    status = call(&operation, XEN_SYSCTL_perfc_op);
    return status < 0 ? status : (int)operation.u.perfc_op.nr_counters;
}

static int trace_call(struct xen_sysctl *operation, uint32_t command)
{
    operation->u.tbuf_op.cmd = command;
    return call(operation, XEN_SYSCTL_tbuf_op);
}

int machine_call_trace_index(uint32_t pages, uint64_t *frame, size_t *bytes)
{
    struct xen_sysctl operation = {0};
    int status = trace_call(&operation, XEN_SYSCTL_TBUFOP_get_info);

    if (status == 0 && operation.u.tbuf_op.buffer_mfn == 0) {
        operation.u.tbuf_op.size = pages;
        status = trace_call(&operation, XEN_SYSCTL_TBUFOP_set_size);
        if (status == 0)
            status = trace_call(&operation, XEN_SYSCTL_TBUFOP_get_info);
    }
    *frame = operation.u.tbuf_op.buffer_mfn;
    *bytes = operation.u.tbuf_op.size;
    return status;
}

int machine_call_trace_start(uint32_t mask)
{
    struct xen_sysctl operation = {0};
    int status;

    operation.u.tbuf_op.evt_mask = mask;
    status = trace_call(&operation, XEN_SYSCTL_TBUFOP_set_evt_mask);
    return status ? status : trace_call(&operation, XEN_SYSCTL_TBUFOP_enable);
}

int machine_call_trace_stop(void)
{
    struct xen_sysctl operation = {0};

    return trace_call(&operation, XEN_SYSCTL_TBUFOP_disable);
}
