/* SPDX-License-Identifier: MIT */
#include "hypervisor/interpreter/fetch.h"

#include "hypervisor/dispatcher/bounce.h"
#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/layout.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/vcpu.h"

#define DR6_SINGLE_STEP (1UL << 14)

bool instruction_fetch(struct cpu_user_regs *regs, struct instruction *instruction)
{
    uint8_t code[INSTRUCTION_MAX];
    unsigned size = INSTRUCTION_MAX;

    if (copy_from_guest(code, guest_ptr(regs->rip), size)) {
        /* The next page may be missing without the instruction reaching into it. */
        size = PAGE_SIZE - (regs->rip & (PAGE_SIZE - 1));
        if (size >= INSTRUCTION_MAX || copy_from_guest(code, guest_ptr(regs->rip), size))
            return false;
    }
    return instruction_decode(code, size, regs, instruction);
}

static __attribute__((noinline, cold)) void deliver_single_step(struct cpu_user_regs *regs)
{
    current_vcpu()->guest.debug[6] |= DR6_SINGLE_STEP;
    bounce_exception(regs, TRAP_DEBUG, 0);
}

void instruction_finish(struct cpu_user_regs *regs, unsigned length)
{
    regs->rip += length;
    regs->rflags &= ~RFLAGS_RF;
    if (regs->rflags & RFLAGS_TF)
        deliver_single_step(regs);
}
