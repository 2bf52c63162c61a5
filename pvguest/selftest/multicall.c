/* SPDX-License-Identifier: MIT */
/* multicall: order, results, refusals. */
#include "pvguest/kernel/hypercall.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>
#include <xen/sched.h>
#include <xen/version.h>

static void sequence(void)
{
    struct multicall_entry calls[3] = {
        {.op = __HYPERVISOR_xen_version, .args = {XENVER_version, 0}},
        {.op = __HYPERVISOR_sched_op, .args = {SCHEDOP_yield, 0}},
        {.op = __HYPERVISOR_xen_version, .args = {XENVER_pagesize, 0}},
    };

    EXPECT_VALUE(0, hypercall_multicall(calls, 3));
    EXPECT((long)calls[0].result >= 4 << 16);
    EXPECT_VALUE(0, calls[1].result);
    EXPECT_VALUE(4096, calls[2].result);
}

static void failures_are_separate(void)
{
    struct multicall_entry calls[3] = {
        {.op = __HYPERVISOR_arch_7},
        {.op = __HYPERVISOR_xen_version, .args = {UNUSED_COMMAND, 0}},
        {.op = __HYPERVISOR_xen_version, .args = {XENVER_pagesize, 0}},
    };

    EXPECT_VALUE(0, hypercall_multicall(calls, 3));
    EXPECT_VALUE(-XEN_ENOSYS, calls[0].result);
    EXPECT_VALUE(-XEN_ENOSYS, calls[1].result);
    EXPECT_VALUE(4096, calls[2].result);
}

static void many(void)
{
    static struct multicall_entry calls[200];

    for (size_t i = 0; i < 200; i++)
        calls[i] =
            (struct multicall_entry){.op = __HYPERVISOR_xen_version, .args = {XENVER_pagesize, 0}};
    EXPECT_VALUE(0, hypercall_multicall(calls, 200));
    for (size_t i = 0; i < 200; i++)
        EXPECT_VALUE(4096, calls[i].result);
}

/* Inside a batch a batch is not allowed. */
static void nested(void)
{
    struct multicall_entry inner = {.op = __HYPERVISOR_xen_version};
    struct multicall_entry outer = {.op = __HYPERVISOR_multicall,
                                    .args = {(unsigned long)&inner, 1}};

    EXPECT_EITHER(0, -XEN_EINVAL, hypercall_multicall(&outer, 1));
    EXPECT((long)outer.result != 0);
}

static void bad_pointers(void)
{
    EXPECT_VALUE(-XEN_EFAULT, hypercall_multicall((void *)UNMAPPED_ADDRESS, 1));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_multicall((void *)HYPERVISOR_ADDRESS, 1));
    EXPECT_VALUE(0, hypercall_multicall(NULL, 0));
}

const struct check multicall_checks[] = {
    {"multicall: in order, with results", sequence},
    {"multicall: one failure does not end it", failures_are_separate},
    {"multicall: two hundred calls", many},
    {"multicall: nested", nested},
    {"multicall: bad pointers", bad_pointers},
    {NULL, NULL},
};
