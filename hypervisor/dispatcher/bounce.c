/* SPDX-License-Identifier: MIT */
#include "hypervisor/dispatcher/bounce.h"

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/dispatcher/offsets.h"
#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/memory/guest_word.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/segment.h"
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

#define SEGMENTS 4

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

/*
 * The frame's words from `stack` on: rcx, r11, [ds, es, fs, gs,] [error code,] rip, cs, rflags,
 * rsp, ss. For its kernel a guest sees ring 0, and in bits 32-39 of cs the event mask of before,
 * for which IF stands as well. False: the stack cannot be written.
 */
static inline __attribute__((always_inline)) bool frame_write(uint64_t *stack,
                                                              const struct bounce *bounce,
                                                              const struct cpu_user_regs *regs,
                                                              bool from_kernel)
{
    const struct vcpu *vcpu = regs_vcpu(regs);
    uint8_t mask = READ_ONCE(vcpu->info->evtchn_upcall_mask);
    uint64_t cs = (from_kernel ? regs->cs & ~3u : regs->cs) | (uint64_t)mask << 32;
    uint64_t rflags = (regs->rflags & ~(RFLAGS_IF | RFLAGS_IOPL)) | (mask ? 0 : RFLAGS_IF);
    uint64_t error_code = bounce->error_code;

    if (vcpu->domain->vm_assist & (1UL << VMASST_TYPE_architectural_iopl))
        rflags |= vcpu->guest.iopl << 12;
    guest_access_begin();
    guest_word_write(regs->rcx, stack++, failed);
    guest_word_write(regs->r11, stack++, failed);
    for (unsigned i = 0; bounce->has_segments && i < SEGMENTS; i++)
        guest_word_write((uint64_t)segment_read(i), stack++, failed);
    if (bounce->has_error_code)
        guest_word_write(error_code, stack++, failed);
    guest_word_write(regs->rip, stack + 0, failed);
    guest_word_write(cs, stack + 1, failed);
    guest_word_write(rflags, stack + 2, failed);
    guest_word_write(regs->rsp, stack + 3, failed);
    guest_word_write((uint64_t)regs->ss, stack + 4, failed);
    guest_access_end();
    return true;

failed:
    guest_access_end();
    return false;
}

static __attribute__((noinline, cold)) void no_handler(const struct cpu_user_regs *regs)
{
    domain_crash(current_domain(), "no handler for what happened at %lx (vector %d)", regs->rip,
                 regs->entry_vector);
}

static __attribute__((noinline, cold)) void no_stack(const struct cpu_user_regs *regs,
                                                     uint64_t stack)
{
    domain_crash(current_domain(),
                 "kernel stack %lx cannot take an exception frame (vector %d at %lx)", stack,
                 regs->entry_vector, regs->rip);
}

/* Inlined: each caller has one kind of frame, and what it has not costs nothing. */
static inline __attribute__((always_inline)) void deliver(struct cpu_user_regs *regs,
                                                          const struct bounce *bounce)
{
    struct vcpu *vcpu = regs_vcpu(regs);
    bool from_kernel = vcpu->guest.kernel_mode;
    uint64_t size = 7 * sizeof(uint64_t), stack = regs->rsp;

    if (!bounce->handler) {
        no_handler(regs);
        return;
    }
    if (!from_kernel) {
        vcpu_enter_kernel_mode(vcpu);
        stack = vcpu->guest.kernel_stack;
    }
    size += (bounce->has_segments ? SEGMENTS * sizeof(uint64_t) : 0) +
            (bounce->has_error_code ? sizeof(uint64_t) : 0);
    stack = (stack & ~15UL) - size;
    if (!guest_words_ok(stack, size) ||
        !frame_write((uint64_t *)stack, bounce, regs, from_kernel)) {
        no_stack(regs, stack);
        return;
    }
    if (bounce->masks_events)
        WRITE_ONCE(vcpu->info->evtchn_upcall_mask, 1);

    /* rcx and r11 are on the guest's stack: sysret may destroy them. Handlers are canonical. */
    regs->entry_vector = ENTRY_SYSCALL;
    regs->rflags &= ~(RFLAGS_AC | RFLAGS_VM | RFLAGS_RF | RFLAGS_NT | RFLAGS_TF);
    /* With the padding behind them: a store of 16 bits from an immediate is a slow one. */
    *(uint32_t *)&regs->cs = FLAT_RING3_CS64;
    *(uint32_t *)&regs->ss = FLAT_RING3_SS64;
    regs->rsp = stack;
    regs->rip = bounce->handler;
}

static __attribute__((noinline)) void bounce_plain(struct cpu_user_regs *regs, uint64_t handler,
                                                   unsigned masks_events)
{
    const struct bounce bounce = {.handler = handler, .masks_events = masks_events};

    deliver(regs, &bounce);
}

static __attribute__((noinline)) void bounce_with_error_code(struct cpu_user_regs *regs,
                                                             const struct vcpu_trap *trap,
                                                             uint32_t error_code)
{
    const struct bounce bounce = {
        .handler = trap->address,
        .error_code = error_code,
        .has_error_code = true,
        .masks_events = trap->flags & TRAP_MASKS_EVENTS,
    };
    deliver(regs, &bounce);
}

void bounce_exception(struct cpu_user_regs *regs, unsigned vector, uint32_t error_code)
{
    const struct vcpu_trap *trap = &regs_vcpu(regs)->guest.traps[vector];

    regs->entry_vector = vector;
    if (VECTORS_WITH_ERROR_CODE >> vector & 1)
        bounce_with_error_code(regs, trap, error_code);
    else
        bounce_plain(regs, trap->address, trap->flags & TRAP_MASKS_EVENTS);
}

void bounce_page_fault(struct cpu_user_regs *regs, uint64_t address)
{
    struct vcpu *vcpu = regs_vcpu(regs);
    const struct vcpu_trap *trap = &vcpu->guest.traps[TRAP_PAGE_FAULT];
    uint32_t error_code = regs->error_code & ~PAGE_FAULT_USER;

    if (!vcpu->guest.kernel_mode)
        error_code |= PAGE_FAULT_USER;
    vcpu->guest.cr2_shadow = address;
    WRITE_ONCE(vcpu->info->arch.cr2, address);
    if (trap->address)
        bounce_with_error_code(regs, trap, error_code);
    else
        domain_crash(vcpu->domain, "page fault at address %lx without a handler (error %x)",
                     address, error_code);
}

bool bounce_software_interrupt(struct cpu_user_regs *regs, uint8_t vector)
{
    const struct vcpu *vcpu = regs_vcpu(regs);
    const struct vcpu_trap *trap = &vcpu->guest.traps[vector];
    unsigned privilege = vcpu->guest.kernel_mode ? 1 : 3;

    if (!trap->address || (trap->flags & TRAP_PRIVILEGE) < privilege)
        return false;
    bounce_plain(regs, trap->address, trap->flags & TRAP_MASKS_EVENTS);
    return true;
}

long bounce_syscall(struct cpu_user_regs *regs)
{
    const struct vcpu_guest *guest = &regs_vcpu(regs)->guest;

    regs->rflags &= ~RFLAGS_DF;
    bounce_plain(regs, guest->syscall_callback, guest->syscall_masks_events);
    return (long)regs->rax;
}

void bounce_compat_syscall(struct cpu_user_regs *regs)
{
    const struct vcpu_guest *guest = &regs_vcpu(regs)->guest;

    if (!guest->syscall32_callback) {
        bounce_syscall(regs);
        return;
    }
    regs->rflags &= ~RFLAGS_DF;
    bounce_plain(regs, guest->syscall32_callback, guest->syscall32_masks_events);
}

void bounce_event(struct cpu_user_regs *regs)
{
    bounce_plain(regs, regs_vcpu(regs)->guest.event_callback, true);
}

bool bounce_nmi(struct cpu_user_regs *regs)
{
    struct vcpu *vcpu = regs_vcpu(regs);

    if (!vcpu->guest.nmi_callback || vcpu->guest.nmi_masked)
        return false;
    vcpu->nmi_pending = 0;
    vcpu->guest.nmi_masked = true; /* until the iret hypercall */
    bounce_plain(regs, vcpu->guest.nmi_callback, true);
    return true;
}

__attribute__((cold)) void bounce_failsafe(struct cpu_user_regs *regs)
{
    const struct vcpu_guest *guest = &regs_vcpu(regs)->guest;
    const struct bounce bounce = {
        .handler = guest->failsafe_callback,
        .has_segments = true,
        .masks_events = guest->failsafe_masks_events,
    };
    deliver(regs, &bounce);
}

static __attribute__((noinline, cold)) void iret_impossible(const struct cpu_user_regs *regs,
                                                            const char *why)
{
    domain_crash(current_domain(), "iret by the frame at %lx: %s", regs->rsp, why);
}

/* What sysret can load. */
static bool sysret_suits(const struct iret_context *frame)
{
    return (uint16_t)frame->cs == FLAT_RING3_CS64 && address_canonical(frame->rip);
}

/*
 * xen/arch-x86/xen-x86_64.h, struct iret_context: what the guest pushed. What needs no thought goes
 * straight from there to the saved registers; a frame that cannot be read is the domain's end.
 */
long do_iret(struct cpu_user_regs *regs)
{
    const struct iret_context *guest = (const struct iret_context *)regs->rsp;
    struct vcpu *vcpu = regs_vcpu(regs);
    struct iret_context frame;
    bool failed = !guest_words_ok(regs->rsp, sizeof(frame));

    /* Else a frame that is half made would be left by sysret, if the domain is ever resumed. */
    regs->entry_vector = 0;
    if (failed) {
        iret_impossible(regs, "not the guest's memory");
        return 0;
    }
    guest_access_begin();
    guest_word_read(frame.r11, &guest->r11, failed);
    regs->r11 = frame.r11;
    guest_word_read(frame.rcx, &guest->rcx, failed);
    regs->rcx = frame.rcx;
    guest_word_read(frame.rip, &guest->rip, failed);
    regs->rip = frame.rip;
    guest_word_read(frame.ss, &guest->ss, failed);
    regs->ss = (uint16_t)(frame.ss | 3);
    guest_word_read(frame.cs, &guest->cs, failed);
    guest_word_read(frame.flags, &guest->flags, failed);
    guest_word_read(frame.rflags, &guest->rflags, failed);
    guest_word_read(frame.rax, &guest->rax, failed);
    guest_word_read(frame.rsp, &guest->rsp, failed);
    guest_access_end();
    if (failed) {
        iret_impossible(regs, "cannot be read");
        return 0;
    }
    regs->rsp = frame.rsp;
    if ((frame.cs & 3) == 3) {
        if (mfn_equal(vcpu->user_table, MFN_INVALID)) {
            iret_impossible(regs, "to user mode without a user page table");
            return 0;
        }
        vcpu_enter_user_mode(vcpu);
    }
    if (vcpu->domain->vm_assist & (1UL << VMASST_TYPE_architectural_iopl))
        vcpu->guest.iopl = frame.rflags >> 12 & 3;
    vcpu->guest.nmi_masked = false;
    WRITE_ONCE(vcpu->info->evtchn_upcall_mask, !(frame.rflags & RFLAGS_IF));

    frame.cs |= 3;
    regs->cs = (uint16_t)frame.cs;
    regs->rflags = (frame.rflags & ~(RFLAGS_IOPL | RFLAGS_VM)) | RFLAGS_IF | RFLAGS_FIXED;
    if ((frame.flags & VGCF_in_syscall) && sysret_suits(&frame))
        regs->entry_vector = ENTRY_SYSCALL;
    return (long)frame.rax;
}
