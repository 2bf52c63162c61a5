/* SPDX-License-Identifier: MIT */
#include "hypervisor/dispatcher/hypercall.h"

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/guest_word.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/trace.h"

long hypercall_none(void)
{
    return -XEN_ENOSYS;
}

/* A handler ignores the registers of arguments that it does not have. */
#define CALL(handler) ((hypercall_t *)(void (*)(void))(handler))
#define NONE          CALL(hypercall_none)

/* docs/abi.md explains each. */
hypercall_t *const hypercall_table[HYPERCALL_NUMBERS] = {
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
    [11] = NONE,
    [__HYPERVISOR_memory_op] = CALL(do_memory_op),
    [__HYPERVISOR_multicall] = CALL(do_multicall),
    [__HYPERVISOR_update_va_mapping] = CALL(do_update_va_mapping),
    [__HYPERVISOR_set_timer_op] = CALL(do_set_timer_op),
    [16] = NONE,
    [__HYPERVISOR_xen_version] = CALL(do_xen_version),
    [__HYPERVISOR_console_io] = CALL(do_console_io),
    [19] = NONE,
    [__HYPERVISOR_grant_table_op] = CALL(do_grant_table_op),
    [__HYPERVISOR_vm_assist] = CALL(do_vm_assist),
    [__HYPERVISOR_update_va_mapping_otherdomain] = CALL(do_update_va_mapping_otherdomain),
    [__HYPERVISOR_iret] = CALL(hypercall_iret),
    [__HYPERVISOR_vcpu_op] = CALL(do_vcpu_op),
    [__HYPERVISOR_set_segment_base] = CALL(do_set_segment_base),
    [__HYPERVISOR_mmuext_op] = CALL(do_mmuext_op),
    [27] = NONE,
    [__HYPERVISOR_nmi_op] = CALL(do_nmi_op),
    [__HYPERVISOR_sched_op] = CALL(do_sched_op),
    [__HYPERVISOR_callback_op] = CALL(do_callback_op),
    [31] = NONE,
    [__HYPERVISOR_event_channel_op] = CALL(do_event_channel_op),
    [__HYPERVISOR_physdev_op] = CALL(do_physdev_op),
    [34] = NONE,
    [__HYPERVISOR_sysctl] = CALL(do_sysctl),
    [__HYPERVISOR_domctl] = CALL(do_domctl),
    [37 ... 47] = NONE,
    [__HYPERVISOR_arch_0] = CALL(do_mca),
    [49 ... HYPERCALL_NUMBERS - 1] = NONE,
};

static hypercall_t *traced[HYPERCALL_NUMBERS];
hypercall_t *const *hypercall_handlers = hypercall_table;

void hypercall_trace_set(bool on)
{
    for (unsigned i = 0; i < HYPERCALL_NUMBERS; i++)
        traced[i] = CALL(hypercall_traced);
    __atomic_store_n(&hypercall_handlers, on ? traced : hypercall_table, __ATOMIC_RELEASE);
}

void hypercall_trace(unsigned long number, unsigned long first)
{
    const uint32_t words[] = {((uint32_t)number & ~TRC_PV_HYPERCALL_V2_ARG_MASK) |
                                  TRC_PV_HYPERCALL_V2_ARG_32(0),
                              (uint32_t)first};

    trace_write(TRC_PV_HYPERCALL_V2, words, 2);
}

/* What entry.S does for a single call. */
static inline unsigned long entry_call(struct vcpu *vcpu, unsigned long number,
                                       const unsigned long *argument)
{
    if (number == __HYPERVISOR_iret || number == __HYPERVISOR_multicall)
        return (unsigned long)-XEN_EINVAL;
    if (number >= HYPERCALL_NUMBERS)
        return (unsigned long)-XEN_ENOSYS;
    vcpu->hypercall_count[number]++;
    if (trace_on())
        hypercall_trace(number, argument[0]);
    return (unsigned long)hypercall_table[number](argument[0], argument[1], argument[2],
                                                  argument[3], argument[4]);
}

static inline bool result_write(struct multicall_entry *guest, unsigned long result)
{
    guest_access_begin();
    guest_word_write(result, &guest->result, failed);
    guest_access_end();
    return true;

failed:
    guest_access_end();
    return false;
}

/* One call of a list whose range has been checked. Each word is read once. */
static inline bool entry_do(struct vcpu *vcpu, struct multicall_entry *guest)
{
    unsigned long number, argument[5];
    bool failed = false;

    guest_access_begin();
    guest_word_read(number, &guest->op, failed);
    guest_word_read(argument[0], &guest->args[0], failed);
    guest_word_read(argument[1], &guest->args[1], failed);
    guest_word_read(argument[2], &guest->args[2], failed);
    guest_word_read(argument[3], &guest->args[3], failed);
    guest_word_read(argument[4], &guest->args[4], failed);
    guest_access_end();
    return !failed && result_write(guest, entry_call(vcpu, number, argument));
}

/*
 * A list of calls. iret would change the frame that the batch returns through, and a multicall in a
 * multicall would nest without bound: both are refused (XSA-213). A domain that has been shut down
 * is paused as well.
 */
long do_multicall(unsigned long address, uint32_t count)
{
    struct multicall_entry *guest = (struct multicall_entry *)address;
    struct vcpu *vcpu = current_vcpu();

    if (!guest_array_ok(guest_ptr(address), count, sizeof(*guest)))
        return -XEN_EFAULT;
    for (; count > 0; count--, guest++) {
        if (!entry_do(vcpu, guest))
            return -XEN_EFAULT;
        if (READ_ONCE(vcpu->pause_count) && vcpu->domain->shut_down)
            break;
        rest_point();
    }
    return 0;
}
