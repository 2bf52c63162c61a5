/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions of a guest, after the #GP they raised in ring 3.
 */
#include "hypervisor/dispatcher/bounce.h"
#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/interpreter/cpuid.h"
#include "hypervisor/interpreter/fetch.h"
#include "hypervisor/interpreter/interpreter.h"
#include "hypervisor/interpreter/io_port.h"
#include "hypervisor/interpreter/msr.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/guest_table.h"
#include "hypervisor/memory/guest_word.h"
#include "hypervisor/memory/m2p.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/debug_register.h"
#include "hypervisor/processor/fpu.h"
#include "hypervisor/processor/segment.h"
#include "hypervisor/processor/tlb.h"

#define INT_LENGTH     2
#define ERROR_CODE_IDT 2

/* Instructions as they stand in memory, read as a little-endian word. */
#define RDMSR               0x320f
#define WRMSR               0x300f
#define FREQUENT_LENGTH     2
#define FORCED_CPUID_FIRST  0x65780b0fU /* ud2a, "xe" */
#define FORCED_CPUID_LAST   0xa20f6e65U /* "en", cpuid */
#define FORCED_CPUID_LENGTH 7

#define CR0_GUEST (CR0_PG | CR0_WP | CR0_MP | 1 | 1UL << 4 | 1UL << 5)

/* Answers true when done; false leaves the #GP to the guest. */
typedef bool emulate_t(const struct instruction *instruction, struct cpu_user_regs *regs);

static bool guest_kernel_mode(void)
{
    return current_vcpu()->guest.kernel_mode;
}

static bool emulate_cpuid(const struct instruction *instruction, struct cpu_user_regs *regs)
{
    (void)instruction;
    regs->rbx = cpuid_for_guest(regs);
    return true;
}

static bool emulate_rdmsr(const struct instruction *instruction, struct cpu_user_regs *regs)
{
    uint64_t value;

    (void)instruction;
    if (!regs_vcpu(regs)->guest.kernel_mode || !msr_guest_read((uint32_t)regs->rcx, &value))
        return false;
    regs->rax = (uint32_t)value;
    regs->rdx = value >> 32;
    return true;
}

static bool emulate_wrmsr(const struct instruction *instruction, struct cpu_user_regs *regs)
{
    (void)instruction;
    return regs_vcpu(regs)->guest.kernel_mode &&
           msr_guest_write((uint32_t)regs->rcx, (uint32_t)regs->rax | regs->rdx << 32);
}

static bool emulate_clts(const struct instruction *instruction, struct cpu_user_regs *regs)
{
    (void)instruction;
    (void)regs;
    if (!guest_kernel_mode())
        return false;
    fpu_set_task_switched(current_vcpu(), false);
    return true;
}

/* invd, wbinvd: caches are coherent, and a guest may not throw away others' data. */
static bool emulate_cache(const struct instruction *instruction, struct cpu_user_regs *regs)
{
    (void)instruction;
    (void)regs;
    return guest_kernel_mode();
}

static bool read_control(unsigned number, uint64_t *value)
{
    const struct vcpu *vcpu = current_vcpu();

    switch (number) {
    case 0:
        *value = CR0_GUEST | vcpu->guest.cr0_ts;
        return true;
    case 2:
        *value = vcpu->guest.cr2_shadow;
        return true;
    case 3:
        *value = vcpu->kernel_table.value << PAGE_SHIFT;
        return true;
    case 4:
        *value = cr4_read() & ~(CR4_SMEP | CR4_SMAP | CR4_MCE | CR4_PGE | CR4_UMIP);
        return true;
    default:
        return false;
    }
}

/* Only what a ported kernel cannot avoid: CR0.TS; writes that change nothing else. */
static bool write_control(unsigned number, uint64_t value)
{
    struct vcpu *vcpu = current_vcpu();

    switch (number) {
    case 0:
        if ((value ^ CR0_GUEST) & ~CR0_TS)
            return false;
        fpu_set_task_switched(vcpu, value & CR0_TS);
        return true;
    case 2:
        vcpu->guest.cr2_shadow = value;
        WRITE_ONCE(vcpu->info->arch.cr2, value);
        return true;
    case 4:
        /* As on Xen: a change of what is not the guest's (all of it, here) has no effect. */
        return true;
    default:
        return false;
    }
}

static bool emulate_control(const struct instruction *instruction, struct cpu_user_regs *regs)
{
    uint64_t *operand = register_of(regs, instruction->rm);

    if (!guest_kernel_mode())
        return false;
    if (instruction->opcode == 0x0f20)
        return read_control(instruction->reg, operand);
    return write_control(instruction->reg, *operand);
}

static bool emulate_debug(const struct instruction *instruction, struct cpu_user_regs *regs)
{
    uint64_t *operand = register_of(regs, instruction->rm);
    unsigned number = instruction->reg;

    if (!guest_kernel_mode() || number > 7 || number == 4 || number == 5)
        return false;
    if (instruction->opcode == 0x0f23)
        return debug_register_set(current_vcpu(), number, *operand) == 0;
    *operand = current_vcpu()->guest.debug[number];
    return true;
}

/* 0f 01: xsetbv is d1 (mod 3, reg 2, rm 1); invlpg is /7 with a memory operand. */
static bool emulate_system(const struct instruction *instruction, struct cpu_user_regs *regs)
{
    if (!guest_kernel_mode())
        return false;
    if (instruction->mod == 3 && (instruction->reg & 7) == 2 && (instruction->rm & 7) == 1)
        return (uint32_t)regs->rcx == 0 &&
               fpu_set_xcr0(current_vcpu(), (uint32_t)regs->rax | regs->rdx << 32);
    if (instruction->mod != 3 && (instruction->reg & 7) == 7) {
        if (guest_range_ok(guest_ptr(instruction->address), 1))
            tlb_flush_local_page(instruction->address);
        return true;
    }
    return false;
}

/* The guest kernel counts as ring 1 unless it asked for the architectural view. */
static bool io_privileged(const struct vcpu *vcpu)
{
    bool architectural = vcpu->domain->vm_assist & (1UL << VMASST_TYPE_architectural_iopl);
    unsigned privilege = !guest_kernel_mode() ? 3 : architectural ? 0 : 1;

    return vcpu->guest.iopl >= privilege;
}

/* cli, sti: nothing happens, to who may do port I/O; events have a mask of their own. */
static bool emulate_interrupt_flag(const struct instruction *instruction,
                                   struct cpu_user_regs *regs)
{
    (void)instruction;
    (void)regs;
    return io_privileged(current_vcpu());
}

static unsigned io_size(const struct instruction *instruction)
{
    return instruction->operand_size > 4 ? 4 : instruction->operand_size;
}

static bool emulate_in_out(const struct instruction *instruction, struct cpu_user_regs *regs)
{
    bool by_register = instruction->opcode & 8, out = instruction->opcode & 2;
    uint16_t port = by_register ? (uint16_t)regs->rdx : (uint8_t)instruction->immediate;
    unsigned size = io_size(instruction);
    struct domain *domain = current_domain();

    if (!io_privileged(current_vcpu()))
        return false;
    if (!io_port_allowed(domain, port, size)) {
        if (!out)
            register_write(&regs->rax, ~0UL, size);
        return true; /* as a machine without a device there */
    }
    if (out)
        io_port_write(domain, port, size, (uint32_t)truncate_to(regs->rax, size));
    else
        register_write(&regs->rax, io_port_read(domain, port, size), size);
    return true;
}

/* ins, outs: one element a time; with a repeat prefix rip stays until the count is used up. */
static bool emulate_string(const struct instruction *instruction, struct cpu_user_regs *regs)
{
    bool out = instruction->opcode & 2;
    unsigned size = io_size(instruction);
    uint16_t port = (uint16_t)regs->rdx;
    uint64_t *pointer = out ? &regs->rsi : &regs->rdi;
    struct domain *domain = current_domain();
    uint32_t value = 0;

    if (instruction->address_32 || instruction->segment || !io_privileged(current_vcpu()) ||
        !io_port_allowed(domain, port, size))
        return false;
    if (instruction->repeat && regs->rcx == 0)
        return true;
    if (out) {
        if (copy_from_guest(&value, guest_ptr(*pointer), size))
            return false;
        io_port_write(domain, port, size, value);
    } else {
        if (!guest_range_ok(guest_ptr(*pointer), size) || clear_guest(guest_ptr(*pointer), size))
            return false;
        value = io_port_read(domain, port, size);
        if (copy_to_guest(guest_ptr(*pointer), &value, size))
            return false;
    }
    *pointer += regs->rflags & RFLAGS_DF ? -(uint64_t)size : size;
    if (instruction->repeat && --regs->rcx > 0)
        regs->rip -= instruction->length; /* undone by instruction_finish() */
    return true;
}

/* NULL: not one of the privileged instructions that are emulated. */
static emulate_t *emulation_of(uint16_t opcode)
{
    switch (opcode) {
    case 0x6c ... 0x6f:
        return emulate_string;
    case 0xe4 ... 0xe7:
    case 0xec ... 0xef:
        return emulate_in_out;
    case 0xfa ... 0xfb:
        return emulate_interrupt_flag;
    case 0x0f01:
        return emulate_system;
    case 0x0f06:
        return emulate_clts;
    case 0x0f08 ... 0x0f09:
        return emulate_cache;
    case 0x0f20:
    case 0x0f22:
        return emulate_control;
    case 0x0f21:
    case 0x0f23:
        return emulate_debug;
    case 0x0f30:
        return emulate_wrmsr;
    case 0x0f32:
        return emulate_rdmsr;
    case 0x0fa2:
        return emulate_cpuid;
    default:
        return NULL;
    }
}

/*
 * #GP with an IDT error code: `int n` on a gate that ring 3 may not use. The vector is taken from
 * the instruction (QEMU's error code has it shifted differently).
 */
static __attribute__((noinline)) bool software_interrupt(struct cpu_user_regs *regs)
{
    struct instruction instruction;

    if (!instruction_fetch(regs, &instruction) || instruction.opcode != 0xcd)
        return false;
    uint8_t vector = (uint8_t)instruction.immediate;
    regs->rip += instruction.length;
    if (bounce_software_interrupt(regs, vector))
        return true;
    regs->rip -= instruction.length;
    bounce_exception(regs, TRAP_PROTECTION, (uint32_t)vector << 3 | ERROR_CODE_IDT);
    return true;
}

static __attribute__((noinline)) bool decode_and_emulate(struct cpu_user_regs *regs)
{
    struct instruction instruction;

    if (!instruction_fetch(regs, &instruction))
        return false;
    emulate_t *emulate = emulation_of(instruction.opcode);
    if (!emulate || !emulate(&instruction, regs))
        return false;
    instruction_finish(regs, instruction.length);
    return true;
}

bool interpreter_privileged(struct cpu_user_regs *regs)
{
    if (regs->error_code & ERROR_CODE_IDT)
        return software_interrupt(regs);
    if (regs->error_code != 0)
        return false;
    return decode_and_emulate(regs);
}

bool interpreter_frequent(struct cpu_user_regs *regs)
{
    uint16_t code = 0;
    bool failed = !guest_words_ok(regs->rip, sizeof(code)), done = false;

    if (failed || regs->error_code != 0)
        return false;
    guest_access_begin();
    guest_word_read(code, (const uint16_t *)regs->rip, failed);
    guest_access_end();
    if (code == RDMSR)
        done = emulate_rdmsr(NULL, regs);
    else if (code == WRMSR)
        done = emulate_wrmsr(NULL, regs);
    if (done)
        instruction_finish(regs, FREQUENT_LENGTH);
    return done;
}

/* xen/arch-x86/xen.h, XEN_CPUID: ud2a; .ascii "xen"; cpuid. Seven bytes, as two words. */
bool interpreter_forced_cpuid(const struct cpu_user_regs *regs)
{
    uint32_t first = 0, last = 0;
    bool failed = !guest_words_ok(regs->rip, FORCED_CPUID_LENGTH);

    if (failed)
        return false;
    guest_access_begin();
    guest_word_read(first, (const uint32_t *)regs->rip, failed);
    if (first == FORCED_CPUID_FIRST)
        guest_word_read(last, (const uint32_t *)(regs->rip + FORCED_CPUID_LENGTH - sizeof(last)),
                        failed);
    guest_access_end();
    return last == FORCED_CPUID_LAST;
}

void interpreter_cpuid(struct cpu_user_regs *regs)
{
    regs->error_code = cpuid_for_guest(regs);
    instruction_finish(regs, FORCED_CPUID_LENGTH);
}
