/* SPDX-License-Identifier: MIT */
/*
 * Every way in and out gives back all registers but those of its answer, and the flags: the ways of
 * hypercalls, emulated instructions, an exception that is repaired, and an event on the way out.
 */
#include "lib/string.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/vcpu.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>
#include <xen/version.h>

enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8, R9, R10, R11, R12, R13, R14, R15, FLAGS, VALUES };

#define BIT(number) (1u << (number))
#define ALL_FLAGS   0xad7 /* overflow, interrupts, sign, zero, adjust, parity, carry; bit 1 */
#define MSR_EFER    0xc0000080
#define UNBOUND     11 /* no hypercall has this number */
#define BEYOND      1000

/* Load all of them, call `code`, store all of them. */
void registers_run(uint64_t *values, const void *code);
extern const char code_syscall[], code_rdmsr[], code_cpuid[], code_undefined[];
__asm__(".pushsection .text\n"
        "registers_run:\n"
        "    pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
        "    pushq %rsi\n"
        "    pushq %rdi\n"
        "    pushq 120(%rdi)\n"
        "    movq 0(%rdi), %rax; movq 8(%rdi), %rbx; movq 16(%rdi), %rcx; movq 24(%rdi), %rdx\n"
        "    movq 32(%rdi), %rsi; movq 48(%rdi), %rbp; movq 56(%rdi), %r8; movq 64(%rdi), %r9\n"
        "    movq 72(%rdi), %r10; movq 80(%rdi), %r11; movq 88(%rdi), %r12; movq 96(%rdi), %r13\n"
        "    movq 104(%rdi), %r14; movq 112(%rdi), %r15; movq 40(%rdi), %rdi\n"
        "    popfq\n"
        "    call *8(%rsp)\n"
        "    pushfq\n"
        "    pushq %rdi\n"
        "    movq 16(%rsp), %rdi\n"
        "    movq %rax, 0(%rdi); movq %rbx, 8(%rdi); movq %rcx, 16(%rdi); movq %rdx, 24(%rdi)\n"
        "    movq %rsi, 32(%rdi); movq %rbp, 48(%rdi); movq %r8, 56(%rdi); movq %r9, 64(%rdi)\n"
        "    movq %r10, 72(%rdi); movq %r11, 80(%rdi); movq %r12, 88(%rdi); movq %r13, 96(%rdi)\n"
        "    movq %r14, 104(%rdi); movq %r15, 112(%rdi)\n"
        "    popq 40(%rdi)\n"
        "    popq 120(%rdi)\n"
        "    addq $16, %rsp\n"
        "    popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx\n"
        "    cld\n"
        "    ret\n"
        "code_syscall: pushq %rcx; pushq %r11; syscall; popq %r11; popq %rcx; ret\n"
        "code_rdmsr: rdmsr; ret\n"
        "code_cpuid: ud2; .ascii \"xen\"; cpuid; ret\n"
        "code_undefined: ud2; ret\n"
        ".popsection\n");

static void values_fill(uint64_t *values)
{
    for (unsigned int i = 0; i < FLAGS; i++)
        values[i] = 0x0123456789abcdefUL * (i + 1);
    values[FLAGS] = ALL_FLAGS;
}

/* Which of them are others afterwards, a bit for each; `values` are those of after. */
static unsigned int changed(uint64_t *values, const void *code)
{
    uint64_t before[VALUES];
    unsigned int result = 0;

    memcpy(before, values, sizeof(before));
    registers_run(values, code);
    for (unsigned int i = 0; i < VALUES; i++)
        result |= values[i] != before[i] ? BIT(i) : 0;
    return result;
}

/* Number and two arguments, from the hypercall page's place for it or by its instruction. */
static unsigned int hypercall_changes(uint64_t *values, unsigned int number, uint64_t first,
                                      uint64_t second)
{
    values_fill(values);
    values[RAX] = number;
    values[RDI] = first;
    values[RSI] = second;
    return changed(values, number < BEYOND ? hypercall_page + 32UL * number : code_syscall);
}

#define EXPECT_ANSWER(answer, number, first, second)                                     \
    do {                                                                                 \
        uint64_t values_[VALUES];                                                        \
        EXPECT_VALUE(BIT(RAX), hypercall_changes(values_, (number), (first), (second))); \
        EXPECT_VALUE(answer, values_[RAX]);                                              \
    } while (0)

static void short_hypercalls(void)
{
    long version = hypercall_xen_version(XENVER_version, NULL);

    EXPECT_ANSWER(version, __HYPERVISOR_xen_version, XENVER_version, 0);
    EXPECT_ANSWER(4096, __HYPERVISOR_xen_version, XENVER_pagesize, 0);
    EXPECT_ANSWER(0, __HYPERVISOR_fpu_taskswitch, 1, 0);
    EXPECT_ANSWER(0, __HYPERVISOR_fpu_taskswitch, 0, 0);
    EXPECT_ANSWER(0, __HYPERVISOR_set_segment_base, SEGBASE_FS, 0);
    EXPECT_ANSWER(-XEN_EINVAL, __HYPERVISOR_set_segment_base, SEGBASE_FS, NONCANONICAL_ADDRESS);
}

static void plain_hypercalls(void)
{
    EXPECT_ANSWER(-XEN_ENOSYS, __HYPERVISOR_vm_assist, UNUSED_COMMAND, 0);
    EXPECT_ANSWER(-XEN_EFAULT, __HYPERVISOR_set_trap_table, UNMAPPED_ADDRESS, 0);
}

static void unknown_hypercalls(void)
{
    EXPECT_ANSWER(-XEN_ENOSYS, UNBOUND, 0, 0);
    EXPECT_ANSWER(-XEN_ENOSYS, BEYOND, 0, 0);
}

/* The event is delivered before the hypercall returns, and its handler comes back. */
static void event_on_the_way(void)
{
    struct vcpu_info *info = vcpu_current_info();
    long version = hypercall_xen_version(XENVER_version, NULL);

    info->evtchn_upcall_pending = 1;
    EXPECT_ANSWER(version, __HYPERVISOR_xen_version, XENVER_version, 0);
    EXPECT_VALUE(0, info->evtchn_upcall_pending);
    info->evtchn_upcall_pending = 1;
    EXPECT_ANSWER(-XEN_ENOSYS, __HYPERVISOR_vm_assist, UNUSED_COMMAND, 0);
    EXPECT_VALUE(0, info->evtchn_upcall_pending);
}

static void emulated(void)
{
    uint64_t values[VALUES];

    values_fill(values);
    values[RCX] = MSR_EFER;
    EXPECT_VALUE(BIT(RAX) | BIT(RDX), changed(values, code_rdmsr));
    values_fill(values);
    values[RAX] = 0x40000000;
    EXPECT_VALUE(BIT(RAX) | BIT(RBX) | BIT(RCX) | BIT(RDX), changed(values, code_cpuid));
}

static bool skip_undefined(struct trap_frame *frame)
{
    frame->rip += 2;
    return frame->vector == 6;
}

static void repaired(void)
{
    uint64_t values[VALUES];
    unsigned int changes;

    values_fill(values);
    fault_set_hook(skip_undefined);
    changes = changed(values, code_undefined);
    fault_set_hook(NULL);
    EXPECT_VALUE(0, changes);
}

const struct check registers_checks[] = {
    {"registers: short hypercalls", short_hypercalls},
    {"registers: plain hypercalls", plain_hypercalls},
    {"registers: unknown hypercalls", unknown_hypercalls},
    {"registers: an event on the way out", event_on_the_way},
    {"registers: emulated instructions", emulated},
    {"registers: a repaired exception", repaired},
    {NULL, NULL},
};
