/* SPDX-License-Identifier: MIT */
/* Several virtual CPUs at once: up and down, their events, timers and areas, memory they share. */
#include "pvguest/kernel/smp.h"
#include "lib/string.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/map.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/table.h"
#include "pvguest/kernel/thread.h"
#include "pvguest/kernel/vcpu.h"
#include "pvguest/selftest/check.h"

#include <xen/errno.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define ROUNDS      100
#define CYCLES      100
#define SLEEP_NS    2000000UL
#define PATIENCE_NS 60000000000UL
#define PERIOD_NS   2000000UL
#define SKEW_NS     20000000UL
#define ALONE       "the domain has one virtual CPU"

static unsigned int count;
static uint32_t done;
static struct wait_queue changed = WAIT_QUEUE_INIT(changed);

static bool are_several(void)
{
    count = smp_vcpu_count();
    return count > 1;
}

static void add_one(uint32_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
    wait_queue_wake(&changed);
}

static bool reaches(const uint32_t *counter, uint32_t value)
{
    return WAIT_UNTIL_DEADLINE(&changed, __atomic_load_n(counter, __ATOMIC_SEQ_CST) >= value,
                               clock_monotonic_ns() + PATIENCE_NS);
}

/* Run a function, which calls add_one(&done), in a thread on each; true when all have. */
static bool on_each(void (*function)(void *))
{
    done = 0;
    if (smp_up_all())
        return false;
    for (unsigned int vcpu = 0; vcpu < count; vcpu++)
        if (!thread_create_on(vcpu, "selftest", function, (void *)(uint64_t)vcpu))
            return false;
    return reaches(&done, count);
}

static uint32_t where;

static void note_where(void *argument)
{
    if ((uint64_t)argument == vcpu_current()->number)
        __atomic_fetch_or(&where, 1U << vcpu_current()->number, __ATOMIC_SEQ_CST);
    add_one(&done);
}

static void all_come_up(void)
{
    SKIP_UNLESS(are_several(), ALONE);
    where = 0;
    EXPECT(on_each(note_where));
    EXPECT_VALUE((1U << count) - 1, where);
    EXPECT_VALUE((1U << count) - 1, smp_mask());
    for (unsigned int vcpu = 0; vcpu < count; vcpu++)
        EXPECT_VALUE(1, hypercall_vcpu_op(VCPUOP_is_up, vcpu, NULL));
    EXPECT_VALUE(-XEN_EEXIST, hypercall_vcpu_op(VCPUOP_initialise, 1, heap_allocate_zeroed(8192)));
}

static struct mutex turn = MUTEX_INIT(turn);
static uint64_t shared_sum;

/* One at a time has the sum; blocks and pages come from allocators that all use. */
static void share(void *unused)
{
    (void)unused;
    for (unsigned int i = 0; i < ROUNDS; i++) {
        char *block = heap_allocate(64), *page = page_allocate(0);
        uint64_t before;

        mutex_lock(&turn);
        before = READ_ONCE(shared_sum);
        if (i % 16 == 0)
            thread_yield();
        if (block && page && !page[0] && !page[PAGE_SIZE - 1])
            WRITE_ONCE(shared_sum, before + 1);
        mutex_unlock(&turn);
        if (page) {
            memset(page, 0xff, PAGE_SIZE);
            page_free(page, 0);
        }
        heap_free(block);
    }
    add_one(&done);
}

static void memory_is_shared(void)
{
    SKIP_UNLESS(are_several(), ALONE);
    shared_sum = 0;
    EXPECT(on_each(share));
    EXPECT_VALUE(count * ROUNDS, shared_sum);
}

static uint32_t calls;

static void be_called(void *argument)
{
    if (vcpu_current()->number == (uint64_t)argument)
        __atomic_fetch_add(&calls, 1, __ATOMIC_SEQ_CST);
}

static void call_everybody(void *argument)
{
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint64_t vcpu = ((uint64_t)argument + i) % count;

        smp_call((unsigned int)vcpu, be_called, (void *)vcpu);
    }
    add_one(&done);
}

/* All call all at once: as many calls are answered as were made, and nobody waits for ever. */
static void calls_are_answered(void)
{
    SKIP_UNLESS(are_several(), ALONE);
    calls = 0;
    EXPECT(on_each(call_everybody));
    EXPECT_VALUE(count * ROUNDS, calls);
    EXPECT_VALUE(-XEN_ENODEV, smp_call(VCPU_MAX, be_called, NULL));
}

static uint32_t ball;

/* Each takes its turn when the ball is at its number. */
static void pass(void *argument)
{
    uint32_t own = (uint32_t)(uint64_t)argument;

    for (uint32_t round = 0; round < ROUNDS; round++) {
        WAIT_UNTIL(&changed, READ_ONCE(ball) == round * count + own);
        add_one(&ball);
    }
    add_one(&done);
}

static void wakes_cross(void)
{
    SKIP_UNLESS(are_several(), ALONE);
    ball = 0;
    EXPECT(on_each(pass));
    EXPECT_VALUE(count * ROUNDS, ball);
}

static uint32_t slept;

static void sleep_a_while(void *unused)
{
    (void)unused;
    for (unsigned int i = 0; i < 10; i++) {
        uint64_t before = clock_monotonic_ns();

        thread_sleep_ns(SLEEP_NS);
        if (clock_monotonic_ns() - before >= SLEEP_NS)
            __atomic_fetch_add(&slept, 1, __ATOMIC_SEQ_CST);
    }
    add_one(&done);
}

static void timers_of_each(void)
{
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = 1};

    SKIP_UNLESS(are_several(), ALONE);
    slept = 0;
    EXPECT(on_each(sleep_a_while));
    EXPECT_VALUE(count * 10, slept);
    EXPECT_VALUE(-XEN_EINVAL, hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 1, &timer));
    EXPECT_VALUE(-XEN_EINVAL, hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 1, NULL));
}

static uint32_t ticks;

/* While one computes, its periodic timer, set by another, interrupts it. */
static void count_ticks(void *unused)
{
    uint64_t deadline = clock_monotonic_ns() + PATIENCE_NS;

    (void)unused;
    for (unsigned int ticked = 0; ticked < 3 && clock_monotonic_ns() < deadline;) {
        unsigned long masked = events_mask();
        bool pending = READ_ONCE(vcpu_current_info()->evtchn_upcall_pending);

        events_restore(masked);
        if (pending) {
            __atomic_fetch_add(&ticks, 1, __ATOMIC_SEQ_CST);
            ticked++;
        }
    }
    add_one(&done);
}

static void periodic_timers(void)
{
    struct vcpu_set_periodic_timer timer = {.period_ns = PERIOD_NS};
    bool all;

    SKIP_UNLESS(are_several(), ALONE);
    EXPECT_VALUE(0, smp_up_all());
    ticks = 0;
    for (unsigned int vcpu = 0; vcpu < count; vcpu++)
        EXPECT_VALUE(0, hypercall_vcpu_op(VCPUOP_set_periodic_timer, vcpu, &timer));
    all = on_each(count_ticks);
    for (unsigned int vcpu = 0; vcpu < count; vcpu++)
        EXPECT_VALUE(0, hypercall_vcpu_op(VCPUOP_stop_periodic_timer, vcpu, NULL));
    EXPECT(all);
    EXPECT_VALUE(3 * count, ticks);
}

static struct vcpu_runstate_info runstates[VCPU_MAX];
static struct vcpu_time_info times[VCPU_MAX];
static uint32_t areas_good;

/* The same as its other record; but for a change of processors, which differ a little. */
static bool tells_the_time(const struct vcpu_time_info *area)
{
    const struct vcpu_time_info *own = &vcpu_current_info()->time;
    uint64_t before = clock_read(own), told = clock_read(area);

    return told + SKEW_NS >= before && told <= clock_read(own) + SKEW_NS;
}

/* Each registers its own; both are true again after it has slept. */
static void use_areas(void *unused)
{
    unsigned int number = vcpu_current()->number;
    struct vcpu_runstate_info *area = &runstates[number];
    struct vcpu_register_runstate_memory_area state = {.addr.v = area};
    struct vcpu_register_time_memory_area time = {.addr.v = &times[number]};
    int error = hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, number, &state);
    uint64_t blocked = READ_ONCE(area->time[RUNSTATE_blocked]);

    (void)unused;
    error |= hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, number, &time);
    for (unsigned int i = 0; i < 50 && READ_ONCE(area->time[RUNSTATE_blocked]) == blocked; i++)
        thread_sleep_ns(SLEEP_NS);
    if (!error && READ_ONCE(area->state) == RUNSTATE_running &&
        READ_ONCE(area->time[RUNSTATE_blocked]) > blocked && tells_the_time(&times[number]))
        __atomic_fetch_add(&areas_good, 1, __ATOMIC_SEQ_CST);
    state.addr.v = NULL;
    time.addr.v = NULL;
    hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, number, &state);
    hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, number, &time);
    add_one(&done);
}

static void areas_of_each(void)
{
    SKIP_UNLESS(are_several(), ALONE);
    areas_good = 0;
    EXPECT(on_each(use_areas));
    EXPECT_VALUE(count, areas_good);
}

static void info_registered_once(void)
{
    struct vcpu_register_vcpu_info again = {.mfn = page_mfn(&vcpus[1].own_info)};

    SKIP_UNLESS(are_several(), ALONE);
    EXPECT_VALUE(0, smp_up_all());
    EXPECT_VALUE(-XEN_EINVAL, hypercall_vcpu_op(VCPUOP_register_vcpu_info, 1, &again));
}

/* What a mapping showed, in the TLB of one, is not what it shows after another has changed it. */
static uint64_t *place;
static uint64_t seen;

static void look(void *unused)
{
    (void)unused;
    seen = READ_ONCE(*place);
}

static void mappings_change_for_all(void)
{
    uint64_t *pages[2] = {page_allocate(0), page_allocate(0)}, entry;

    SKIP_UNLESS(are_several(), ALONE);
    EXPECT_VALUE(0, smp_up_all());
    place = window_reserve(1);
    EXPECT_VALUE(0, table_entry_address((uint64_t)place, true, &entry));
    for (unsigned int round = 0; round < ROUNDS; round++) {
        uint64_t *page = pages[round % 2];

        *page = round;
        EXPECT_VALUE(0, table_map_own((uint64_t)place, page_mfn(page) << PAGE_SHIFT | PTE_DATA));
        EXPECT_VALUE(0, smp_call(1 + round % (count - 1), look, NULL));
        EXPECT_VALUE(round, seen);
    }
    EXPECT_VALUE(0, table_map_own((uint64_t)place, 0));
    window_release(place, 1);
    page_free(pages[0], 0);
    page_free(pages[1], 0);
}

/* The same by naming the virtual CPUs whose TLBs shall be flushed. */
static void flush_by_mask(void)
{
    uint64_t *pages[2] = {page_allocate(0), page_allocate(0)}, entry, mask = smp_mask();
    struct mmuext_op flush = {.cmd = MMUEXT_INVLPG_MULTI};

    SKIP_UNLESS(are_several(), ALONE);
    place = window_reserve(1);
    EXPECT_VALUE(0, table_entry_address((uint64_t)place, true, &entry));
    flush.arg1.linear_addr = (uint64_t)place;
    set_xen_guest_handle(flush.arg2.vcpumask, &mask);
    for (unsigned int round = 0; round < ROUNDS; round++) {
        uint64_t *page = pages[round % 2];
        struct mmu_update update = {.ptr = entry | MMU_NORMAL_PT_UPDATE,
                                    .val = page_mfn(page) << PAGE_SHIFT | PTE_DATA};

        *page = round;
        EXPECT_VALUE(0, hypercall_mmu_update(&update, 1, NULL, DOMID_SELF));
        flush.cmd = round % 4 < 2 ? MMUEXT_INVLPG_MULTI : MMUEXT_TLB_FLUSH_MULTI;
        EXPECT_VALUE(0, hypercall_mmuext_op(&flush, 1, NULL, DOMID_SELF));
        EXPECT_VALUE(0, smp_call(1 + round % (count - 1), look, NULL));
        EXPECT_VALUE(round, seen);
    }
    EXPECT_VALUE(0, table_map_own((uint64_t)place, 0));
    window_release(place, 1);
    page_free(pages[0], 0);
    page_free(pages[1], 0);
}

static uint32_t handled_by;

static void note_handler(evtchn_port_t port, void *argument)
{
    (void)port;
    (void)argument;
    WRITE_ONCE(handled_by, vcpu_current()->number + 1);
    wait_queue_wake(&changed);
}

/* A channel to ourselves, whose one end goes from one to the next. */
static void channels_move(void)
{
    evtchn_port_t near, far;

    SKIP_UNLESS(are_several(), ALONE);
    EXPECT_VALUE(0, smp_up_all());
    EXPECT_VALUE(0, event_allocate_unbound(DOMID_SELF, &near));
    EXPECT_VALUE(0, event_bind_interdomain(DOMID_SELF, near, &far));
    EXPECT_VALUE(0, event_bind(near, note_handler, NULL));
    for (unsigned int vcpu = count; vcpu-- > 0;) {
        WRITE_ONCE(handled_by, 0);
        EXPECT_VALUE(0, event_move(near, vcpu));
        event_notify(far);
        EXPECT(WAIT_UNTIL_DEADLINE(&changed, READ_ONCE(handled_by) == vcpu + 1,
                                   clock_monotonic_ns() + PATIENCE_NS));
    }
    EXPECT_VALUE(count == VCPU_MAX ? -XEN_EINVAL : -XEN_ENOENT, event_move(near, count));
    EXPECT_VALUE(-XEN_EINVAL, event_move(vcpus[1].wake_port, 0));
    event_close(far);
    event_close(near);
}

static void report(void *unused)
{
    (void)unused;
    add_one(&done);
}

/* It is down a little earlier than it is off its processor. */
static int state_after_down(unsigned int vcpu)
{
    uint64_t deadline = clock_monotonic_ns() + PATIENCE_NS;
    struct vcpu_runstate_info state = {.state = RUNSTATE_running};
    int error;

    do {
        error = hypercall_vcpu_op(VCPUOP_get_runstate_info, vcpu, &state);
        if (error)
            return error;
    } while (state.state != RUNSTATE_offline && clock_monotonic_ns() < deadline);
    return state.state;
}

/* One that is down is offline and takes neither threads nor calls; up again it does both. */
static void down_and_up(void)
{
    SKIP_UNLESS(are_several(), ALONE);
    EXPECT_VALUE(0, smp_up_all());
    for (unsigned int cycle = 0; cycle < CYCLES; cycle++) {
        unsigned int vcpu = 1 + cycle % (count - 1);

        EXPECT_VALUE(0, smp_down(vcpu));
        EXPECT_VALUE(0, hypercall_vcpu_op(VCPUOP_is_up, vcpu, NULL));
        EXPECT_VALUE(RUNSTATE_offline, state_after_down(vcpu));
        EXPECT(!thread_create_on(vcpu, "nobody", report, NULL));
        EXPECT_VALUE(-XEN_ENODEV, smp_call(vcpu, be_called, NULL));
        done = 0;
        EXPECT_VALUE(0, smp_up(vcpu));
        EXPECT(thread_create_on(vcpu, "somebody", report, NULL));
        EXPECT(reaches(&done, 1));
    }
    EXPECT_VALUE(-XEN_EINVAL, smp_down(0));
    EXPECT_VALUE(-XEN_ENOENT, smp_up(VCPU_MAX));
}

static void sleep_and_report(void *unused)
{
    (void)unused;
    thread_sleep_ns(SLEEP_NS);
    add_one(&done);
}

static void last_thread_is_waited_for(void)
{
    SKIP_UNLESS(are_several(), ALONE);
    EXPECT_VALUE(0, smp_up_all());
    done = 0;
    EXPECT(thread_create_on(1, "first", sleep_and_report, NULL));
    EXPECT(thread_create_on(1, "second", sleep_and_report, NULL));
    EXPECT_VALUE(0, smp_down(1));
    EXPECT_VALUE(2, done);
    EXPECT_VALUE(0, smp_up(1));
}

const struct check smp_checks[] = {
    {"smp: all virtual CPUs come up", all_come_up},
    {"smp: memory is shared", memory_is_shared},
    {"smp: calls are answered", calls_are_answered},
    {"smp: wake-ups cross", wakes_cross},
    {"smp: timers of each", timers_of_each},
    {"smp: periodic timers of each", periodic_timers},
    {"smp: run-state and time areas of each", areas_of_each},
    {"smp: vcpu_info is registered once", info_registered_once},
    {"smp: mappings change for all", mappings_change_for_all},
    {"smp: flushes by mask", flush_by_mask},
    {"smp: channels move", channels_move},
    {"smp: down and up again", down_and_up},
    {"smp: the last thread is waited for", last_thread_is_waited_for},
    {NULL, NULL},
};
