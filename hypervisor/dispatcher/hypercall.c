/* SPDX-License-Identifier: MIT */
#include "hypervisor/dispatcher/hypercall.h"

#include <stddef.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/trace.h"

/* docs/abi.md explains each; an empty slot answers -ENOSYS. */
typedef long hypercall_t(unsigned long first, unsigned long second, unsigned long third,
                         unsigned long fourth, unsigned long fifth);

/* A handler ignores the registers of arguments that it does not have. */
#define CALL(handler) ((hypercall_t *)(void (*)(void))(handler))

static hypercall_t *const hypercall_table[] = {
    [__HYPERVISOR_set_trap_table] = CALL(do_set_trap_table),
    [__HYPERVISOR_mmu_update] = CALL(do_mmu_update),
    [__HYPERVISOR_set_gdt] = CALL(do_set_gdt),
    [__HYPERVISOR_stack_switch] = CALL(do_stack_switch),
    [__HYPERVISOR_set_callbacks] = CALL(do_set_callbacks),
    [__HYPERVISOR_fpu_taskswitch] = CALL(do_fpu_taskswitch),
    [__HYPERVISOR_sched_op_compat] = CALL(do_sched_op_compat),
    [__HYPERVISOR_platform_op] = CALL(do_platform_op),
    [__HYPERVISOR_set_debugreg] = CALL(do_set_debugreg),
    [__HYPERVISOR_get_debugreg] = CALL(do_get_debugreg),
    [__HYPERVISOR_update_descriptor] = CALL(do_update_descriptor),
    [__HYPERVISOR_memory_op] = CALL(do_memory_op),
    [__HYPERVISOR_multicall] = CALL(do_multicall),
    [__HYPERVISOR_update_va_mapping] = CALL(do_update_va_mapping),
    [__HYPERVISOR_set_timer_op] = CALL(do_set_timer_op),
    [__HYPERVISOR_xen_version] = CALL(do_xen_version),
    [__HYPERVISOR_console_io] = CALL(do_console_io),
    [__HYPERVISOR_grant_table_op] = CALL(do_grant_table_op),
    [__HYPERVISOR_vm_assist] = CALL(do_vm_assist),
    [__HYPERVISOR_update_va_mapping_otherdomain] = CALL(do_update_va_mapping_otherdomain),
    [__HYPERVISOR_iret] = CALL(do_iret),
    [__HYPERVISOR_vcpu_op] = CALL(do_vcpu_op),
    [__HYPERVISOR_set_segment_base] = CALL(do_set_segment_base),
    [__HYPERVISOR_mmuext_op] = CALL(do_mmuext_op),
    [__HYPERVISOR_nmi_op] = CALL(do_nmi_op),
    [__HYPERVISOR_sched_op] = CALL(do_sched_op),
    [__HYPERVISOR_callback_op] = CALL(do_callback_op),
    [__HYPERVISOR_event_channel_op] = CALL(do_event_channel_op),
    [__HYPERVISOR_physdev_op] = CALL(do_physdev_op),
    [__HYPERVISOR_sysctl] = CALL(do_sysctl),
    [__HYPERVISOR_domctl] = CALL(do_domctl),
    [__HYPERVISOR_arch_0] = CALL(do_mca),
};

#define HYPERCALL_MASK  (~TRC_PV_HYPERCALL_V2_ARG_MASK)
#define HYPERCALL_COUNT (sizeof(hypercall_table) / sizeof(hypercall_table[0]))

static inline __attribute__((always_inline)) long hypercall_call(unsigned long number,
                                                                 const unsigned long *argument)
{
    if (number < HYPERCALL_NUMBERS)
        current_vcpu()->hypercall_count[number]++;
    trace(TRC_PV_HYPERCALL_V2, ((uint32_t)number & HYPERCALL_MASK) | TRC_PV_HYPERCALL_V2_ARG_32(0),
          (uint32_t)argument[0]);
    if (number >= HYPERCALL_COUNT || !hypercall_table[number])
        return -XEN_ENOSYS;
    return hypercall_table[number](argument[0], argument[1], argument[2], argument[3], argument[4]);
}

void hypercall_dispatch(struct cpu_user_regs *regs)
{
    const unsigned long argument[] = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8};

    regs->rax = (unsigned long)hypercall_call(regs->rax, argument);
}

/*
 * A list of calls. Each entry is read once; iret would change the frame that the batch returns
 * through, and a multicall in a multicall would nest without bound: both are refused (XSA-213).
 */
long do_multicall(unsigned long address, uint32_t count)
{
    guest_ptr_t list = guest_ptr(address);

    if (!guest_array_ok(list, count, sizeof(struct multicall_entry)))
        return -XEN_EFAULT;
    for (uint32_t i = 0; i < count; i++) {
        guest_ptr_t position = guest_ptr_at(list, i, sizeof(struct multicall_entry));
        struct multicall_entry entry;
        if (copy_from_guest(&entry, position, sizeof(entry)))
            return -XEN_EFAULT;
        if (entry.op == __HYPERVISOR_iret || entry.op == __HYPERVISOR_multicall)
            entry.result = (xen_ulong_t)-XEN_EINVAL;
        else
            entry.result = (xen_ulong_t)hypercall_call(entry.op, (const unsigned long *)entry.args);
        guest_ptr_t result = {position.address + offsetof(struct multicall_entry, result)};
        if (copy_to_guest(result, &entry.result, sizeof(entry.result)))
            return -XEN_EFAULT;
        if (current_domain()->shut_down)
            break;
        rest_point();
    }
    return 0;
}
