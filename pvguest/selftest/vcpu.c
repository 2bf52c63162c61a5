/* SPDX-License-Identifier: MIT */
/* vcpu_op, set_timer_op, virtual time. */
#include "lib/string.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/thread.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define NO_VCPU        100
#define SLEEP_NS       4000000UL
#define SLEEP_ATTEMPTS 50
#define PATIENCE_NS    2000000000UL

static void is_up(void)
{
    EXPECT_VALUE(1, hypercall_vcpu_op(VCPUOP_is_up, 0, NULL));
    EXPECT_VALUE(-XEN_ENOENT, hypercall_vcpu_op(VCPUOP_is_up, NO_VCPU, NULL));
    EXPECT_VALUE(-XEN_ENOENT, hypercall_vcpu_op(VCPUOP_is_up, 0xffffffff, NULL));
    EXPECT_VALUE(-XEN_ENOSYS, hypercall_vcpu_op(UNUSED_COMMAND, 0, NULL));
}

static uint64_t runstate_total(const struct vcpu_runstate_info *info)
{
    return info->time[0] + info->time[1] + info->time[2] + info->time[3];
}

/*
 * Sleep until the blocked time is seen to grow, in a record or by asking. On a machine so busy that
 * the time has passed before the virtual CPU came to block, a single sleep shows nothing.
 */
static void sleep_until_grown(const uint64_t *before, const struct vcpu_runstate_info *area)
{
    for (int attempt = 0; attempt < SLEEP_ATTEMPTS; attempt++) {
        struct vcpu_runstate_info now = {0};

        thread_sleep_ns(SLEEP_NS);
        if (hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &now))
            return;
        if ((area ? READ_ONCE(area->time[RUNSTATE_blocked]) : now.time[RUNSTATE_blocked]) > *before)
            return;
    }
}

/* Blocked time grows by what was slept; all states together by what went by. */
static void runstate(void)
{
    struct vcpu_runstate_info before = {.state = RUNSTATE_offline}, after = {0};
    uint64_t start = clock_monotonic_ns();

    EXPECT_VALUE(0, hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &before));
    EXPECT_VALUE(RUNSTATE_running, before.state);
    sleep_until_grown(&before.time[RUNSTATE_blocked], NULL);
    EXPECT_VALUE(0, hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &after));
    EXPECT(after.time[RUNSTATE_blocked] > before.time[RUNSTATE_blocked]);
    EXPECT(runstate_total(&after) - runstate_total(&before) >= SLEEP_NS);
    EXPECT(runstate_total(&after) - runstate_total(&before) <=
           clock_monotonic_ns() - start + SLEEP_NS);
    EXPECT_VALUE(-XEN_EFAULT,
                 hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, (void *)UNMAPPED_ADDRESS));
}

static void runstate_area(void)
{
    static struct vcpu_runstate_info area;
    struct vcpu_register_runstate_memory_area request = {.addr.v = &area};
    uint64_t blocked;

    memset(&area, 0xff, sizeof(area));
    EXPECT_VALUE(0, hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &request));
    EXPECT_VALUE(RUNSTATE_running, READ_ONCE(area.state));
    blocked = READ_ONCE(area.time[RUNSTATE_blocked]);
    sleep_until_grown(&blocked, &area);
    EXPECT(READ_ONCE(area.time[RUNSTATE_blocked]) > blocked);
    request.addr.v = NULL;
    EXPECT_VALUE(0, hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &request));
}

/* An area that cannot be written is no reason to fail later. */
static void runstate_area_refusals(void)
{
    struct vcpu_register_runstate_memory_area request = {
        .addr.v = (struct vcpu_runstate_info *)HYPERVISOR_ADDRESS};

    EXPECT_VALUE(-XEN_EFAULT, hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &request));
    EXPECT_VALUE(-XEN_EFAULT, hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0,
                                                (void *)UNMAPPED_ADDRESS));
    thread_sleep_ns(1000000);
}

static void time_area(void)
{
    static struct vcpu_time_info area;
    struct vcpu_register_time_memory_area request = {.addr.v = &area};

    EXPECT_VALUE(0, hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &request));
    EXPECT_VALUE(0, READ_ONCE(area.version) & 1);
    EXPECT_VALUE(shared_info->vcpu_info[0].time.tsc_to_system_mul, area.tsc_to_system_mul);
    request.addr.v = NULL;
    EXPECT_EITHER(0, -XEN_EFAULT,
                  hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &request));
}

static void vcpu_info_refusals(void)
{
    struct vcpu_register_vcpu_info request = {.mfn = ~0UL, .offset = 0};

    EXPECT_VALUE(-XEN_EINVAL, hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &request));
    request.offset = 4096 - 32;
    EXPECT_VALUE(-XEN_ENXIO, hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &request));
    EXPECT_VALUE(-XEN_EFAULT,
                 hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, (void *)HYPERVISOR_ADDRESS));
}

static void bring_up_refusals(void)
{
    EXPECT_VALUE(0, hypercall_vcpu_op(VCPUOP_up, 0, NULL));
    EXPECT_VALUE(-XEN_ENOENT, hypercall_vcpu_op(VCPUOP_up, NO_VCPU, NULL));
    EXPECT_VALUE(-XEN_ENOENT, hypercall_vcpu_op(VCPUOP_initialise, NO_VCPU, NULL));
}

static long arm_timer(uint64_t deadline)
{
    return hypercall_set_timer_op(deadline);
}

static long arm_singleshot(uint64_t deadline)
{
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = deadline};

    return hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer);
}

/*
 * A blocked virtual CPU wakes not before the deadline and not without it. Events stay masked from
 * setting the timer to blocking, so that one that is due by then is not gone before.
 */
static void timer_wakes(long (*arm)(uint64_t))
{
    uint64_t deadline;
    long error;

    events_mask();
    deadline = clock_monotonic_ns() + SLEEP_NS;
    error = arm(deadline);
    if (!error)
        hypercall_sched_op(SCHEDOP_block, NULL);
    events_restore(0);
    EXPECT_VALUE(0, error);
    EXPECT(clock_monotonic_ns() >= deadline);
}

static void set_timer(void)
{
    timer_wakes(arm_timer);
    EXPECT_VALUE(0, hypercall_set_timer_op(0));
}

static void singleshot_timer(void)
{
    timer_wakes(arm_singleshot);
}

static void singleshot_in_the_past(void)
{
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = 1, .flags = VCPU_SSHOTTMR_future};

    EXPECT_EITHER(0, -XEN_ETIME, hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer));
    timer.flags = 0;
    EXPECT_VALUE(0, hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer));
    EXPECT_VALUE(0, hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL));
    EXPECT_VALUE(-XEN_ENOENT, hypercall_vcpu_op(VCPUOP_set_singleshot_timer, NO_VCPU, &timer));
}

/* Whether an event comes while we run with events masked. */
static bool event_comes_within(uint64_t nanoseconds)
{
    uint64_t deadline = clock_monotonic_ns() + nanoseconds;
    bool came;

    events_mask();
    do
        came = READ_ONCE(shared_info->vcpu_info[0].evtchn_upcall_pending);
    while (!came && clock_monotonic_ns() < deadline);
    events_restore(0);
    return came;
}

/* It ticks while the virtual CPU runs; a blocked one is not woken. */
static void periodic_timer(void)
{
    struct vcpu_set_periodic_timer timer = {.period_ns = 2000000};

    EXPECT_VALUE(0, hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &timer));
    for (int i = 0; i < 3; i++)
        EXPECT(event_comes_within(PATIENCE_NS));
    EXPECT_VALUE(0, hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL));
    timer.period_ns = 1;
    EXPECT_VALUE(-XEN_EINVAL, hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &timer));
}

static void clock_agrees(void)
{
    const struct vcpu_time_info *time = &shared_info->vcpu_info[0].time;
    uint64_t before = clock_monotonic_ns(), slept;

    EXPECT(time->tsc_to_system_mul);
    EXPECT_VALUE(0, time->version & 1);
    thread_sleep_ns(SLEEP_NS);
    slept = clock_monotonic_ns() - before;
    EXPECT(slept >= SLEEP_NS);
}

static void wall_clock(void)
{
    EXPECT_VALUE(0, READ_ONCE(shared_info->wc_version) & 1);
    EXPECT(clock_wall_seconds() > 1500000000);
    EXPECT(clock_wall_seconds() < 10000000000);
}

/* Only a virtual CPU that is bound to one processor has a number to tell. */
static void physical_identifier(void)
{
    struct vcpu_get_physid identifier;
    int error = hypercall_vcpu_op(VCPUOP_get_physid, 0, &identifier);

    EXPECT_EITHER(0, -XEN_EINVAL, error);
}

static void send_nmi_refusals(void)
{
    EXPECT_VALUE(-XEN_ENOENT, hypercall_vcpu_op(VCPUOP_send_nmi, NO_VCPU, NULL));
    EXPECT_VALUE(-XEN_EINVAL, hypercall_vcpu_op(VCPUOP_send_nmi, 0, (void *)UNMAPPED_ADDRESS));
}

static void vcpu_down_refusals(void)
{
    EXPECT_VALUE(-XEN_ENOENT, hypercall_vcpu_op(VCPUOP_down, NO_VCPU, NULL));
}

const struct check vcpu_checks[] = {
    {"vcpu_op: is_up", is_up},
    {"vcpu_op: get_runstate_info", runstate},
    {"vcpu_op: register_runstate_memory_area", runstate_area},
    {"vcpu_op: register_runstate_memory_area refusals", runstate_area_refusals},
    {"vcpu_op: register_vcpu_time_memory_area", time_area},
    {"vcpu_op: register_vcpu_info refusals", vcpu_info_refusals},
    {"vcpu_op: up and initialise refusals", bring_up_refusals},
    {"vcpu_op: set_singleshot_timer", singleshot_timer},
    {"vcpu_op: singleshot timer in the past", singleshot_in_the_past},
    {"vcpu_op: set_periodic_timer", periodic_timer},
    {"set_timer_op: wakes at the deadline", set_timer},
    {"time: runs as slept", clock_agrees},
    {"time: wall clock", wall_clock},
    {"vcpu_op: get_physid", physical_identifier},
    {"vcpu_op: send_nmi refusals", send_nmi_refusals},
    {"vcpu_op: down refusals", vcpu_down_refusals},
    {NULL, NULL},
};
