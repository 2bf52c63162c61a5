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
    bool by_syscall; /* from user mode: cs, ss, rcx and r11 are known, and not in the registers */
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
 * for which IF stands as well (in truth a guest always runs with IF set, and IOPL 0). False: the
 * stack cannot be written.
 */
static inline __attribute__((always_inline)) bool frame_write(uint64_t *stack,
                                                              const struct bounce *bounce,
                                                              const struct cpu_user_regs *regs,
                                                              bool from_kernel, uint32_t mask)
{
    const struct vcpu *vcpu = regs_vcpu(regs);
    uint32_t cs = bounce->by_syscall ? FLAT_RING3_CS64 : from_kernel ? regs->cs & ~3u : regs->cs;
    uint64_t rflags = regs->rflags, error_code = bounce->error_code;

    if (__builtin_expect(mask, 0))
        rflags &= ~RFLAGS_IF;
    if (vcpu->domain->vm_assist & (1UL << VMASST_TYPE_architectural_iopl))
        rflags |= vcpu->guest.iopl << 12;
    guest_access_begin();
    guest_word_write(bounce->by_syscall ? regs->rip : regs->rcx, stack++, failed);
    guest_word_write(bounce->by_syscall ? regs->rflags : regs->r11, stack++, failed);
    for (unsigned i = 0; bounce->has_segments && i < SEGMENTS; i++)
        guest_word_write((uint64_t)segment_read(i), stack++, failed);
    if (bounce->has_error_code)
        guest_word_write(error_code, stack++, failed);
    guest_word_write(regs->rip, stack + 0, failed);
    guest_word_write(cs, (uint32_t *)(stack + 1), failed);
    guest_word_write(mask, (uint32_t *)(stack + 1) + 1, failed);
    guest_word_write(rflags, stack + 2, failed);
    guest_word_write(regs->rsp, stack + 3, failed);
    guest_word_write(bounce->by_syscall ? FLAT_RING3_SS64 : (uint64_t)regs->ss, stack + 4, failed);
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

/*
 * Inlined: each caller has one kind of frame, and what it has not costs nothing. TRAP_DELIVERED:
 * rip, rsp and rflags are the handler's; the rest is bounce_complete()'s, or entry.S knows it.
 * TRAP_DONE: there is no handler or no stack, and the domain ends. Handlers are canonical.
 */
static inline __attribute__((always_inline)) long deliver(struct cpu_user_regs *regs,
                                                          const struct bounce *bounce)
{
    struct vcpu *vcpu = regs_vcpu(regs);
    bool from_kernel = !bounce->by_syscall && vcpu->guest.kernel_mode;
    uint64_t size = 7 * sizeof(uint64_t), stack = regs->rsp;

    if (__builtin_expect(!bounce->handler, false)) {
        no_handler(regs);
        return TRAP_DONE;
    }
    if (!from_kernel) {
        vcpu_enter_kernel_mode(vcpu);
        stack = vcpu->guest.kernel_stack;
    }
    size += (bounce->has_segments ? SEGMENTS * sizeof(uint64_t) : 0) +
            (bounce->has_error_code ? sizeof(uint64_t) : 0);
    stack = (stack & ~15UL) - size;
    struct vcpu_info *info = vcpu->info;
    uint8_t mask = READ_ONCE(info->evtchn_upcall_mask);
    if (!guest_words_ok(stack, size) ||
        !frame_write((uint64_t *)stack, bounce, regs, from_kernel, mask)) {
        no_stack(regs, stack);
        return TRAP_DONE;
    }
    WRITE_ONCE(info->evtchn_upcall_mask, mask | bounce->masks_events);
    regs->rflags &= ~(RFLAGS_AC | RFLAGS_VM | RFLAGS_RF | RFLAGS_NT | RFLAGS_TF |
                      (bounce->by_syscall ? RFLAGS_DF : 0));
    regs->rsp = stack;
    regs->rip = bounce->handler;
    return TRAP_DELIVERED;
}

/* rcx and r11 are on the guest's stack: sysret may destroy them. */
void bounce_complete(struct cpu_user_regs *regs)
{
    regs->entry_vector = ENTRY_SYSCALL;
    /* With the padding behind them: a store of 16 bits from an immediate is a slow one. */
    *(uint32_t *)&regs->cs = FLAT_RING3_CS64;
    *(uint32_t *)&regs->ss = FLAT_RING3_SS64;
}

static __attribute__((noinline)) long bounce_plain(struct cpu_user_regs *regs, uint64_t handler,
                                                   bool masks_events)
{
    const struct bounce bounce = {.handler = handler, .masks_events = masks_events};

    return deliver(regs, &bounce);
}

static void bounce_whole(struct cpu_user_regs *regs, uint64_t handler, bool masks_events)
{
    if (bounce_plain(regs, handler, masks_events) == TRAP_DELIVERED)
        bounce_complete(regs);
}

static __attribute__((noinline)) long bounce_with_error_code(struct cpu_user_regs *regs,
                                                             const struct vcpu_trap *trap,
                                                             uint32_t error_code)
{
    const struct bounce bounce = {
        .handler = trap->address,
        .error_code = error_code,
        .has_error_code = true,
        .masks_events = trap->masks_events,
    };
    return deliver(regs, &bounce);
}

void bounce_exception(struct cpu_user_regs *regs, unsigned vector, uint32_t error_code)
{
    const struct vcpu_trap *trap = &regs_vcpu(regs)->guest.traps[vector];

    regs->entry_vector = vector;
    long done = VECTORS_WITH_ERROR_CODE >> vector & 1
                    ? bounce_with_error_code(regs, trap, error_code)
                    : bounce_plain(regs, trap->address, trap->masks_events);
    if (done == TRAP_DELIVERED)
        bounce_complete(regs);
}

long bounce_invalid_opcode(struct cpu_user_regs *regs)
{
    const struct vcpu_trap *trap = &regs_vcpu(regs)->guest.traps[TRAP_INVALID_OPCODE];

    return bounce_plain(regs, trap->address, trap->masks_events);
}

long bounce_page_fault(struct cpu_user_regs *regs, uint64_t address)
{
    struct vcpu *vcpu = regs_vcpu(regs);
    const struct vcpu_trap *trap = &vcpu->guest.traps[TRAP_PAGE_FAULT];
    uint32_t error_code = regs->error_code & ~PAGE_FAULT_USER;

    if (!vcpu->guest.kernel_mode)
        error_code |= PAGE_FAULT_USER;
    vcpu->guest.cr2_shadow = address;
    WRITE_ONCE(vcpu->info->arch.cr2, address);
    if (trap->address)
        return bounce_with_error_code(regs, trap, error_code);
    domain_crash(vcpu->domain, "page fault at address %lx without a handler (error %x)", address,
                 error_code);
    return TRAP_DONE;
}

bool bounce_software_interrupt(struct cpu_user_regs *regs, uint8_t vector)
{
    const struct vcpu *vcpu = regs_vcpu(regs);
    const struct vcpu_trap *trap = &vcpu->guest.traps[vector];
    unsigned privilege = vcpu->guest.kernel_mode ? 1 : 3;

    if (!trap->address || (trap->flags & TRAP_PRIVILEGE) < privilege)
        return false;
    bounce_whole(regs, trap->address, trap->masks_events);
    return true;
}

void bounce_syscall(struct cpu_user_regs *regs)
{
    const struct vcpu_guest *guest = &regs_vcpu(regs)->guest;
    const struct bounce bounce = {
        .handler = guest->syscall_callback,
        .masks_events = guest->syscall_masks_events,
        .by_syscall = true,
    };
    deliver(regs, &bounce);
}

void bounce_compat_syscall(struct cpu_user_regs *regs)
{
    const struct vcpu_guest *guest = &regs_vcpu(regs)->guest;
    bool own = guest->syscall32_callback;

    bounce_whole(regs, own ? guest->syscall32_callback : guest->syscall_callback,
                 own ? guest->syscall32_masks_events : guest->syscall_masks_events);
    regs->rflags &= ~RFLAGS_DF;
}

void bounce_event(struct cpu_user_regs *regs)
{
    bounce_whole(regs, regs_vcpu(regs)->guest.event_callback, true);
}

bool bounce_nmi(struct cpu_user_regs *regs)
{
    struct vcpu *vcpu = regs_vcpu(regs);

    if (!vcpu->guest.nmi_callback || vcpu->guest.nmi_masked)
        return false;
    vcpu->nmi_pending = 0;
    vcpu->guest.nmi_masked = true; /* until the iret hypercall */
    bounce_whole(regs, vcpu->guest.nmi_callback, true);
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
    if (deliver(regs, &bounce) == TRAP_DELIVERED)
        bounce_complete(regs);
}

__attribute__((cold)) void iret_refuse(struct cpu_user_regs *regs)
{
    domain_crash(regs_vcpu(regs)->domain,
                 "iret by a frame that cannot be read, or to user mode without its page table");
}
