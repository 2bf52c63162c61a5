/* SPDX-License-Identifier: MIT */
/*
 * Physical processors. struct pcpu is only written by its own processor, except where a field says
 * which lock guards it. It lives in its processor area behind the page with the syscall stub, which
 * reaches it relative to rip.
 *
 * The processor and the virtual CPU running on it are found from the stack pointer: the top of
 * every hypervisor stack holds a struct stack_top.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>

#include "hypervisor/layout.h"
#include "hypervisor/processor/lock.h"
#include "hypervisor/processor/run_queue.h"
#include "hypervisor/processor/timer.h"

struct vcpu;
struct domain;
struct hypercall_table;

/* Top of every hypervisor stack. entry.S builds `regs` on each entry from a guest. Behind it lies,
 * if the stack is that of a guest's virtual CPU, its struct vcpu. */
struct stack_top {
    struct cpu_user_regs regs;
    struct vcpu *vcpu; /* whose stack this is; the idle vcpu for idle and IST stacks */
    struct pcpu *pcpu; /* where it runs, refreshed at each switch                    */
};

struct task_state { /* Intel SDM volume 3, 8.7 */
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map_base;
} __attribute__((packed));

enum interrupt_stack {
    IST_NONE,
    IST_NMI,
    IST_DOUBLE_FAULT,
    IST_MACHINE_CHECK,
    IST_DEBUG,
    IST_COUNT
};

struct pcpu {
    /* Used by the syscall stub; offsets in dispatcher/offsets.h. */
    uint64_t syscall_stack;   /* the current vcpu's: &stack_top.regs.ss                 */
    uint64_t syscall_scratch; /* guest rsp while the stub switches stacks                */
    uint64_t hypercall_limit; /* what a number must be below: 0 in the guest's user mode */
    const struct hypercall_table *hypercalls; /* hypercall_trace_set() exchanges it      */
    uint64_t cr3;                             /* what CR3 holds */

    unsigned id; /* dense index, 0 is the boot processor */
    uint32_t apic_id, acpi_id;
    bool online;
    struct vcpu *current; /* running now (the idle vcpu when none) */
    struct vcpu *idle;
    volatile bool reschedule; /* ask the exit loop and preempt_point() to call schedule() */

    struct task_state task_state;
    uint64_t *gdt_reserved_page;  /* window page 14: this processor's own descriptors */
    uint64_t *descriptor_entries; /* its 32 level-1 entries of the descriptor window  */
    unsigned guest_gdt_pages, guest_ldt_pages; /* how many of them are filled          */
    uint64_t selectors; /* what ds, es, fs, gs held last, processor/segment.c */

    struct timer_queue timers; /* guarded by timers.lock                            */

    struct run_queue run_queue; /* guarded by its lock                           */
    struct vcpu *switched_from; /* between a switch and schedule_tail()          */
    /* TLB shootdown, processor/tlb.c: requests that others have made, those answered, and the clock
     * at the last full flush. */
    volatile uint32_t flush_request, flush_answered, flushed_at;
    uint8_t held_levels[16], held_count; /* lock-order check, lock.c                    */
};

/* The virtual CPU whose registers these are, saved at the top of its stack. */
static inline struct vcpu *regs_vcpu(const struct cpu_user_regs *regs)
{
    return (struct vcpu *)((const struct stack_top *)regs + 1);
}

static inline struct stack_top *stack_top(void)
{
    uint64_t rsp;
    /* Not volatile: within a function the answer stays the same, and need be found only once. */
    asm("mov %%rsp, %0" : "=r"(rsp));
    return (struct stack_top *)((rsp & ~(STACK_SIZE - 1UL)) + STACK_SIZE -
                                sizeof(struct stack_top));
}

static inline struct pcpu *this_pcpu(void)
{
    return stack_top()->pcpu;
}

/* The virtual CPU whose stack we are on; the idle vcpu during start-up and on IST stacks. */
static inline struct vcpu *current_vcpu(void)
{
    return stack_top()->vcpu;
}

/* Processor by dense index; NULL beyond pcpu_count. */
struct pcpu *pcpu_of(unsigned id);
extern unsigned pcpu_count;
/* A bit for each that runs. */
uint64_t pcpu_online_mask(void);

/*
 * Make the area, GDT, TSS, IST stacks and idle vcpu of processor `id` (0 or -XEN_ENOMEM).
 * Boot processor only.
 */
int pcpu_create(unsigned id, uint32_t apic_id, uint32_t acpi_id);

/* On the processor itself: load GDT, IDT, TSS, syscall MSRs. */
void pcpu_load(struct pcpu *pcpu);
