/* SPDX-License-Identifier: MIT */
/*
 * The hypercall table (dispatcher/hypercall.c): number, handler, argument count. The dispatcher
 * checks the number, counts the call and calls the handler with the five argument registers.
 *
 * A handler returns the guest's rax: 0 or positive, or a negative Xen errno. It has three steps:
 * copy arguments into hypervisor memory; check everything; apply, which cannot fail. Long ones call
 * preempt_point(); there are no continuations.
 */
#pragma once

#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>

#define HYPERCALL_ARGUMENTS 5

typedef long hypercall_handler_t(const unsigned long *argument);

/* `syscall` from guest kernel mode: the number is in rax, which receives the result. */
void hypercall_dispatch(struct cpu_user_regs *regs);

/* One per hypercall, each defined in the module named beside it. */
hypercall_handler_t do_set_trap_table;                /* processor/vcpu_callbacks.c   */
hypercall_handler_t do_mmu_update;                    /* memory/mmu_update.c          */
hypercall_handler_t do_set_gdt;                       /* processor/descriptor.c       */
hypercall_handler_t do_stack_switch;                  /* processor/vcpu_callbacks.c   */
hypercall_handler_t do_set_callbacks;                 /* processor/vcpu_callbacks.c   */
hypercall_handler_t do_fpu_taskswitch;                /* processor/fpu.c              */
hypercall_handler_t do_sched_op_compat;               /* domain/sched_op.c            */
hypercall_handler_t do_platform_op;                   /* domain/platform_op.c         */
hypercall_handler_t do_set_debugreg;                  /* processor/debug_register.c   */
hypercall_handler_t do_get_debugreg;                  /* processor/debug_register.c   */
hypercall_handler_t do_update_descriptor;             /* processor/descriptor.c       */
hypercall_handler_t do_memory_op;                     /* memory/memory_op.c           */
hypercall_handler_t do_multicall;                     /* dispatcher/hypercall.c       */
hypercall_handler_t do_update_va_mapping;             /* memory/mmu_update.c          */
hypercall_handler_t do_set_timer_op;                  /* domain/vcpu_op.c             */
hypercall_handler_t do_xen_version;                   /* domain/xen_version.c         */
hypercall_handler_t do_console_io;                    /* io/console_io.c              */
hypercall_handler_t do_grant_table_op;                /* memory/grant.c               */
hypercall_handler_t do_vm_assist;                     /* domain/vm_assist.c           */
hypercall_handler_t do_update_va_mapping_otherdomain; /* memory/mmu_update.c      */
hypercall_handler_t do_iret;                          /* dispatcher/bounce.c          */
hypercall_handler_t do_vcpu_op;                       /* domain/vcpu_op.c             */
hypercall_handler_t do_set_segment_base;              /* processor/segment.c          */
hypercall_handler_t do_mmuext_op;                     /* memory/mmuext_op.c           */
hypercall_handler_t do_nmi_op;                        /* processor/vcpu_callbacks.c   */
hypercall_handler_t do_sched_op;                      /* domain/sched_op.c            */
hypercall_handler_t do_callback_op;                   /* processor/vcpu_callbacks.c   */
hypercall_handler_t do_event_channel_op;              /* io/event_channel_op.c        */
hypercall_handler_t do_physdev_op;                    /* io/physdev_op.c              */
hypercall_handler_t do_sysctl;                        /* domain/sysctl.c              */
hypercall_handler_t do_domctl;                        /* domain/domctl.c              */
hypercall_handler_t do_mca;                           /* domain/machine_check.c      */
