/* SPDX-License-Identifier: MIT */
/*
 * The shell's command about what a domain has asked of the hypervisor.
 */
#include <stddef.h>
#include <stdint.h>
#include <xen/errno.h>
#include <xen/sysctl.h>
#include <xen/xen.h>

#include "lib/format.h"
#include "lib/string.h"
#include "pvguest/control/machine_calls.h"
#include "pvguest/control/shell_commands.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/print.h"

#define DOMAINS_MAX 64

struct counters {
    struct xen_sysctl_perfc_desc names[DOMAINS_MAX];
    xen_sysctl_perfc_val_t values[DOMAINS_MAX][MACHINE_CALL_NUMBERS];
};

/* As <xen/xen.h> names them. */
static const char *const names[MACHINE_CALL_NUMBERS] = {
    [__HYPERVISOR_set_trap_table] = "set_trap_table",
    [__HYPERVISOR_mmu_update] = "mmu_update",
    [__HYPERVISOR_set_gdt] = "set_gdt",
    [__HYPERVISOR_stack_switch] = "stack_switch",
    [__HYPERVISOR_set_callbacks] = "set_callbacks",
    [__HYPERVISOR_fpu_taskswitch] = "fpu_taskswitch",
    [__HYPERVISOR_sched_op_compat] = "sched_op_compat",
    [__HYPERVISOR_platform_op] = "platform_op",
    [__HYPERVISOR_set_debugreg] = "set_debugreg",
    [__HYPERVISOR_get_debugreg] = "get_debugreg",
    [__HYPERVISOR_update_descriptor] = "update_descriptor",
    [__HYPERVISOR_memory_op] = "memory_op",
    [__HYPERVISOR_multicall] = "multicall",
    [__HYPERVISOR_update_va_mapping] = "update_va_mapping",
    [__HYPERVISOR_set_timer_op] = "set_timer_op",
    [__HYPERVISOR_event_channel_op_compat] = "event_channel_op_compat",
    [__HYPERVISOR_xen_version] = "xen_version",
    [__HYPERVISOR_console_io] = "console_io",
    [__HYPERVISOR_physdev_op_compat] = "physdev_op_compat",
    [__HYPERVISOR_grant_table_op] = "grant_table_op",
    [__HYPERVISOR_vm_assist] = "vm_assist",
    [__HYPERVISOR_update_va_mapping_otherdomain] = "update_va_mapping_otherdomain",
    [__HYPERVISOR_iret] = "iret",
    [__HYPERVISOR_vcpu_op] = "vcpu_op",
    [__HYPERVISOR_set_segment_base] = "set_segment_base",
    [__HYPERVISOR_mmuext_op] = "mmuext_op",
    [__HYPERVISOR_xsm_op] = "xsm_op",
    [__HYPERVISOR_nmi_op] = "nmi_op",
    [__HYPERVISOR_sched_op] = "sched_op",
    [__HYPERVISOR_callback_op] = "callback_op",
    [__HYPERVISOR_xenoprof_op] = "xenoprof_op",
    [__HYPERVISOR_event_channel_op] = "event_channel_op",
    [__HYPERVISOR_physdev_op] = "physdev_op",
    [__HYPERVISOR_hvm_op] = "hvm_op",
    [__HYPERVISOR_sysctl] = "sysctl",
    [__HYPERVISOR_domctl] = "domctl",
    [__HYPERVISOR_kexec_op] = "kexec_op",
    [__HYPERVISOR_tmem_op] = "tmem_op",
    [__HYPERVISOR_argo_op] = "argo_op",
    [__HYPERVISOR_xenpmu_op] = "xenpmu_op",
    [__HYPERVISOR_dm_op] = "dm_op",
    [__HYPERVISOR_hypfs_op] = "hypfs_op",
    [__HYPERVISOR_arch_0] = "mca",
    [__HYPERVISOR_arch_1] = "paging_domctl",
};

static void show(const xen_sysctl_perfc_val_t *values)
{
    for (unsigned int number = 0; number < MACHINE_CALL_NUMBERS; number++) {
        if (!values[number])
            continue;
        if (names[number])
            print("%-30s %10u\n", names[number], values[number]);
        else
            print("number %-23u %10u\n", number, values[number]);
    }
}

static int find_and_show(domid_t domain, struct counters *counters)
{
    char name[sizeof counters->names[0].name];
    int found = machine_call_counters(counters->names, counters->values[0], DOMAINS_MAX);

    if (found < 0) {
        if (found == -XEN_ENOSYS)
            print("not available: this hypervisor does not count hypercalls by domain\n");
        else
            print("the hypervisor's counters cannot be read: error %d\n", found);
        return 1;
    }
    format_text(name, sizeof name, "hypercalls d%u", domain);
    for (int i = 0; i < found && i < DOMAINS_MAX; i++) {
        counters->names[i].name[sizeof name - 1] = '\0';
        if (counters->names[i].nr_vals == MACHINE_CALL_NUMBERS &&
            strcmp(counters->names[i].name, name) == 0) {
            show(counters->values[i]);
            return 0;
        }
    }
    print("not available: this hypervisor does not count hypercalls by domain\n");
    return 1;
}

int command_hypercalls(int count, char **words)
{
    struct counters *counters;
    domid_t domain;
    int status;

    if (count != 2)
        return shell_usage(words[0]);
    if (!shell_find_domain(words[1], &domain))
        return 1;
    counters = heap_allocate_zeroed(sizeof *counters);
    if (!counters)
        return 1;
    status = find_and_show(domain, counters);
    heap_free(counters);
    return status;
}
