/* SPDX-License-Identifier: MIT */
/*
 * iretq executed by a guest kernel in ring 3. A processor does it by itself; but QEMU's emulation
 * reads the frame with supervisor rights, which SMAP then refuses. The fault is recognisable: from
 * ring 3, yet not a user access.
 */
#include "hypervisor/domain/domain.h"
#include "hypervisor/interpreter/interpreter.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/cpu.h"
#include "lib/string.h"

/* What popf in ring 3 with IOPL 0 may change (Intel SDM volume 2, IRET). */
#define RFLAGS_RING3 \
    (0xffUL | RFLAGS_TF | RFLAGS_DF | 1UL << 11 | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC | 1UL << 21)

bool interpreter_ring3_iret(struct cpu_user_regs *regs)
{
    static const uint8_t iretq[] = {0x48, 0xcf};
    uint8_t code[sizeof(iretq)];
    struct {
        uint64_t rip, cs, rflags, rsp, ss;
    } frame;

    if (!cpu_features.smap || copy_from_guest(code, guest_ptr(regs->rip), sizeof(code)) ||
        memcmp(code, iretq, sizeof(code)) != 0 ||
        copy_from_guest(&frame, guest_ptr(regs->rsp), sizeof(frame)))
        return false;
    regs->rip = frame.rip;
    regs->cs = (uint16_t)(frame.cs | 3);
    regs->rflags = (regs->rflags & ~RFLAGS_RING3) | (frame.rflags & RFLAGS_RING3) | RFLAGS_FIXED;
    regs->rsp = frame.rsp;
    regs->ss = (uint16_t)(frame.ss | 3);
    return true;
}
