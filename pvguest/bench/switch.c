/* SPDX-License-Identifier: MIT */
/*
 * Switches between two virtual CPUs of this domain: the second one, which no thread of the kernel
 * knows, does nothing but count and yield. Both must share one physical processor for the figure
 * to mean a switch.
 */
#include "lib/string.h"
#include "pvguest/bench/bench.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/table.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#define STACK_SIZE 4096

static volatile unsigned long turns;
static unsigned long turns_before;
static char stack[STACK_SIZE] __attribute__((aligned(16)));
static struct vcpu_guest_context context;

static void second_processor(void)
{
    for (;;) {
        turns++;
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
}

static bool second_start(void)
{
    memset(&context, 0, sizeof(context));
    context.flags = VGCF_in_kernel;
    context.user_regs.rip = (uint64_t)second_processor;
    context.user_regs.rsp = (uint64_t)(stack + STACK_SIZE - 8);
    context.user_regs.rflags = 0x202;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.kernel_ss = FLAT_KERNEL_SS;
    context.kernel_sp = (uint64_t)(stack + STACK_SIZE);
    context.ctrlreg[3] = xen_pfn_to_cr3(table_root_mfn());
    if (hypercall_vcpu_op(VCPUOP_initialise, 1, &context) || hypercall_vcpu_op(VCPUOP_up, 1, NULL))
        return false;
    turns = 0;
    return true;
}

static void yield_to_second(unsigned int count)
{
    turns_before = turns;
    for (unsigned int i = 0; i < count; i++)
        hypercall_sched_op(SCHEDOP_yield, NULL);
}

/* Every yield gave the second one a turn: two switches for each operation. */
static bool turns_were_taken(unsigned int count)
{
    unsigned long taken = turns - turns_before;

    return taken >= count - count / 20 && taken <= count + count / 20;
}

static void second_stop(void)
{
    hypercall_vcpu_op(VCPUOP_down, 1, NULL);
}

const struct row switch_rows[] = {
    {"vcpu_switch_pair", 2000, second_start, yield_to_second, turns_were_taken, second_stop},
    {NULL, 0, NULL, NULL, NULL, NULL},
};
