/* SPDX-License-Identifier: MIT */
#include "hypervisor/dispatcher/trap.h"

#include <stddef.h>

#include "hypervisor/dispatcher/bounce.h"
#include "hypervisor/dispatcher/exception_table.h"
#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/dispatcher/offsets.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/domain/vcpu_area.h"
#include "hypervisor/interpreter/interpreter.h"
#include "hypervisor/io/console.h"
#include "hypervisor/io/event_channel.h"
#include "hypervisor/io/irq.h"
#include "hypervisor/io/local_apic.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/debug_register.h"
#include "hypervisor/processor/fpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/smp.h"
#include "hypervisor/processor/trace.h"

_Static_assert(offsetof(struct cpu_user_regs, r11) == REGS_R11, "");
_Static_assert(offsetof(struct cpu_user_regs, r10) == REGS_R10, "");
_Static_assert(offsetof(struct cpu_user_regs, r9) == REGS_R9, "");
_Static_assert(offsetof(struct cpu_user_regs, r8) == REGS_R8, "");
_Static_assert(offsetof(struct cpu_user_regs, rax) == REGS_RAX, "");
_Static_assert(offsetof(struct cpu_user_regs, rcx) == REGS_RCX, "");
_Static_assert(offsetof(struct cpu_user_regs, rdx) == REGS_RDX, "");
_Static_assert(offsetof(struct cpu_user_regs, rsi) == REGS_RSI, "");
_Static_assert(offsetof(struct cpu_user_regs, rdi) == REGS_RDI, "");
_Static_assert(offsetof(struct cpu_user_regs, error_code) == REGS_ERROR_CODE, "");
_Static_assert(offsetof(struct cpu_user_regs, entry_vector) == REGS_ENTRY_VECTOR, "");
_Static_assert(offsetof(struct cpu_user_regs, rip) == REGS_RIP, "");
_Static_assert(offsetof(struct cpu_user_regs, cs) == REGS_CS, "");
_Static_assert(offsetof(struct cpu_user_regs, rflags) == REGS_RFLAGS, "");
_Static_assert(offsetof(struct cpu_user_regs, rsp) == REGS_RSP, "");
_Static_assert(offsetof(struct cpu_user_regs, ss) == REGS_SS, "");
_Static_assert(offsetof(struct cpu_user_regs, es) == REGS_ES, "");
_Static_assert(sizeof(struct cpu_user_regs) == REGS_SIZE, "");
_Static_assert(offsetof(struct stack_top, pcpu) == STACK_TOP_PCPU, "");
_Static_assert(offsetof(struct stack_top, vcpu) == STACK_TOP_VCPU, "");
_Static_assert(sizeof(struct stack_top) == STACK_TOP_SIZE, "");
_Static_assert(offsetof(struct pcpu, syscall_stack) == PCPU_SYSCALL_STACK, "");
_Static_assert(offsetof(struct pcpu, syscall_scratch) == PCPU_SYSCALL_SCRATCH, "");
_Static_assert(offsetof(struct pcpu, hypercall_limit) == PCPU_HYPERCALL_LIMIT, "");
_Static_assert(offsetof(struct pcpu, hypercalls) == PCPU_HYPERCALLS, "");
_Static_assert(offsetof(struct pcpu, cr3) == PCPU_CR3, "");
_Static_assert(offsetof(struct vcpu, pause_count) == VCPU_EXIT_WORD, "");
_Static_assert(offsetof(struct vcpu, exit_unused) == VCPU_EXIT_WORD + 7, "");
_Static_assert(offsetof(struct vcpu, info) == VCPU_INFO, "");
_Static_assert(offsetof(struct vcpu, hypercall_count) == VCPU_HYPERCALL_COUNT, "");
_Static_assert(offsetof(struct vcpu, domain) == VCPU_DOMAIN, "");
_Static_assert(offsetof(struct vcpu, user_table) == VCPU_USER_TABLE, "");
_Static_assert(offsetof(struct vcpu, guest.kernel_mode) == VCPU_KERNEL_MODE, "");
_Static_assert(offsetof(struct vcpu, guest.nmi_masked) == VCPU_NMI_MASKED, "");
_Static_assert(offsetof(struct vcpu, guest.iopl) == VCPU_IOPL, "");
_Static_assert(offsetof(struct domain, vm_assist) == DOMAIN_VM_ASSIST, "");
_Static_assert(offsetof(struct iret_context, rax) == IRET_RAX, "");
_Static_assert(offsetof(struct iret_context, r11) == IRET_R11, "");
_Static_assert(offsetof(struct iret_context, rcx) == IRET_RCX, "");
_Static_assert(offsetof(struct iret_context, flags) == IRET_FLAGS, "");
_Static_assert(offsetof(struct iret_context, rip) == IRET_RIP, "");
_Static_assert(offsetof(struct iret_context, cs) == IRET_CS, "");
_Static_assert(offsetof(struct iret_context, rflags) == IRET_RFLAGS, "");
_Static_assert(offsetof(struct iret_context, rsp) == IRET_RSP, "");
_Static_assert(offsetof(struct iret_context, ss) == IRET_SS, "");
_Static_assert(sizeof(struct iret_context) == IRET_SIZE, "");
_Static_assert(RFLAGS_NOT_GUESTS == (RFLAGS_VM | RFLAGS_IOPL), "");
_Static_assert(RFLAGS_FORCED == (RFLAGS_IF | RFLAGS_FIXED), "");
_Static_assert(RFLAGS_IF == 1 << RFLAGS_IF_BIT && RFLAGS_IOPL == 3 << RFLAGS_IOPL_BIT, "");
_Static_assert(HYPERCALL_NUMBERS == HYPERCALL_LIMIT, "");
_Static_assert(sizeof(hypercall_t *) * HYPERCALL_LIMIT == offsetof(struct hypercall_table, handler),
               "");
_Static_assert(offsetof(struct vcpu_info, evtchn_upcall_pending) == 0, "");
_Static_assert(offsetof(struct vcpu_info, evtchn_upcall_mask) == 1, "");

#define EXCEPTIONS 32 /* vectors below */

#define PAGE_FAULT_PRESENT 1
#define PAGE_FAULT_WRITE   2
#define PAGE_FAULT_USER    4

static void print_registers(const struct cpu_user_regs *regs)
{
    printk("rip %04x:%016lx rsp %04x:%016lx rflags %08lx vector %u error %x cr2 %lx\n", regs->cs,
           regs->rip, regs->ss, regs->rsp, regs->rflags, regs->entry_vector, regs->error_code,
           cr2_read());
    printk("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", regs->rax, regs->rbx, regs->rcx,
           regs->rdx);
    printk("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", regs->rsi, regs->rdi, regs->rbp,
           regs->r8);
    printk("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", regs->r9, regs->r10, regs->r11,
           regs->r12);
    printk("r13 %016lx r14 %016lx r15 %016lx cr3 %016lx\n", regs->r13, regs->r14, regs->r15,
           cr3_read());
}

static void trap_interrupt(unsigned vector)
{
    if (vector >= VECTOR_DEVICE_FIRST && vector <= VECTOR_DEVICE_LAST) {
        irq_interrupt(vector);
        return;
    }
    if (vector == VECTOR_SPURIOUS)
        return;
    local_apic_end_of_interrupt();
    if (vector == VECTOR_TIMER)
        timer_run();
    else
        smp_interrupt(vector);
}

/* What is no interrupt is a fault of ring 0 itself: expected ones have a fix-up, others are bugs.
 */
void trap_from_hypervisor(struct cpu_user_regs *regs)
{
    if (regs->entry_vector >= EXCEPTIONS) {
        trap_interrupt(regs->entry_vector);
        return;
    }
    uint64_t fixup = exception_table_find(regs->rip);
    if (fixup) {
        regs->rip = fixup;
        return;
    }
    console_force_unlock();
    print_registers(regs);
    panic("exception %u in the hypervisor at %lx", regs->entry_vector, regs->rip);
}

/* Cold, and out of the way: tracing wants the vector and a frame that is whole. */
static inline bool traced(void)
{
    return __builtin_expect(trace_on(), false);
}

/* A domain that cannot take its fault has ended: the way out finds that there is something to do.
 */
long trap_page_fault(struct cpu_user_regs *regs)
{
    if (traced())
        return TRAP_WHOLE;
    uint64_t address = cr2_read();
    if (!(regs->error_code & PAGE_FAULT_USER) && interpreter_ring3_iret(regs))
        return TRAP_DONE;
    return bounce_page_fault(regs, address);
}

long trap_invalid_opcode(struct cpu_user_regs *regs)
{
    if (traced())
        return TRAP_WHOLE;
    if (!interpreter_forced_cpuid(regs))
        return bounce_invalid_opcode(regs);
    interpreter_cpuid(regs);
    return TRAP_DONE;
}

long trap_protection(struct cpu_user_regs *regs)
{
    return !traced() && interpreter_frequent(regs) ? TRAP_DONE : TRAP_WHOLE;
}

static void trap_guest_interrupt(struct cpu_user_regs *regs)
{
    trap_interrupt(regs->entry_vector);
    regs_vcpu(regs)->exit_work = true; /* it may be about a reschedule */
}

static void trap_page_fault_whole(struct cpu_user_regs *regs, uint64_t address)
{
    const uint32_t write_protection = PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE;

    if ((regs->error_code & write_protection) == write_protection &&
        regs_vcpu(regs)->guest.kernel_mode && interpreter_table_write(regs, address))
        return;
    if (!(regs->error_code & PAGE_FAULT_USER) && interpreter_ring3_iret(regs))
        return;
    if (bounce_page_fault(regs, address) == TRAP_DELIVERED)
        bounce_complete(regs);
}

static void trap_exception(struct cpu_user_regs *regs, unsigned vector)
{
    switch (vector) {
    case TRAP_INVALID_OPCODE:
        if (!interpreter_forced_cpuid(regs))
            break;
        interpreter_cpuid(regs);
        regs->rbx = regs->error_code;
        return;
    case TRAP_PROTECTION:
        if (interpreter_privileged(regs))
            return;
        break;
    case TRAP_NO_DEVICE:
        if (!fpu_guest_trap(regs_vcpu(regs)))
            return;
        break;
    case TRAP_DEBUG:
        debug_register_trap(regs_vcpu(regs));
        break;
    case TRAP_NMI:
        smp_nmi();
        return;
    }
    bounce_exception(regs, vector, regs->error_code);
}

static __attribute__((noinline, cold)) void trap_write_trace(const struct cpu_user_regs *regs)
{
    trace_write_trap(regs, regs->entry_vector == TRAP_PAGE_FAULT ? cr2_read() : 0);
}

void trap_from_guest(struct cpu_user_regs *regs)
{
    unsigned vector = regs->entry_vector;

    if (vector >= EXCEPTIONS) {
        trap_guest_interrupt(regs);
        return;
    }
    if (traced())
        trap_write_trace(regs);
    if (vector == TRAP_PAGE_FAULT)
        trap_page_fault_whole(regs, cr2_read());
    else
        trap_exception(regs, vector);
}

/*
 * Exceptions on their own stacks. Nothing here may switch stacks, sleep or take a lock that the
 * interrupted code could hold.
 */
void trap_paranoid(struct cpu_user_regs *regs)
{
    switch (regs->entry_vector) {
    case TRAP_DEBUG:
        /* In ring 0: arranged by a guest (XSA-260, XSA-265). Clean up and go on. */
        debug_register_clear_status();
        regs->rflags &= ~RFLAGS_TF;
        return;
    case TRAP_NMI:
        smp_nmi();
        return;
    default:
        console_force_unlock();
        print_registers(regs);
        panic("%s", regs->entry_vector == TRAP_DOUBLE_FAULT ? "double fault" : "machine check");
    }
}

/*
 * exit_work is taken down first and its reasons are looked at then: who raises it afterwards says
 * something new. What cannot be done yet raises it again.
 */
void exit_to_guest_work(void)
{
    struct vcpu *vcpu = current_vcpu();
    bool published, upcall_made = false;

    vcpu->at_exit = false; /* it begins its first run with the mark set */
    for (;;) {
        __atomic_store_n(&vcpu->exit_work, false, __ATOMIC_SEQ_CST);
        if (scheduler_must_leave(vcpu)) {
            scheduler_leave(vcpu);
            continue;
        }
        published = vcpu_publish(vcpu);
        if (vcpu->nmi_pending && bounce_nmi(&vcpu->stack->regs))
            continue;
        /* One masks further ones, unless another vcpu of the guest takes the mask away. */
        if (upcall_made || !event_upcall_wanted(vcpu))
            break;
        bounce_event(&vcpu->stack->regs);
        upcall_made = true;
    }
    if (!published || vcpu->nmi_pending)
        vcpu->exit_work = true;
}
