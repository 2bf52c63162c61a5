/* SPDX-License-Identifier: MIT */
#include "hypervisor/processor/vcpu.h"

#include "hypervisor/domain/domain.h"
#include "hypervisor/domain/vcpu_timer.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/map.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/debug_register.h"
#include "hypervisor/processor/descriptor.h"
#include "hypervisor/processor/fpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/segment.h"
#include "hypervisor/processor/tlb.h"
#include "hypervisor/processor/trace.h"
#include "lib/string.h"

_Static_assert(sizeof(struct vcpu) <= STACK_SIZE, "vcpu outgrew its part of the slot");

/* dispatcher/entry.S */
void vcpu_first_entry(void);

/* Where to go lies on top of the stack that is left, or was never on: the compiler saves what it
 * has in registers. */
static inline __attribute__((always_inline)) void stack_switch(uint64_t *save, uint64_t load)
{
    asm volatile("push %%rbp\n"
                 "lea 1f(%%rip), %%rax\n"
                 "push %%rax\n"
                 "mov %%rsp, (%0)\n"
                 "mov %1, %%rsp\n"
                 "ret\n"
                 "1: pop %%rbp\n"
                 : "+D"(save), "+S"(load)
                 :
                 : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
                   "memory", "cc");
}

static void prepare_first_switch(struct vcpu *vcpu)
{
    uint64_t *sp = (uint64_t *)vcpu->stack;

    *--sp = (uint64_t)vcpu_first_entry;
    vcpu->switch_rsp = (uint64_t)sp;
}

int vcpu_create(struct domain *domain, unsigned id, struct vcpu **result)
{
    int error;

    if (id >= VCPU_MAX)
        return -XEN_EINVAL;
    if (domain->vcpus[id])
        return -XEN_EEXIST;
    struct stack_top *stack = map_stack_allocate(STACK_SIZE);
    if (!stack)
        return -XEN_ENOMEM;
    struct vcpu *vcpu = stack->vcpu = regs_vcpu(&stack->regs);
    vcpu->stack = stack;
    vcpu->domain = domain;
    vcpu->id = id;
    vcpu->kernel_table = vcpu->user_table = vcpu->info_frame = MFN_INVALID;
    known_tables_forget(&vcpu->known);
    vcpu->info = &domain->shared_info->vcpu_info[id];
    vcpu->info->evtchn_upcall_mask = 1;
    prepare_first_switch(vcpu);
    error = fpu_create(vcpu);
    if (error)
        goto free_stack;
    scheduler_vcpu_init(vcpu);
    vcpu_timers_create(vcpu);
    domain->vcpus[id] = vcpu;
    *result = vcpu;
    return 0;

free_stack:
    map_stack_free(stack);
    return error;
}

void vcpu_destroy(struct vcpu *vcpu)
{
    vcpu->domain->vcpus[vcpu->id] = NULL;
    vcpu_timers_destroy(vcpu);
    scheduler_vcpu_destroy(vcpu);
    fpu_destroy(vcpu);
    map_stack_free(vcpu->stack);
}

static void table_load(struct pcpu *pcpu, mfn_t table)
{
    uint64_t cr3 = mfn_to_physical(table);
    pcpu->cr3 = cr3;
    cr3_write(cr3);
}

void vcpu_load_table(struct vcpu *vcpu)
{
    table_load(this_pcpu(), vcpu->guest.kernel_mode ? vcpu->kernel_table : vcpu->user_table);
}

/* What the two modes of a guest differ in, but for GS: tables, and what `syscall` means. */
static void kernel_mode_load(struct vcpu *vcpu, struct pcpu *pcpu)
{
    pcpu->hypercall_limit = HYPERCALL_NUMBERS;
    table_load(pcpu, vcpu->kernel_table);
}

static void user_mode_load(struct vcpu *vcpu, struct pcpu *pcpu)
{
    pcpu->hypercall_limit = 0;
    table_load(pcpu, vcpu->user_table);
}

void vcpu_enter_kernel_mode(struct vcpu *vcpu)
{
    vcpu->guest.kernel_mode = true;
    segment_swap_gs();
    kernel_mode_load(vcpu, ((struct stack_top *)vcpu - 1)->pcpu);
}

/* An idle vcpu has no guest state; its table is the hypervisor's own. */
static void guest_leave(struct vcpu *vcpu, struct pcpu *pcpu)
{
    if (!vcpu->domain)
        return;
    debug_register_unload(vcpu);
    segment_save(vcpu, pcpu);
    fpu_save(vcpu);
}

static void guest_enter(struct vcpu *vcpu, struct pcpu *pcpu)
{
    if (!vcpu->domain) {
        table_load(pcpu, hypervisor_table);
        return;
    }
    descriptor_window_load(vcpu, pcpu);
    if (vcpu->guest.kernel_mode)
        kernel_mode_load(vcpu, pcpu);
    else
        user_mode_load(vcpu, pcpu);
    segment_load(vcpu, pcpu);
    fpu_load(vcpu);
    debug_register_load(vcpu);
    pcpu->syscall_stack = (uint64_t)&vcpu->stack->regs.ss;
    pcpu->task_state.rsp[0] = (uint64_t)&vcpu->stack->regs.es;
}

void vcpu_switch(struct vcpu *previous, struct vcpu *next)
{
    struct pcpu *pcpu = this_pcpu();

    if (trace_on())
        trace_write_switch(previous, next);
    bool other_domain = previous->domain != next->domain;
    guest_leave(previous, pcpu);
    if (other_domain && next->domain)
        tlb_domain_enters(next->domain);
    guest_enter(next, pcpu);
    if (other_domain && previous->domain)
        tlb_domain_left(previous->domain);
    next->stack->pcpu = pcpu;
    pcpu->switched_from = previous;
    stack_switch(&previous->switch_rsp, next->switch_rsp);
    schedule_tail();
}
