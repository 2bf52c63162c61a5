/* SPDX-License-Identifier: MIT */
/*
 * The hypercall table (dispatcher/hypercall.c): number, way, handler. The syscall stub in entry.S
 * checks the number, counts the call and goes the number's way, which saves what C may change and
 * calls the handler with the guest's argument registers; a handler takes as many of them as it has
 * arguments, in the width that it has a use for. While it runs, the guest's rbx, rbp and r12 to r15
 * are wherever the compiler keeps them: only rip, rflags and rsp can be read in the current vcpu's
 * saved registers.
 *
 * Handlers that do next to nothing spare registers (SPARES_REGISTERS): they give all of them back
 * themselves, which costs less than to save them all.
 *
 * A handler returns the guest's rax: 0 or positive, or a negative Xen errno. It has three steps:
 * copy arguments into hypervisor memory; check everything; apply, which cannot fail. Long ones call
 * preempt_point(); there are no continuations.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>

#include "hypervisor/processor/vcpu.h"

/*
 * clang leaves parameters out of it, and gives registers back before it jumps to a function that
 * does not: what it compiles goes the plain way.
 */
#ifdef __clang__
#define SPARES_REGISTERS
#define SPARING_WAY hypercall_plain
#else
#define SPARES_REGISTERS __attribute__((no_caller_saved_registers))
#define SPARING_WAY      hypercall_sparing
#endif

typedef long hypercall_t(unsigned long first, unsigned long second, unsigned long third,
                         unsigned long fourth, unsigned long fifth);

/* entry.S knows that the handlers come right behind the ways. */
struct hypercall_table {
    void (*way[HYPERCALL_NUMBERS])(void);
    hypercall_t *handler[HYPERCALL_NUMBERS];
};

extern const struct hypercall_table hypercall_table;

/*
 * The processors go by hypercall_table, or by one in which hypercall_traced stands for all, so that
 * tracing costs nothing while it is off. That calls hypercall_trace() first, then the handler.
 */
void hypercall_trace_set(bool on);
long hypercall_traced(void);
void hypercall_trace(unsigned long number, unsigned long first);

/* Ways, in entry.S: for any handler, for those that spare registers, and iret, which has none. */
void hypercall_plain(void);
void hypercall_sparing(void);
void hypercall_iret(void);
/* Handlers there: iret once it is traced, and those with four arguments, for C. */
long hypercall_iret_traced(void);
long hypercall_mmu_update(void);
long hypercall_update_va_mapping_otherdomain(void);
long hypercall_mmuext_op(void);
/* -ENOSYS, for a number that has no handler. */
SPARES_REGISTERS long hypercall_none(void);

/* processor/vcpu_callbacks.c */
long do_set_trap_table(unsigned long address);
SPARES_REGISTERS long do_stack_switch(unsigned long selector, unsigned long stack);
long do_set_callbacks(uint64_t event, uint64_t failsafe, uint64_t syscall);
long do_nmi_op(unsigned long command, unsigned long address);
long do_callback_op(unsigned long command, unsigned long address);
/* processor/descriptor.c */
long do_set_gdt(unsigned long list, uint32_t entries);
long do_update_descriptor(uint64_t machine_address, uint64_t descriptor);
/* processor/fpu.c, debug_register.c, segment.c */
SPARES_REGISTERS long do_fpu_taskswitch(unsigned long set);
long do_set_debugreg(unsigned long number, unsigned long value);
long do_get_debugreg(unsigned long number);
SPARES_REGISTERS long do_set_segment_base(unsigned long which, uint64_t base);
/* memory/mmu_update.c, mmuext_op.c */
long do_mmu_update(unsigned long address, uint32_t count, unsigned long done_address,
                   uint32_t owners);
long do_update_va_mapping(uint64_t address, uint64_t entry, unsigned long flags);
long do_update_va_mapping_otherdomain(uint64_t address, uint64_t entry, unsigned long flags,
                                      uint32_t owner);
long do_mmuext_op(unsigned long address, uint32_t count, unsigned long done_address,
                  uint32_t owner);
/* memory/memory_op.c, grant_table_op.c */
long do_memory_op(unsigned long command, unsigned long address);
long do_grant_table_op(uint32_t command, unsigned long address, uint32_t count);
/* dispatcher/hypercall.c */
long do_multicall(unsigned long address, uint32_t count);
/* io/event_channel_op.c, physdev_op.c, console_io.c */
long do_event_channel_op(unsigned long command, unsigned long address);
long do_physdev_op(uint32_t command, unsigned long address);
long do_console_io(uint32_t command, uint32_t count, unsigned long address);
/* domain/sched_op.c, vcpu_op.c, vcpu_timer.c */
long do_sched_op(uint32_t command, unsigned long address);
long do_sched_op_compat(uint32_t command, unsigned long value);
long do_vcpu_op(uint32_t command, uint32_t id, unsigned long address);
long do_set_timer_op(uint64_t deadline);
/* domain/xen_version.c, vm_assist.c, machine_check.c */
SPARES_REGISTERS long do_xen_version(uint32_t command, unsigned long address);
long do_vm_assist(uint32_t command, uint32_t type);
long do_mca(unsigned long address);
/* domain/platform_op.c, sysctl.c, domctl.c */
long do_platform_op(unsigned long address);
long do_sysctl(unsigned long address);
long do_domctl(unsigned long address);
