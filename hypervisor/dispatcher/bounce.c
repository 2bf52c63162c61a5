/* SPDX-License-Identifier: MIT */
#include "hypervisor/dispatcher/bounce.h"

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/dispatcher/offsets.h"
#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/vcpu.h"

/* Vectors whose frame has an error code (Intel SDM volume 3, 6.13). */
#define VECTORS_WITH_ERROR_CODE \
    (1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 17 | 1u << 21)

#define PAGE_FAULT_USER 4

struct bounce {
    uint64_t handler;
    uint32_t error_code;
    bool has_error_code, has_segments, masks_events;
};

static struct cpu_user_regs *guest_regs(void)
{
    return &current_vcpu()->stack->regs;
}

static uint16_t segment_read(unsigned index)
{
    uint16_t value;
    switch (index) {
    case 0:
        asm volatile("mov %%ds, %0" : "=rm"(value));
        break;
    case 1:
        asm volatile("mov %%es, %0" : "=rm"(value));
        break;
    case 2:
        asm volatile("mov %%fs, %0" : "=rm"(value));
        break;
    default:
        asm volatile("mov %%gs, %0" : "=rm"(value));
        break;
    }
    return value;
}

/* cs as the guest sees it: ring 0 for its kernel, and the event mask of before in bits 32-39. */
static uint64_t frame_cs(const struct vcpu *vcpu, const struct cpu_user_regs *regs,
                         bool from_kernel)
{
    uint64_t cs = from_kernel ? regs->cs & ~3u : regs->cs;
    return cs | (uint64_t)READ_ONCE(vcpu->info->evtchn_upcall_mask) << 32;
}

/* IF stands for the event mask; IOPL is shown to guests that asked for it. */
static uint64_t frame_rflags(const struct vcpu *vcpu, const struct cpu_user_regs *regs,
                             bool events_masked)
{
    uint64_t rflags = regs->rflags & ~(RFLAGS_IF | RFLAGS_IOPL);
    if (!events_masked)
        rflags |= RFLAGS_IF;
    if (vcpu->domain->vm_assist & (1UL << VMASST_TYPE_architectural_iopl))
        rflags |= vcpu->guest.iopl << 12;
    return rflags;
}

static void bounce_deliver(const struct bounce *bounce)
{
    struct vcpu *vcpu = current_vcpu();
    struct cpu_user_regs *regs = guest_regs();
    bool from_kernel = vcpu->guest.kernel_mode;
    uint64_t frame[12], stack;
    unsigned count = 0;

    if (!bounce->handler) {
        domain_crash(vcpu->domain, "no handler for what happened at %lx (vector %u)", regs->rip,
                     regs->entry_vector);
        return;
    }
    if (from_kernel)
        stack = regs->rsp;
    else {
        vcpu_toggle_mode(vcpu);
        stack = vcpu->guest.kernel_stack;
    }

    bool masked = READ_ONCE(vcpu->info->evtchn_upcall_mask);
    frame[count++] = regs->rcx;
    frame[count++] = regs->r11;
    for (unsigned i = 0; bounce->has_segments && i < 4; i++)
        frame[count++] = segment_read(i);
    if (bounce->has_error_code)
        frame[count++] = bounce->error_code;
    frame[count++] = regs->rip;
    frame[count++] = frame_cs(vcpu, regs, from_kernel);
    frame[count++] = frame_rflags(vcpu, regs, masked);
    frame[count++] = regs->rsp;
    frame[count++] = regs->ss;

    stack = (stack & ~15UL) - count * sizeof(frame[0]);
    if (copy_to_guest(guest_ptr(stack), frame, count * sizeof(frame[0]))) {
        domain_crash(vcpu->domain,
                     "kernel stack %lx cannot take an exception frame (vector %u at %lx)", stack,
                     regs->entry_vector, regs->rip);
        return;
    }
    if (bounce->masks_events)
        WRITE_ONCE(vcpu->info->evtchn_upcall_mask, 1);

    /* rcx and r11 are on the guest's stack: sysret may destroy them. */
    regs->entry_vector = ENTRY_SYSCALL;
    regs->rflags &= ~(RFLAGS_AC | RFLAGS_VM | RFLAGS_RF | RFLAGS_NT | RFLAGS_TF);
    regs->cs = FLAT_RING3_CS64;
    regs->ss = FLAT_RING3_SS64;
    regs->rsp = stack;
    regs->rip = bounce->handler;
}

static void bounce_trap(unsigned vector, bool has_error_code, uint32_t error_code)
{
    const struct vcpu *vcpu = current_vcpu();
    struct bounce bounce = {
        .handler = vcpu->guest.traps[vector].address,
        .error_code = error_code,
        .has_error_code = has_error_code,
        .masks_events = vcpu->guest.traps[vector].flags & 4,
    };
    bounce_deliver(&bounce);
}

void bounce_exception(unsigned vector, uint32_t error_code)
{
    guest_regs()->entry_vector = vector;
    bounce_trap(vector, vector < 32 && (VECTORS_WITH_ERROR_CODE >> vector & 1), error_code);
}

void bounce_page_fault(uint32_t error_code, uint64_t address)
{
    struct vcpu *vcpu = current_vcpu();

    error_code &= ~PAGE_FAULT_USER;
    if (!vcpu->guest.kernel_mode)
        error_code |= PAGE_FAULT_USER;
    vcpu->guest.cr2_shadow = address;
    WRITE_ONCE(vcpu->info->arch.cr2, address);
    if (!vcpu->guest.traps[TRAP_PAGE_FAULT].address) {
        domain_crash(vcpu->domain, "page fault at address %lx without a handler (error %x)",
                     address, error_code);
        return;
    }
    bounce_exception(TRAP_PAGE_FAULT, error_code);
}

bool bounce_software_interrupt(unsigned vector)
{
    const struct vcpu *vcpu = current_vcpu();
    unsigned privilege = vcpu->guest.kernel_mode ? 1 : 3;

    if (!vcpu->guest.traps[vector].address || (vcpu->guest.traps[vector].flags & 3) < privilege)
        return false;
    bounce_trap(vector, false, 0);
    return true;
}

void bounce_syscall(bool compat)
{
    const struct vcpu *vcpu = current_vcpu();
    struct bounce bounce = {
        .handler = vcpu->guest.syscall_callback,
        .masks_events = vcpu->guest.syscall_masks_events,
    };
    if (compat && vcpu->guest.syscall32_callback) {
        bounce.handler = vcpu->guest.syscall32_callback;
        bounce.masks_events = vcpu->guest.syscall32_masks_events;
    }
    bounce_deliver(&bounce);
    guest_regs()->rflags &= ~RFLAGS_DF;
}

void bounce_event(void)
{
    struct bounce bounce = {.handler = current_vcpu()->guest.event_callback, .masks_events = true};
    bounce_deliver(&bounce);
}

bool bounce_nmi(struct vcpu *vcpu)
{
    if (!vcpu->guest.nmi_callback || vcpu->guest.nmi_masked)
        return false;
    vcpu->nmi_pending = 0;
    vcpu->guest.nmi_masked = true; /* until the iret hypercall */
    struct bounce bounce = {.handler = vcpu->guest.nmi_callback, .masks_events = true};
    bounce_deliver(&bounce);
    return true;
}

void bounce_failsafe(struct cpu_user_regs *regs)
{
    const struct vcpu *vcpu = current_vcpu();
    struct bounce bounce = {
        .handler = vcpu->guest.failsafe_callback,
        .has_segments = true,
        .masks_events = vcpu->guest.failsafe_masks_events,
    };
    (void)regs; /* the same as the current vcpu's */
    bounce_deliver(&bounce);
}

/* xen/arch-x86/xen-x86_64.h, struct iret_context: what the guest pushed. */
long do_iret(void)
{
    struct vcpu *vcpu = current_vcpu();
    struct cpu_user_regs *regs = guest_regs();
    struct iret_context frame;

    if (copy_from_guest(&frame, guest_ptr(regs->rsp), sizeof(frame))) {
        domain_crash(vcpu->domain, "iret frame at %lx cannot be read", regs->rsp);
        return 0;
    }
    if ((frame.cs & 3) == 3) {
        if (mfn_equal(vcpu->user_table, MFN_INVALID)) {
            domain_crash(vcpu->domain, "iret to user mode without a user page table");
            return 0;
        }
        vcpu_toggle_mode(vcpu);
    }
    if (vcpu->domain->vm_assist & (1UL << VMASST_TYPE_architectural_iopl))
        vcpu->guest.iopl = frame.rflags >> 12 & 3;

    regs->rip = frame.rip;
    regs->cs = frame.cs | 3;
    regs->rflags = (frame.rflags & ~(RFLAGS_IOPL | RFLAGS_VM)) | RFLAGS_IF | RFLAGS_FIXED;
    regs->rsp = frame.rsp;
    regs->ss = frame.ss | 3;
    regs->r11 = frame.r11;
    regs->rcx = frame.rcx;
    regs->entry_vector = frame.flags & VGCF_in_syscall ? ENTRY_SYSCALL : 0;
    WRITE_ONCE(vcpu->info->evtchn_upcall_mask, !(frame.rflags & RFLAGS_IF));
    vcpu->guest.nmi_masked = false;
    return (long)frame.rax;
}
