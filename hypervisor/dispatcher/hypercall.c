/* SPDX-License-Identifier: MIT */
#include "hypervisor/dispatcher/hypercall.h"

#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/guest_word.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/trace.h"

SPARES_REGISTERS long hypercall_none(void)
{
    return -XEN_ENOSYS;
}

/* A handler ignores the registers of arguments that it does not have. */
#define CALL(handler)         ((hypercall_t *)(void (*)(void))(handler))
#define WAY(number, by, call) .way[number] = (by), .handler[number] = CALL(call)
#define PLAIN(number, call)   WAY(number, hypercall_plain, call)
#define SPARING(number, call) WAY(number, SPARING_WAY, call)
#define NONE(number)          SPARING(number, hypercall_none)

/* docs/abi.md explains each. */
const struct hypercall_table hypercall_table = {
    PLAIN(__HYPERVISOR_set_trap_table, do_set_trap_table),
    PLAIN(__HYPERVISOR_mmu_update, hypercall_mmu_update),
    PLAIN(__HYPERVISOR_set_gdt, do_set_gdt),
    SPARING(__HYPERVISOR_stack_switch, do_stack_switch),
    PLAIN(__HYPERVISOR_set_callbacks, do_set_callbacks),
    SPARING(__HYPERVISOR_fpu_taskswitch, do_fpu_taskswitch),
    PLAIN(__HYPERVISOR_sched_op_compat, do_sched_op_compat),
    PLAIN(__HYPERVISOR_platform_op, do_platform_op),
    PLAIN(__HYPERVISOR_set_debugreg, do_set_debugreg),
    PLAIN(__HYPERVISOR_get_debugreg, do_get_debugreg),
    PLAIN(__HYPERVISOR_update_descriptor, do_update_descriptor),
    NONE(11),
    PLAIN(__HYPERVISOR_memory_op, do_memory_op),
    PLAIN(__HYPERVISOR_multicall, do_multicall),
    PLAIN(__HYPERVISOR_update_va_mapping, do_update_va_mapping),
    PLAIN(__HYPERVISOR_set_timer_op, do_set_timer_op),
    NONE(16),
    SPARING(__HYPERVISOR_xen_version, do_xen_version),
    PLAIN(__HYPERVISOR_console_io, do_console_io),
    NONE(19),
    PLAIN(__HYPERVISOR_grant_table_op, do_grant_table_op),
    PLAIN(__HYPERVISOR_vm_assist, do_vm_assist),
    PLAIN(__HYPERVISOR_update_va_mapping_otherdomain, hypercall_update_va_mapping_otherdomain),
    WAY(__HYPERVISOR_iret, hypercall_iret, hypercall_iret_traced),
    PLAIN(__HYPERVISOR_vcpu_op, do_vcpu_op),
    SPARING(__HYPERVISOR_set_segment_base, do_set_segment_base),
    PLAIN(__HYPERVISOR_mmuext_op, hypercall_mmuext_op),
    NONE(27),
    PLAIN(__HYPERVISOR_nmi_op, do_nmi_op),
    PLAIN(__HYPERVISOR_sched_op, do_sched_op),
    PLAIN(__HYPERVISOR_callback_op, do_callback_op),
    NONE(31),
    PLAIN(__HYPERVISOR_event_channel_op, do_event_channel_op),
    PLAIN(__HYPERVISOR_physdev_op, do_physdev_op),
    NONE(34),
    PLAIN(__HYPERVISOR_sysctl, do_sysctl),
    PLAIN(__HYPERVISOR_domctl, do_domctl),
    NONE(37 ... 47),
    PLAIN(__HYPERVISOR_arch_0, do_mca),
    NONE(49 ... HYPERCALL_NUMBERS - 1),
};

static struct hypercall_table traced;

void hypercall_trace_set(bool on)
{
    for (unsigned i = 0; i < HYPERCALL_NUMBERS; i++) {
        traced.way[i] = hypercall_plain;
        traced.handler[i] = CALL(hypercall_traced);
    }
    for (unsigned id = 0; id < pcpu_count; id++)
        __atomic_store_n(&pcpu_of(id)->hypercalls, on ? &traced : &hypercall_table,
                         __ATOMIC_RELEASE);
}

void hypercall_trace(unsigned long number, unsigned long first)
{
    const uint32_t words[] = {((uint32_t)number & ~TRC_PV_HYPERCALL_V2_ARG_MASK) |
                                  TRC_PV_HYPERCALL_V2_ARG_32(0),
                              (uint32_t)first};

    trace_write(TRC_PV_HYPERCALL_V2, words, 2);
}

/* As entry.S calls it: all registers of arguments, the fourth in r10. */
static inline unsigned long handler_call(hypercall_t *handler, unsigned long *argument)
{
    register unsigned long fourth asm("r10") = argument[3], fifth asm("r8") = argument[4];
    unsigned long result;

    asm volatile("call *%[handler]"
                 : "=a"(result), "+D"(argument[0]), "+S"(argument[1]), "+d"(argument[2]),
                   "+r"(fourth), "+r"(fifth)
                 : [handler] "r"(handler)
                 : "rcx", "r9", "r11", "memory", "cc");
    return result;
}

/*
 * iret would change the frame that the batch returns through, and a multicall in a multicall would
 * nest without bound (XSA-213).
 */
#define NOT_IN_A_BATCH (1UL << __HYPERVISOR_iret | 1UL << __HYPERVISOR_multicall)

/* What entry.S does for a single call. */
static inline unsigned long entry_call(struct vcpu *vcpu, unsigned long number,
                                       unsigned long *argument)
{
    if (number >= HYPERCALL_NUMBERS)
        return (unsigned long)-XEN_ENOSYS;
    if (NOT_IN_A_BATCH >> number & 1)
        return (unsigned long)-XEN_EINVAL;
    vcpu->hypercall_count[number]++;
    if (trace_on())
        hypercall_trace(number, argument[0]);
    return handler_call(hypercall_table.handler[number], argument);
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

/* Between two calls interrupts are let in, and whoever wants the processor gets it. */
static inline bool disturbed(const struct vcpu *vcpu)
{
    const bool *reschedule = (const bool *)&this_pcpu()->reschedule;

    interrupts_admit(); /* for the compiler, a barrier as well: what is read has been changed */
    return __builtin_expect(vcpu_exit_word(vcpu) || *reschedule, false);
}

/* A list of calls. A domain that has been shut down is paused as well. */
long do_multicall(unsigned long address, uint32_t count)
{
    struct multicall_entry *guest = (struct multicall_entry *)address;
    struct vcpu *vcpu = current_vcpu();

    if (!guest_array_ok(guest_ptr(address), count, sizeof(*guest)))
        return -XEN_EFAULT;
    for (; count > 0; count--, guest++) {
        if (!entry_do(vcpu, guest))
            return -XEN_EFAULT;
        if (!disturbed(vcpu))
            continue;
        if (READ_ONCE(vcpu->pause_count) && vcpu->domain->shut_down)
            break;
        rest_point();
    }
    return 0;
}
