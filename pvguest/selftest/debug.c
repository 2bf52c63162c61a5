/* SPDX-License-Identifier: MIT */
/* set_debugreg, get_debugreg, breakpoints, single step. */
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>

#define DR7_LOCAL_0     (1UL << 0)
#define DR7_WRITE_0     (1UL << 16)
#define DR7_LENGTH_8_0  (2UL << 18)
#define DR6_BREAKPOINT0 (1UL << 0)
#define DR6_STEP        (1UL << 14)
#define FLAG_TRAP       0x100

static volatile uint64_t watched;

static void write_watched(void *argument)
{
    (void)argument;
    watched = 1;
}

static void single_step(void *argument)
{
    (void)argument;
    __asm__ __volatile__("pushfq; orq %0, (%%rsp); popfq; nop; nop" ::"i"(FLAG_TRAP)
                         : "memory", "cc");
}

static void registers_hold(void)
{
    for (int number = 0; number < 4; number++) {
        EXPECT_VALUE(0, hypercall_set_debugreg(number, 0x1000UL * (unsigned int)(number + 1)));
        EXPECT_VALUE(0x1000 * (number + 1), hypercall_get_debugreg(number));
        EXPECT_VALUE(0, hypercall_set_debugreg(number, 0));
    }
}

static void data_breakpoint(void)
{
    struct fault fault;
    unsigned long status;
    bool hit;

    watched = 0;
    EXPECT_VALUE(0, hypercall_set_debugreg(0, (unsigned long)&watched));
    EXPECT_VALUE(0, hypercall_set_debugreg(7, DR7_LOCAL_0 | DR7_WRITE_0 | DR7_LENGTH_8_0));
    hit = fault_catch(write_watched, NULL, &fault);
    status = hypercall_get_debugreg(6);
    EXPECT_VALUE(0, hypercall_set_debugreg(7, 0));
    EXPECT_VALUE(0, hypercall_set_debugreg(6, 0));
    EXPECT(hit);
    EXPECT_VALUE(1, fault.vector);
    EXPECT(status & DR6_BREAKPOINT0);
}

static void step(void)
{
    struct fault fault;
    unsigned long status;

    EXPECT(fault_catch(single_step, NULL, &fault));
    status = hypercall_get_debugreg(6);
    EXPECT_VALUE(0, hypercall_set_debugreg(6, 0));
    EXPECT_VALUE(1, fault.vector);
    EXPECT(status & DR6_STEP);
}

static void refusals(void)
{
    EXPECT_VALUE(-XEN_EPERM, hypercall_set_debugreg(0, HYPERVISOR_ADDRESS));
    EXPECT_VALUE(-XEN_EPERM, hypercall_set_debugreg(3, HYPERVISOR_VIRT_START));
    EXPECT_EITHER(-XEN_ENODEV, -XEN_EINVAL, hypercall_set_debugreg(8, 0));
    EXPECT_EITHER(-XEN_ENODEV, -XEN_EINVAL, hypercall_get_debugreg(8));
    EXPECT_EITHER(-XEN_ENODEV, -XEN_EINVAL, hypercall_get_debugreg(-1));
}

const struct check debug_checks[] = {
    {"set_debugreg: registers hold addresses", registers_hold},
    {"set_debugreg: data breakpoint", data_breakpoint},
    {"set_debugreg: refusals", refusals},
    {"exception: single step", step},
    {NULL, NULL},
};
