/* SPDX-License-Identifier: MIT */
/*
 * The hypercalls, one inline function each, through the hypercall page. No state. Any context.
 * Results are what the hypervisor gave: a value, or a negative errno of <xen/errno.h>.
 */
#pragma once

#include <stdint.h>
#include <xen/xen.h>

/* Filled by the domain's builder; entry n is at 32 * n. */
extern char hypercall_page[4096];

/* Any number with any arguments, for tests. */
static inline long hypercall_raw(unsigned int number, unsigned long a1, unsigned long a2,
                                 unsigned long a3, unsigned long a4, unsigned long a5)
{
    register unsigned long r10 __asm__("r10") = a4;
    register unsigned long r8 __asm__("r8") = a5;
    long result = (long)(hypercall_page + 32UL * number);

    __asm__ __volatile__("call *%%rax"
                         : "+a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
                         :
                         : "memory", "cc", "rcx", "r11");
    return result;
}

/*
 * What the functions below are made of: a constant number, as many arguments as the call has. Those
 * registers are the hypervisor's to change.
 */
#define HYPERCALL_ENTRY    "call hypercall_page + 32 * %c[number]"
#define HYPERCALL_CLOBBERS "memory", "cc", "rcx", "r11"

static inline __attribute__((always_inline)) long hypercall_1(unsigned int number, unsigned long a1)
{
    long result;

    __asm__ __volatile__(HYPERCALL_ENTRY
                         : "=a"(result), "+D"(a1)
                         : [number] "i"(number)
                         : HYPERCALL_CLOBBERS);
    return result;
}

static inline __attribute__((always_inline)) long hypercall_2(unsigned int number, unsigned long a1,
                                                              unsigned long a2)
{
    long result;

    __asm__ __volatile__(HYPERCALL_ENTRY
                         : "=a"(result), "+D"(a1), "+S"(a2)
                         : [number] "i"(number)
                         : HYPERCALL_CLOBBERS);
    return result;
}

static inline __attribute__((always_inline)) long hypercall_3(unsigned int number, unsigned long a1,
                                                              unsigned long a2, unsigned long a3)
{
    long result;

    __asm__ __volatile__(HYPERCALL_ENTRY
                         : "=a"(result), "+D"(a1), "+S"(a2), "+d"(a3)
                         : [number] "i"(number)
                         : HYPERCALL_CLOBBERS);
    return result;
}

static inline __attribute__((always_inline)) long hypercall_4(unsigned int number, unsigned long a1,
                                                              unsigned long a2, unsigned long a3,
                                                              unsigned long a4)
{
    register unsigned long r10 __asm__("r10") = a4;
    long result;

    __asm__ __volatile__(HYPERCALL_ENTRY
                         : "=a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10)
                         : [number] "i"(number)
                         : HYPERCALL_CLOBBERS);
    return result;
}

#define HYPERCALL_ARGUMENT(value) ((unsigned long)(value))

static inline int hypercall_set_trap_table(const struct trap_info *traps)
{
    return (int)hypercall_1(__HYPERVISOR_set_trap_table, HYPERCALL_ARGUMENT(traps));
}

static inline int hypercall_mmu_update(const struct mmu_update *updates, unsigned int count,
                                       unsigned int *done, domid_t domain)
{
    return (int)hypercall_4(__HYPERVISOR_mmu_update, HYPERCALL_ARGUMENT(updates), count,
                            HYPERCALL_ARGUMENT(done), domain);
}

static inline int hypercall_set_gdt(const xen_pfn_t *frames, unsigned int entries)
{
    return (int)hypercall_2(__HYPERVISOR_set_gdt, HYPERCALL_ARGUMENT(frames), entries);
}

static inline int hypercall_stack_switch(unsigned long ss, unsigned long stack)
{
    return (int)hypercall_2(__HYPERVISOR_stack_switch, ss, stack);
}

static inline int hypercall_set_callbacks(unsigned long event, unsigned long failsafe,
                                          unsigned long syscall)
{
    return (int)hypercall_3(__HYPERVISOR_set_callbacks, event, failsafe, syscall);
}

static inline int hypercall_fpu_taskswitch(int set)
{
    return (int)hypercall_1(__HYPERVISOR_fpu_taskswitch, HYPERCALL_ARGUMENT(set));
}

static inline int hypercall_platform_op(void *operation)
{
    return (int)hypercall_1(__HYPERVISOR_platform_op, HYPERCALL_ARGUMENT(operation));
}

static inline long hypercall_set_debugreg(int number, unsigned long value)
{
    return hypercall_2(__HYPERVISOR_set_debugreg, HYPERCALL_ARGUMENT(number), value);
}

static inline unsigned long hypercall_get_debugreg(int number)
{
    return (unsigned long)hypercall_1(__HYPERVISOR_get_debugreg, HYPERCALL_ARGUMENT(number));
}

static inline int hypercall_update_descriptor(uint64_t machine_address, uint64_t descriptor)
{
    return (int)hypercall_2(__HYPERVISOR_update_descriptor, machine_address, descriptor);
}

static inline long hypercall_memory_op(unsigned int command, void *argument)
{
    return hypercall_2(__HYPERVISOR_memory_op, command, HYPERCALL_ARGUMENT(argument));
}

static inline int hypercall_multicall(struct multicall_entry *calls, unsigned int count)
{
    return (int)hypercall_2(__HYPERVISOR_multicall, HYPERCALL_ARGUMENT(calls), count);
}

static inline int hypercall_update_va_mapping(uint64_t address, uint64_t entry, unsigned long flags)
{
    return (int)hypercall_3(__HYPERVISOR_update_va_mapping, address, entry, flags);
}

static inline int hypercall_update_va_mapping_otherdomain(uint64_t address, uint64_t entry,
                                                          unsigned long flags, domid_t domain)
{
    return (int)hypercall_4(__HYPERVISOR_update_va_mapping_otherdomain, address, entry, flags,
                            domain);
}

static inline long hypercall_set_timer_op(uint64_t system_time_ns)
{
    return hypercall_1(__HYPERVISOR_set_timer_op, system_time_ns);
}

static inline long hypercall_xen_version(unsigned int command, void *argument)
{
    return hypercall_2(__HYPERVISOR_xen_version, command, HYPERCALL_ARGUMENT(argument));
}

static inline int hypercall_console_io(unsigned int command, unsigned int count, const void *buffer)
{
    return (int)hypercall_3(__HYPERVISOR_console_io, command, count, HYPERCALL_ARGUMENT(buffer));
}

static inline int hypercall_grant_table_op(unsigned int command, void *operations,
                                           unsigned int count)
{
    return (int)hypercall_3(__HYPERVISOR_grant_table_op, command, HYPERCALL_ARGUMENT(operations),
                            count);
}

static inline int hypercall_vm_assist(unsigned int command, unsigned int type)
{
    return (int)hypercall_2(__HYPERVISOR_vm_assist, command, type);
}

static inline int hypercall_vcpu_op(unsigned int command, unsigned int vcpu, void *argument)
{
    return (int)hypercall_3(__HYPERVISOR_vcpu_op, command, vcpu, HYPERCALL_ARGUMENT(argument));
}

static inline int hypercall_set_segment_base(unsigned int which, unsigned long base)
{
    return (int)hypercall_2(__HYPERVISOR_set_segment_base, which, base);
}

static inline int hypercall_mmuext_op(const struct mmuext_op *operations, unsigned int count,
                                      unsigned int *done, domid_t domain)
{
    return (int)hypercall_4(__HYPERVISOR_mmuext_op, HYPERCALL_ARGUMENT(operations), count,
                            HYPERCALL_ARGUMENT(done), domain);
}

static inline int hypercall_nmi_op(unsigned int command, void *argument)
{
    return (int)hypercall_2(__HYPERVISOR_nmi_op, command, HYPERCALL_ARGUMENT(argument));
}

static inline int hypercall_sched_op(unsigned int command, void *argument)
{
    return (int)hypercall_2(__HYPERVISOR_sched_op, command, HYPERCALL_ARGUMENT(argument));
}

static inline int hypercall_callback_op(unsigned int command, void *argument)
{
    return (int)hypercall_2(__HYPERVISOR_callback_op, command, HYPERCALL_ARGUMENT(argument));
}

static inline int hypercall_event_channel_op(unsigned int command, void *argument)
{
    return (int)hypercall_2(__HYPERVISOR_event_channel_op, command, HYPERCALL_ARGUMENT(argument));
}

static inline int hypercall_physdev_op(unsigned int command, void *argument)
{
    return (int)hypercall_2(__HYPERVISOR_physdev_op, command, HYPERCALL_ARGUMENT(argument));
}

static inline int hypercall_sysctl(void *operation)
{
    return (int)hypercall_1(__HYPERVISOR_sysctl, HYPERCALL_ARGUMENT(operation));
}

static inline int hypercall_domctl(void *operation)
{
    return (int)hypercall_1(__HYPERVISOR_domctl, HYPERCALL_ARGUMENT(operation));
}
