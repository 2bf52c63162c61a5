/* SPDX-License-Identifier: MIT */
/*
 * struct vcpu_guest_context (xen/arch-x86/xen.h) in and out of a vcpu that does not run.
 */
#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/type.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/debug_register.h"
#include "hypervisor/processor/descriptor.h"
#include "hypervisor/processor/fpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/segment.h"
#include "hypervisor/processor/vcpu.h"
#include "lib/string.h"

#define DEBUG_REGISTERS 8

/* ctrlreg[3] holds a level-4 frame number in Xen's rotated form. */
static mfn_t table_from_control_register(uint64_t value)
{
    return mfn(xen_cr3_to_pfn(value));
}

static uint64_t control_register_from_table(mfn_t table)
{
    return mfn_equal(table, MFN_INVALID) ? 0 : xen_pfn_to_cr3(table.value);
}

static int context_check(const struct vcpu_guest_context *context)
{
    const uint64_t addresses[] = {context->event_callback_eip,   context->failsafe_callback_eip,
                                  context->syscall_callback_eip, context->fs_base,
                                  context->gs_base_kernel,       context->gs_base_user,
                                  context->user_regs.rip};

    for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        if (!address_canonical(addresses[i]))
            return -XEN_EINVAL;
    for (unsigned i = 0; i < 256; i++)
        if (!address_canonical(context->trap_ctxt[i].address))
            return -XEN_EINVAL;
    if (context->ldt_ents || context->gdt_ents > FIRST_RESERVED_GDT_ENTRY)
        return -XEN_EINVAL;
    return 0;
}

static int table_get(struct domain *domain, uint64_t control_register, mfn_t *table)
{
    mfn_t candidate = table_from_control_register(control_register);

    if (!mfn_is_ram(candidate))
        return -XEN_EINVAL;
    mutex_lock(&domain->mmu_lock);
    int error = frame_get_typed(mfn_to_frame(candidate), domain, FRAME_TYPE_L4);
    mutex_unlock(&domain->mmu_lock);
    if (error)
        return -XEN_EINVAL;
    *table = candidate;
    return 0;
}

static void table_put(struct domain *domain, mfn_t *table)
{
    if (mfn_equal(*table, MFN_INVALID))
        return;
    mutex_lock(&domain->mmu_lock);
    frame_put_typed(mfn_to_frame(*table));
    mutex_unlock(&domain->mmu_lock);
    *table = MFN_INVALID;
}

static void registers_set(struct vcpu *vcpu, const struct vcpu_guest_context *context)
{
    struct cpu_user_regs *regs = &vcpu->stack->regs;
    struct vcpu_guest *guest = &vcpu->guest;

    *regs = context->user_regs;
    regs->cs |= 3;
    regs->ss |= 3;
    regs->rflags =
        (regs->rflags & ~(RFLAGS_IOPL | RFLAGS_VM | RFLAGS_NT | RFLAGS_VIF | RFLAGS_VIP)) |
        RFLAGS_IF | RFLAGS_FIXED;
    regs->entry_vector = 0;
    guest->iopl = context->user_regs.rflags >> 12 & 3;
    guest->ds = regs->ds;
    guest->es = regs->es;
    guest->fs = regs->fs;
    guest->gs = regs->gs;
    guest->fs_base = context->fs_base;
    guest->gs_base_kernel = context->gs_base_kernel;
    guest->gs_base_user = context->gs_base_user;
    guest->kernel_mode = context->flags & VGCF_in_kernel;
    guest->cr0_ts = context->ctrlreg[0] & CR0_TS;
}

static void callbacks_set(struct vcpu *vcpu, const struct vcpu_guest_context *context)
{
    struct vcpu_guest *guest = &vcpu->guest;

    guest->event_callback = context->event_callback_eip;
    guest->failsafe_callback = context->failsafe_callback_eip;
    guest->syscall_callback = context->syscall_callback_eip;
    guest->failsafe_masks_events = context->flags & VGCF_failsafe_disables_events;
    guest->syscall_masks_events = context->flags & VGCF_syscall_disables_events;
    guest->kernel_stack = context->kernel_sp;
    guest->kernel_stack_selector = (uint16_t)(context->kernel_ss | 3);
    for (unsigned i = 0; i < 256; i++) {
        guest->traps[i].address = context->trap_ctxt[i].address;
        guest->traps[i].selector = context->trap_ctxt[i].cs;
        guest->traps[i].flags = context->trap_ctxt[i].flags & 7;
        guest->traps[i].masks_events = guest->traps[i].flags & TRAP_MASKS_EVENTS;
    }
}

int vcpu_set_context(struct vcpu *vcpu, const struct vcpu_guest_context *context)
{
    struct domain *domain = vcpu->domain;
    mfn_t kernel_table, user_table = MFN_INVALID;
    int error = vcpu->resting ? -XEN_EBUSY : context_check(context);

    if (error)
        return error;
    error = table_get(domain, context->ctrlreg[3], &kernel_table);
    if (error)
        return error;
    if (context->ctrlreg[1]) {
        error = table_get(domain, context->ctrlreg[1], &user_table);
        if (error)
            goto put_kernel_table;
    }
    error = -XEN_EINVAL;
    if (!(context->flags & VGCF_in_kernel) && mfn_equal(user_table, MFN_INVALID))
        goto put_user_table;
    error = descriptor_set_gdt(vcpu, context->gdt_frames, context->gdt_ents);
    if (error)
        goto put_user_table;

    table_put(domain, &vcpu->kernel_table);
    table_put(domain, &vcpu->user_table);
    vcpu->kernel_table = kernel_table;
    vcpu->user_table = user_table;
    known_tables_forget(&vcpu->known);
    registers_set(vcpu, context);
    callbacks_set(vcpu, context);
    if (context->flags & VGCF_i387_valid)
        fpu_set_legacy(vcpu, &context->fpu_ctxt);
    for (unsigned i = 0; i < DEBUG_REGISTERS; i++)
        if (i != 4 && i != 5)
            debug_register_set(vcpu, i, context->debugreg[i]);
    vcpu->initialised = true;
    /* Now and not at creation: builders clear the shared info page in between. */
    clock_update_vcpu(vcpu);
    if (vcpu->id == 0)
        clock_update_wall(domain);
    return 0;

put_user_table:
    table_put(domain, &user_table);
put_kernel_table:
    table_put(domain, &kernel_table);
    return error;
}

void vcpu_get_context(struct vcpu *vcpu, struct vcpu_guest_context *context)
{
    const struct vcpu_guest *guest = &vcpu->guest;

    memset(context, 0, sizeof(*context));
    context->user_regs = vcpu->stack->regs;
    if (vcpu->resting) {
        const struct cpu_user_regs *regs = &vcpu->stack->regs;
        context->user_regs = (struct cpu_user_regs){
            .rip = regs->rip, .cs = FLAT_RING3_CS64, .rflags = regs->rflags, .rsp = regs->rsp};
    }
    context->user_regs.entry_vector = context->user_regs.error_code = 0;
    context->user_regs.ds = guest->ds;
    context->user_regs.es = guest->es;
    context->user_regs.fs = guest->fs;
    context->user_regs.gs = guest->gs;
    context->flags = VGCF_i387_valid | (guest->kernel_mode ? VGCF_in_kernel : 0) |
                     (vcpu->wait & VCPU_WAIT_DOWN ? 0 : VGCF_online) |
                     (guest->failsafe_masks_events ? VGCF_failsafe_disables_events : 0) |
                     (guest->syscall_masks_events ? VGCF_syscall_disables_events : 0);
    fpu_get_legacy(vcpu, &context->fpu_ctxt);
    for (unsigned i = 0; i < 256; i++) {
        context->trap_ctxt[i].vector = (uint8_t)i;
        context->trap_ctxt[i].flags = guest->traps[i].flags;
        context->trap_ctxt[i].cs = guest->traps[i].selector;
        context->trap_ctxt[i].address = guest->traps[i].address;
    }
    context->ldt_base = guest->ldt_base;
    context->ldt_ents = guest->ldt_entries;
    context->gdt_ents = guest->gdt_entries;
    for (unsigned i = 0; i < (guest->gdt_entries + 511) / 512; i++)
        context->gdt_frames[i] = guest->gdt_frames[i].value;
    context->kernel_ss = guest->kernel_stack_selector;
    context->kernel_sp = guest->kernel_stack;
    context->ctrlreg[0] = CR0_PG | CR0_WP | guest->cr0_ts | 1;
    context->ctrlreg[1] = control_register_from_table(vcpu->user_table);
    context->ctrlreg[2] = guest->cr2_shadow;
    context->ctrlreg[3] = control_register_from_table(vcpu->kernel_table);
    for (unsigned i = 0; i < DEBUG_REGISTERS; i++)
        context->debugreg[i] = guest->debug[i];
    context->event_callback_eip = guest->event_callback;
    context->failsafe_callback_eip = guest->failsafe_callback;
    context->syscall_callback_eip = guest->syscall_callback;
    context->vm_assist = vcpu->domain->vm_assist;
    context->fs_base = guest->fs_base;
    context->gs_base_kernel = guest->gs_base_kernel;
    context->gs_base_user = guest->gs_base_user;
}

void vcpu_release_references(struct vcpu *vcpu)
{
    struct domain *domain = vcpu->domain;

    mutex_lock(&domain->mmu_lock);
    descriptor_release(vcpu);
    mutex_unlock(&domain->mmu_lock);
    table_put(domain, &vcpu->kernel_table);
    table_put(domain, &vcpu->user_table);
    if (!mfn_equal(vcpu->info_frame, MFN_INVALID)) {
        vcpu->info = &domain->shared_info->vcpu_info[vcpu->id];
        frame_put_typed(mfn_to_frame(vcpu->info_frame));
        vcpu->info_frame = MFN_INVALID;
    }
}
