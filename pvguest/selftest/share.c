/* SPDX-License-Identifier: MIT */
/* Where vcpus may run and their share of processor time: for the control domain, about itself. */
#include "lib/string.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/start.h"
#include "pvguest/selftest/check.h"

#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/sched.h>
#include <xen/sysctl.h>

static uint64_t hard, soft;

static int affinity_call(uint32_t command, uint32_t flags)
{
    struct xen_domctl domctl;

    memset(&domctl, 0, sizeof(domctl));
    domctl.cmd = command;
    domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    domctl.u.vcpuaffinity.flags = flags;
    domctl.u.vcpuaffinity.cpumap_hard.nr_bits = domctl.u.vcpuaffinity.cpumap_soft.nr_bits = 64;
    set_xen_guest_handle(domctl.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)&hard);
    set_xen_guest_handle(domctl.u.vcpuaffinity.cpumap_soft.bitmap, (uint8_t *)&soft);
    return hypercall_domctl(&domctl);
}

static int hard_set(uint64_t mask)
{
    hard = mask;
    return affinity_call(XEN_DOMCTL_setvcpuaffinity, XEN_VCPUAFFINITY_HARD);
}

static void affinity(void)
{
    const uint32_t both = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    EXPECT_VALUE(0, hard_set(~0UL));
    uint64_t online = hard; /* the answer is what comes of it */
    EXPECT(online & 1);
    EXPECT_VALUE(0, affinity_call(XEN_DOMCTL_getvcpuaffinity, both));
    EXPECT_VALUE(online, hard & online);
    EXPECT_VALUE(0, hard_set(1));
    EXPECT_VALUE(1, hard);
    hard = soft = 1;
    EXPECT_VALUE(0, affinity_call(XEN_DOMCTL_setvcpuaffinity, both));
    EXPECT_VALUE(1, soft);
    hard = soft = 0;
    EXPECT_VALUE(0, affinity_call(XEN_DOMCTL_getvcpuaffinity, both));
    EXPECT_VALUE(1, hard);
    EXPECT_VALUE(1, soft);
    soft = ~0UL;
    EXPECT_VALUE(0, affinity_call(XEN_DOMCTL_setvcpuaffinity, XEN_VCPUAFFINITY_SOFT));
    EXPECT_VALUE(0, hard_set(~0UL));
}

static void affinity_refusals(void)
{
    struct xen_domctl domctl;

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    EXPECT_VALUE(-XEN_EINVAL, hard_set(0));
    EXPECT_VALUE(-XEN_EINVAL, hard_set(1UL << 63));
    EXPECT_VALUE(-XEN_EINVAL, affinity_call(XEN_DOMCTL_setvcpuaffinity, 0));
    EXPECT_VALUE(-XEN_EINVAL, affinity_call(XEN_DOMCTL_getvcpuaffinity, 0));
    memset(&domctl, 0, sizeof(domctl));
    domctl.cmd = XEN_DOMCTL_getvcpuaffinity;
    domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    domctl.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    domctl.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
    EXPECT_VALUE(-XEN_EINVAL, hypercall_domctl(&domctl));
    set_xen_guest_handle(domctl.u.vcpuaffinity.cpumap_hard.bitmap, (void *)UNMAPPED_ADDRESS);
    EXPECT_VALUE(-XEN_EFAULT, hypercall_domctl(&domctl));
    domctl.u.vcpuaffinity.vcpu = 1000;
    EXPECT_VALUE(-XEN_EINVAL, hypercall_domctl(&domctl));
}

static void pinned(void)
{
    struct sched_pin_override pin = {.pcpu = -1};

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    EXPECT_VALUE(-XEN_EINVAL, hypercall_sched_op(SCHEDOP_pin_override, &pin));
    pin.pcpu = 100000;
    EXPECT_VALUE(-XEN_EINVAL, hypercall_sched_op(SCHEDOP_pin_override, &pin));
    pin.pcpu = 0;
    EXPECT_VALUE(0, hypercall_sched_op(SCHEDOP_pin_override, &pin));
    EXPECT_VALUE(-XEN_EBUSY, hypercall_sched_op(SCHEDOP_pin_override, &pin));
    EXPECT_VALUE(-XEN_EBUSY, hard_set(~0UL));
    EXPECT_VALUE(0, affinity_call(XEN_DOMCTL_getvcpuaffinity, XEN_VCPUAFFINITY_HARD));
    EXPECT_VALUE(1, hard);
    pin.pcpu = -1;
    EXPECT_VALUE(0, hypercall_sched_op(SCHEDOP_pin_override, &pin));
    pin.pcpu = 0;
    EXPECT_VALUE(0, hypercall_sched_op(SCHEDOP_pin_override, &pin));
    hard = ~0UL;
    EXPECT_VALUE(0, affinity_call(XEN_DOMCTL_setvcpuaffinity,
                                  XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_FORCE));
}

static int share_call(uint32_t scheduler, uint32_t command, uint16_t *weight, uint16_t *cap)
{
    struct xen_domctl domctl;
    int error;

    memset(&domctl, 0, sizeof(domctl));
    domctl.cmd = XEN_DOMCTL_scheduler_op;
    domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    domctl.u.scheduler_op.sched_id = scheduler;
    domctl.u.scheduler_op.cmd = command;
    domctl.u.scheduler_op.u.credit2.weight = *weight;
    domctl.u.scheduler_op.u.credit2.cap = *cap;
    error = hypercall_domctl(&domctl);
    *weight = domctl.u.scheduler_op.u.credit2.weight;
    *cap = domctl.u.scheduler_op.u.credit2.cap;
    return error;
}

static int share_set(uint16_t weight, uint16_t cap)
{
    return share_call(XEN_SCHEDULER_CREDIT2, XEN_DOMCTL_SCHEDOP_putinfo, &weight, &cap);
}

static bool share_is(uint16_t weight, uint16_t cap)
{
    uint16_t weight_now = 0, cap_now = 0;

    return !share_call(XEN_SCHEDULER_CREDIT2, XEN_DOMCTL_SCHEDOP_getinfo, &weight_now, &cap_now) &&
           weight_now == weight && cap_now == cap;
}

static void share(void)
{
    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    EXPECT(share_is(256, 0));
    EXPECT_VALUE(0, share_set(512, 0));
    EXPECT(share_is(512, 0));
    EXPECT_VALUE(0, share_set(0, 50)); /* 0: as it is */
    EXPECT(share_is(512, 50));
    EXPECT_VALUE(0, share_set(256, 0)); /* 0: none */
    EXPECT(share_is(256, 0));
}

static void share_refusals(void)
{
    uint16_t weight = 256, cap = 0;

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    EXPECT_VALUE(-XEN_EINVAL, share_set(256, 65535)); /* more than its vcpus can use */
    EXPECT_VALUE(-XEN_EINVAL,
                 share_call(XEN_SCHEDULER_CREDIT, XEN_DOMCTL_SCHEDOP_getinfo, &weight, &cap));
    EXPECT_VALUE(-XEN_EINVAL, share_call(XEN_SCHEDULER_CREDIT2, UNUSED_COMMAND, &weight, &cap));
    EXPECT_VALUE(-XEN_EINVAL,
                 share_call(XEN_SCHEDULER_CREDIT2, XEN_DOMCTL_SCHEDOP_getvcpuinfo, &weight, &cap));
    EXPECT(share_is(256, 0));
}

static int pool_call(uint32_t pool, uint32_t scheduler, uint32_t command, uint32_t *rate_limit)
{
    struct xen_sysctl sysctl;
    int error;

    memset(&sysctl, 0, sizeof(sysctl));
    sysctl.cmd = XEN_SYSCTL_scheduler_op;
    sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    sysctl.u.scheduler_op.cpupool_id = pool;
    sysctl.u.scheduler_op.sched_id = scheduler;
    sysctl.u.scheduler_op.cmd = command;
    sysctl.u.scheduler_op.u.sched_credit2.ratelimit_us = *rate_limit;
    error = hypercall_sysctl(&sysctl);
    *rate_limit = sysctl.u.scheduler_op.u.sched_credit2.ratelimit_us;
    return error;
}

static void rate_limit(void)
{
    const uint32_t get = XEN_SYSCTL_SCHEDOP_getinfo, put = XEN_SYSCTL_SCHEDOP_putinfo;
    uint32_t before = 0, limit = 2000;

    SKIP_UNLESS(guest_is_initial_domain(), "needs the control domain");
    EXPECT_VALUE(0, pool_call(0, XEN_SCHEDULER_CREDIT2, get, &before));
    EXPECT_VALUE(0, pool_call(0, XEN_SCHEDULER_CREDIT2, put, &limit));
    EXPECT_VALUE(0, pool_call(0, XEN_SCHEDULER_CREDIT2, get, &limit));
    EXPECT_VALUE(2000, limit);
    limit = XEN_SYSCTL_SCHED_RATELIMIT_MIN - 1;
    EXPECT_VALUE(-XEN_EINVAL, pool_call(0, XEN_SCHEDULER_CREDIT2, put, &limit));
    limit = XEN_SYSCTL_SCHED_RATELIMIT_MAX + 1;
    EXPECT_VALUE(-XEN_EINVAL, pool_call(0, XEN_SCHEDULER_CREDIT2, put, &limit));
    EXPECT_VALUE(-XEN_EINVAL, pool_call(0, XEN_SCHEDULER_CREDIT, get, &limit));
    EXPECT_VALUE(-XEN_EINVAL, pool_call(0, XEN_SCHEDULER_CREDIT2, UNUSED_COMMAND, &limit));
    EXPECT_VALUE(-XEN_ESRCH, pool_call(77, XEN_SCHEDULER_CREDIT2, get, &limit));
    EXPECT_VALUE(0, pool_call(0, XEN_SCHEDULER_CREDIT2, put, &before));
}

const struct check share_checks[] = {
    {"domctl: affinity", affinity},
    {"domctl: affinity refusals", affinity_refusals},
    {"sched_op: pinned and released", pinned},
    {"domctl: weight and cap", share},
    {"domctl: weight and cap refusals", share_refusals},
    {"sysctl: scheduler's rate limit", rate_limit},
    {NULL, NULL},
};
