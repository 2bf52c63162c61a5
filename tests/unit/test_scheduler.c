/* SPDX-License-Identifier: MIT */
/*
 * Who runs: the scheduler and its fair policy on a machine whose time is a variable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/scheduler_machine.h"

#include "hypervisor/processor/scheduler_move.h"
#include "hypervisor/processor/scheduler_queue.h"
#include "hypervisor/processor/tlb.h"

static uint64_t seed;

static void assert_near(uint64_t value, uint64_t expected, uint64_t tolerance)
{
    if (value > expected + tolerance || value + tolerance < expected)
        fail_msg("%lu is not %lu within %lu", value, expected, tolerance);
}

/* ---- shares ---- */

static void test_equal_shares(void)
{
    start(0, 3);
    run_for(3 * SECOND);
    for (unsigned i = 0; i < 3; i++)
        assert_near(ran(i), SECOND, 10 * MILLISECOND);
}

static void test_weights(void)
{
    domains[1].weight = 512;
    domains[2].weight = 1280;
    start(0, 3);
    run_for(8 * SECOND);
    assert_near(ran(0), SECOND, 10 * MILLISECOND);
    assert_near(ran(1), 2 * SECOND, 10 * MILLISECOND);
    assert_near(ran(2), 5 * SECOND, 10 * MILLISECOND);
}

static void test_extreme_weights(void)
{
    domains[0].weight = 1;
    domains[1].weight = 65535;
    start(0, 2);
    run_for(100 * SECOND);
    assert_true(ran(0) > 0);
    assert_near(ran(1), 100 * SECOND, 10 * MILLISECOND);
}

/* However long one has slept while the other ran without a break. */
static void test_sleep_is_not_hoarded(void)
{
    start(0, 1);
    run_for(1000 * SECOND);
    start(1, 1);
    run_for(SECOND);
    assert_near(ran(1), SECOND / 2, 10 * MILLISECOND);
}

static void test_running_alone_is_no_debt(void)
{
    start(0, 2);
    obey();
    struct vcpu *first = current();
    block();
    run_for(100 * SECOND);
    block();
    assert_ptr_equal(current(), this_pcpu()->idle);
    uint64_t before = vcpu_cpu_time(first);
    vcpu_kick(&vcpus[0]);
    vcpu_kick(&vcpus[1]);
    run_for(SECOND);
    assert_near(vcpu_cpu_time(first) - before, SECOND / 2, 10 * MILLISECOND);
}

/* The one ahead when the last of them went to sleep need not wait for the other to catch up. */
static void test_idleness_settles(void)
{
    start(0, 2);
    run_for(100 * MILLISECOND);
    for (const struct vcpu *before = current(); current() == before;)
        run_for(MILLISECOND / 10);
    struct vcpu *ahead = current();
    run_for(2 * MILLISECOND);
    assert_ptr_equal(current(), ahead);
    block();
    struct vcpu *behind = current();
    run_for(MILLISECOND / 10);
    block();
    assert_ptr_equal(current(), this_pcpu()->idle);
    vcpu_kick(behind);
    run_for(MILLISECOND);
    vcpu_kick(ahead);
    obey();
    assert_ptr_equal(current(), ahead);
}

/* Who uses less than its share runs as soon as it wakes up, whoever runs and since when. */
static void test_sleeper_goes_first(void)
{
    start(0, 3);
    run_for(SECOND);
    while (current() != &vcpus[2])
        run_for(MILLISECOND);
    block();
    for (unsigned round = 0; round < 1000; round++) {
        run_for((7 * round % 23) * MILLISECOND + 3 * MILLISECOND);
        vcpu_kick(&vcpus[2]);
        obey();
        assert_ptr_equal(current(), &vcpus[2]);
        run_for(MILLISECOND / 2);
        assert_ptr_equal(current(), &vcpus[2]);
        block();
    }
    assert_near(ran(0), ran(1), 10 * MILLISECOND);
}

/* Whoever waits is chosen within a slice for each that waits with it. */
static void test_waiting_is_bounded(void)
{
    start(0, 4);
    for (unsigned round = 0; round < 1000; round++) {
        uint64_t before[4];
        for (unsigned i = 0; i < 4; i++)
            before[i] = ran(i);
        run_for(20 * MILLISECOND);
        for (unsigned i = 0; i < 4; i++)
            assert_true(ran(i) > before[i]);
    }
}

/* VCPUOP_up for one that is up already, over and over, does not postpone its turn. */
static void test_waking_twice_changes_nothing(void)
{
    start(0, 2);
    obey();
    for (unsigned round = 0; round < 10; round++) {
        run_for(MILLISECOND);
        start(0, 2);
    }
    assert_near(ran(0), 5 * MILLISECOND, 2501000);
}

static void test_slice_timer_rests(void)
{
    start(0, 1);
    run_for(MILLISECOND);
    assert_false(timer_is_set(&this_pcpu()->run_queue.slice_timer));
    start(1, 1);
    obey();
    assert_true(timer_is_set(&this_pcpu()->run_queue.slice_timer));
    /* What is still set then finds nothing to do, once. */
    block();
    run_for(10 * MILLISECOND);
    assert_false(timer_is_set(&this_pcpu()->run_queue.slice_timer));
    block();
    assert_ptr_equal(current(), this_pcpu()->idle);
    assert_false(timer_is_set(&this_pcpu()->run_queue.slice_timer));
}

/* ---- stopping and going on ---- */

static void test_pause_takes_effect_at_the_exit(void)
{
    start(0, 1);
    obey();
    vcpu_pause_async(&vcpus[0]);
    /* Still in its hypercall: it is given the processor whatever its pause count says. */
    assert_false(vcpu_has_stopped(&vcpus[0]));
    schedule();
    assert_ptr_equal(current(), &vcpus[0]);
    leave();
    assert_ptr_equal(current(), this_pcpu()->idle);
    assert_true(vcpu_has_stopped(&vcpus[0]));
    assert_int_equal(vcpus[0].runstate.state, RUNSTATE_offline);
}

static void test_pause_is_counted(void)
{
    start(0, 1);
    obey();
    vcpu_pause_async(&vcpus[0]);
    vcpu_pause_async(&vcpus[0]);
    obey();
    vcpu_unpause(&vcpus[0]);
    obey();
    assert_ptr_equal(current(), this_pcpu()->idle);
    vcpu_unpause(&vcpus[0]);
    obey();
    assert_ptr_equal(current(), &vcpus[0]);
}

static void test_event_while_paused(void)
{
    start(0, 1);
    obey();
    block();
    vcpu_pause_async(&vcpus[0]);
    vcpu_kick(&vcpus[0]);
    obey();
    assert_ptr_equal(current(), this_pcpu()->idle);
    vcpu_unpause(&vcpus[0]);
    obey();
    assert_ptr_equal(current(), &vcpus[0]);
}

/* An event between SCHEDOP_block and the exit loop ends the wait before it has begun. */
static void test_event_before_the_exit(void)
{
    start(0, 1);
    obey();
    vcpu_set_wait(&vcpus[0], VCPU_WAIT_EVENT);
    vcpu_kick(&vcpus[0]);
    obey();
    assert_ptr_equal(current(), &vcpus[0]);
    assert_int_equal(vcpus[0].wait, 0);
}

static void test_lock_stops_inside_a_hypercall(void)
{
    start(0, 2);
    obey();
    struct vcpu *waiter = current();
    vcpu_set_wait(waiter, VCPU_WAIT_MUTEX);
    vcpu_sleep(VCPU_WAIT_MUTEX);
    current()->at_exit = false;
    assert_ptr_not_equal(current(), waiter);
    assert_int_equal(waiter->runstate.state, RUNSTATE_blocked);
    run_for(SECOND);
    assert_ptr_not_equal(current(), waiter);
    vcpu_pause_async(waiter);
    vcpu_clear_wait(waiter, VCPU_WAIT_MUTEX);
    /* It goes on with its hypercall although it is paused, or the lock would never come back. */
    assert_true(this_pcpu()->reschedule);
    current()->at_exit = true;
    schedule();
    assert_ptr_equal(current(), waiter);
    assert_false(vcpu_has_stopped(waiter));
    obey();
    assert_true(vcpu_has_stopped(waiter));
}

static void test_yield(void)
{
    start(0, 3);
    obey();
    for (unsigned round = 0; round < 30; round++) {
        struct vcpu *before = current();
        before->at_exit = true;
        scheduler_yield();
        current()->at_exit = false;
        assert_ptr_not_equal(current(), before);
        run_for(MILLISECOND);
    }
    for (unsigned i = 0; i < 3; i++)
        assert_true(ran(i) >= 5 * MILLISECOND);
}

/* Also one that is owed the processor. */
static void test_yield_by_one_behind(void)
{
    start(0, 1);
    run_for(SECOND);
    start(1, 1);
    obey();
    assert_ptr_equal(current(), &vcpus[1]);
    current()->at_exit = true;
    scheduler_yield();
    current()->at_exit = false;
    assert_ptr_equal(current(), &vcpus[0]);
}

static void test_yield_alone(void)
{
    start(0, 1);
    obey();
    scheduler_yield();
    assert_ptr_equal(current(), &vcpus[0]);
}

/* ---- several processors ---- */

static void test_other_processor_is_told(void)
{
    machine_make(2, 1);
    vcpu_set_affinity(&vcpus[5], 2);
    assert_ptr_equal(vcpus[5].pcpu, &pcpus[1]);
    start(5, 1);
    assert_int_equal(sent[1], 1);
    obey_all();
    assert_ptr_equal(pcpus[1].current, &vcpus[5]);
    vcpu_kick(&vcpus[5]);
    assert_int_equal(sent[1], 2);
    on_processor(1);
    vcpu_kick(&vcpus[5]);
    assert_int_equal(sent[1], 2);
    block();
    on_processor(0);
    vcpu_kick(&vcpus[5]);
    assert_int_equal(sent[1], 3);
    assert_true(pcpus[1].reschedule);
    obey_all();
    vcpu_pause_async(&vcpus[5]);
    assert_int_equal(sent[1], 4);
    assert_int_equal(sent[0], 0);
}

/* Who wakes up goes where it was; if that is busy, where nobody is; nobody is interrupted for it.
 */
static void test_idle_processor_helps(void)
{
    machine_make(2, 1);
    start(0, 1);
    obey_all();
    struct pcpu *busy = vcpus[0].pcpu, *free = &pcpus[1 - busy->id];
    vcpu_set_affinity(&vcpus[1], 1UL << busy->id);
    vcpu_set_affinity(&vcpus[1], 3);
    assert_ptr_equal(vcpus[1].pcpu, busy);
    start(1, 1);
    obey_all();
    assert_ptr_equal(busy->current, &vcpus[0]);
    assert_ptr_equal(free->current, &vcpus[1]);
    on_processor(free->id);
    block();
    on_processor(busy->id);
    run_for(SECOND);
    vcpu_kick(&vcpus[1]);
    obey_all();
    assert_ptr_equal(free->current, &vcpus[1]);
}

static void test_idle_processor_steals(void)
{
    machine_make(2, 1);
    start(0, 3);
    run_for(SECOND);
    for (unsigned i = 0; i < 3; i++)
        assert_near(ran(i), 2 * SECOND / 3, 10 * MILLISECOND);
    while (!vcpus[2].running)
        run_for(MILLISECOND);
    on_processor(vcpus[2].pcpu->id);
    block();
    assert_ptr_not_equal(current(), this_pcpu()->idle);
    assert_ptr_not_equal(pcpus[0].current, pcpus[0].idle);
}

/* Registers are not saved before schedule_tail(): until then nobody may take it. */
static void test_half_switched_stays(void)
{
    machine_make(2, 1);
    start(0, 2);
    obey_all();
    start(2, 1);
    struct vcpu *waiting = &vcpus[2];
    waiting->running = true;
    on_processor(1);
    block();
    assert_ptr_equal(current(), this_pcpu()->idle);
    waiting->running = false;
    move_look_again(this_pcpu());
    obey();
    assert_ptr_equal(current(), waiting);
}

/* ---- affinity ---- */

static void test_affinity_is_obeyed_at_once(void)
{
    machine_make(2, 1);
    start(0, 1);
    obey_all();
    unsigned first = vcpus[0].pcpu->id;
    on_processor(1 - first);
    vcpu_set_affinity(&vcpus[0], 1UL << (1 - first));
    obey_all();
    assert_ptr_equal(pcpus[1 - first].current, &vcpus[0]);
    assert_ptr_equal(pcpus[first].current, pcpus[first].idle);
    assert_true(vcpus[0].running);
    on_processor(1 - first);
    block();
    on_processor(first);
    vcpu_set_affinity(&vcpus[0], 1UL << first);
    assert_ptr_equal(vcpus[0].pcpu, &pcpus[first]);
    vcpu_kick(&vcpus[0]);
    obey_all();
    assert_ptr_equal(pcpus[first].current, &vcpus[0]);
}

static void test_paused_while_displaced(void)
{
    machine_make(2, 1);
    start(0, 1);
    obey_all();
    unsigned first = vcpus[0].pcpu->id;
    on_processor(first);
    vcpu_set_affinity(&vcpus[0], 1UL << (1 - first));
    vcpu_pause_async(&vcpus[0]);
    obey_all();
    assert_true(vcpu_has_stopped(&vcpus[0]));
    assert_ptr_equal(vcpus[0].pcpu, &pcpus[1 - first]);
    vcpu_unpause(&vcpus[0]);
    obey_all();
    assert_ptr_equal(pcpus[1 - first].current, &vcpus[0]);
}

/* Two on one processor, one on the other: each half and one, however the third might help. */
static void test_pinned_do_not_move(void)
{
    machine_make(2, 1);
    vcpu_set_affinity(&vcpus[0], 1);
    vcpu_set_affinity(&vcpus[1], 1);
    vcpu_set_affinity(&vcpus[2], 2);
    start(0, 3);
    run_for(10 * SECOND);
    assert_near(ran(0), 5 * SECOND, 10 * MILLISECOND);
    assert_near(ran(1), 5 * SECOND, 10 * MILLISECOND);
    assert_near(ran(2), 10 * SECOND, MILLISECOND);
}

/* One that may go anywhere waits behind some that may not: an idle processor finds it. */
static void test_idle_looks_behind_the_first(void)
{
    machine_make(3, 1);
    for (unsigned i = 0; i < 4; i++)
        vcpu_set_affinity(&vcpus[i], 3);
    start(0, 5);
    run_for(10 * SECOND);
    assert_near(ran(4), 10 * SECOND, 50 * MILLISECOND);
    for (unsigned i = 0; i < 4; i++)
        assert_near(ran(i), 5 * SECOND, 50 * MILLISECOND);
}

/* ---- shares on several processors ---- */

static void assert_shares(unsigned count, uint64_t weights, uint64_t time)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t share = time / weights * vcpus[i].domain->weight;
        assert_near(ran(i), share, share / 100);
    }
}

static void set_weights(unsigned count, unsigned unit)
{
    for (unsigned i = 0; i < count; i++)
        vcpus[i].domain->weight = (uint16_t)(unit << i % 4);
}

static void test_weights_on_two_processors(void)
{
    for (unsigned unit = 1; unit <= 4096; unit *= 16) {
        machine_make(2, 1);
        set_weights(8, unit);
        start(0, 8);
        run_for(10 * SECOND);
        assert_shares(8, 30 * unit, 20 * SECOND);
    }
}

static void test_weights_of_domains_with_two(void)
{
    machine_make(2, 2);
    for (unsigned i = 0; i < 4; i++)
        domains[i].weight = (uint16_t)(256 << i);
    start(0, 8);
    run_for(10 * SECOND);
    assert_shares(8, 30 * 256, 20 * SECOND);
}

static void test_equal_shares_on_three_processors(void)
{
    machine_make(3, 1);
    start(0, 7);
    run_for(10 * SECOND);
    assert_shares(7, 7 * 256, 30 * SECOND);
}

/* One that wants more than a processor gets one, the others share the rest; so do late comers. */
static void test_more_than_a_processor(void)
{
    machine_make(2, 1);
    domains[0].weight = 65535;
    start(0, 3);
    run_for(100 * SECOND);
    assert_near(ran(0), 100 * SECOND, 100 * MILLISECOND);
    assert_near(ran(1), 50 * SECOND, 100 * MILLISECOND);
    start(3, 1);
    run_for(30 * SECOND);
    assert_near(ran(3), 10 * SECOND, 100 * MILLISECOND);
    domains[0].weight = 256;
    uint64_t before = ran(0);
    run_for(10 * SECOND);
    assert_near(ran(0) - before, 5 * SECOND, 100 * MILLISECOND);
}

/* Neither who ran alone nor who slept meanwhile has anything to catch up with. */
static void test_alone_on_each_processor(void)
{
    machine_make(2, 1);
    start(0, 1);
    run_for(1000 * SECOND);
    start(1, 1);
    run_for(SECOND);
    start(2, 1);
    uint64_t before[2] = {ran(0), ran(1)};
    run_for(10 * SECOND);
    assert_near(ran(0) - before[0], 20 * SECOND / 3, 100 * MILLISECOND);
    assert_near(ran(1) - before[1], 20 * SECOND / 3, 100 * MILLISECOND);
    assert_near(ran(2), 20 * SECOND / 3, 100 * MILLISECOND);
}

#define TICK_NS 20000

static struct sleeper {
    uint64_t wake_at, woken_at, late[32]; /* of wake-ups: by tenths of 200 us, the last: more */
    uint64_t ran_before, rounds;
    bool awake, seen;
} sleepers[VCPUS];

static void sleeper_step(unsigned i)
{
    struct sleeper *sleeper = &sleepers[i];

    if (!sleeper->awake && now >= sleeper->wake_at) {
        sleeper->awake = true;
        sleeper->seen = false;
        sleeper->woken_at = now;
        sleeper->ran_before = ran(i);
        on_processor((unsigned)(sleeper->rounds++ % pcpu_count));
        vcpu_kick(&vcpus[i]);
        obey_all();
    }
    if (sleeper->awake && !sleeper->seen && vcpus[i].running) {
        uint64_t slot = (now - sleeper->woken_at) / TICK_NS;
        sleeper->late[slot < 31 ? slot : 31]++;
        sleeper->seen = true;
    }
    if (sleeper->awake && vcpus[i].running && ran(i) - sleeper->ran_before >= 5 * TICK_NS) {
        on_processor(vcpus[i].pcpu->id);
        block();
        sleeper->awake = false;
        sleeper->wake_at += MILLISECOND;
        if (sleeper->wake_at <= now)
            sleeper->wake_at = now + MILLISECOND;
    }
}

/* Sleepers wake a thousand times a second and compute for 0.1 ms each time. */
static void run_with_sleepers(uint64_t nanoseconds, unsigned first, unsigned count)
{
    memset(sleepers, 0, sizeof(sleepers));
    for (unsigned i = first; i < first + count; i++)
        sleepers[i].wake_at = now + i * 7 * TICK_NS;
    for (uint64_t end = now + nanoseconds; now < end;) {
        run_for(TICK_NS);
        for (unsigned i = first; i < first + count; i++)
            sleeper_step(i);
    }
}

static void test_shares_and_latency_beside_sleepers(void)
{
    uint64_t total = 0;

    machine_make(2, 1);
    set_weights(8, 256);
    start(0, 11);
    for (unsigned i = 8; i < 11; i++) {
        vcpus[i].domain->weight = 1024; /* so that they want less than their share */
        vcpu_set_wait(&vcpus[i], VCPU_WAIT_EVENT);
    }
    obey_all();
    run_with_sleepers(10 * SECOND, 8, 3);
    for (unsigned i = 0; i < 8; i++)
        total += ran(i);
    assert_shares(8, 30 * 256, total);
    for (unsigned i = 8; i < 11; i++) {
        uint64_t late = 0;
        assert_true(sleepers[i].rounds > 8000);
        for (unsigned slot = 10; slot < 32; slot++)
            late += sleepers[i].late[slot];
        assert_true(late * 100 < sleepers[i].rounds);
    }
}

/* ---- caps ---- */

static void assert_capped(unsigned i, unsigned vcpus_each, uint64_t percent, uint64_t seconds)
{
    uint64_t sum = 0, cap = percent * seconds * SECOND / 100;

    for (unsigned j = 0; j < vcpus_each; j++)
        sum += ran(i * vcpus_each + j);
    assert_near(sum, cap, cap / 100);
}

static void test_cap(void)
{
    static const uint16_t caps[] = {1, 10, 50, 99};

    for (unsigned i = 0; i < 4; i++) {
        machine_make(1, 1);
        cap_set(&domains[0], caps[i]);
        start(0, 1);
        run_for(10 * SECOND);
        assert_capped(0, 1, caps[i], 10);
        assert_int_equal(vcpus[0].runstate.time[RUNSTATE_blocked], 0);
    }
}

static void test_cap_of_several(void)
{
    static const uint16_t caps[] = {30, 100, 150, 250};

    for (unsigned i = 0; i < 4; i++) {
        machine_make(4, 4);
        domains[0].weight = 4096;
        cap_set(&domains[0], caps[i]);
        start(0, 8);
        run_for(10 * SECOND);
        assert_capped(0, 4, caps[i], 10);
    }
}

/* What a capped domain leaves goes to the others, by their weights. */
static void test_cap_beside_others(void)
{
    machine_make(2, 1);
    domains[0].weight = 2048;
    cap_set(&domains[0], 20);
    start(0, 4);
    run_for(10 * SECOND);
    assert_capped(0, 1, 20, 10);
    for (unsigned i = 1; i < 4; i++)
        assert_near(ran(i), 6 * SECOND, 60 * MILLISECOND);
}

static void test_cap_comes_and_goes(void)
{
    machine_make(1, 1);
    start(0, 1);
    run_for(SECOND);
    cap_set(&domains[0], 25);
    run_for(SECOND);
    assert_near(ran(0), 1250 * MILLISECOND, 10 * MILLISECOND);
    cap_set(&domains[0], 0);
    run_for(SECOND);
    assert_near(ran(0), 2250 * MILLISECOND, 10 * MILLISECOND);
    run_for(SECOND);
    assert_false(timer_is_set(&domains[0].cap.timer));
}

/* Its period's timer rests while a capped domain sleeps. */
static void test_cap_rests(void)
{
    machine_make(1, 1);
    cap_set(&domains[0], 50);
    start(0, 1);
    run_for(2 * MILLISECOND);
    assert_true(timer_is_set(&domains[0].cap.timer));
    block();
    run_for(30 * MILLISECOND);
    assert_false(timer_is_set(&domains[0].cap.timer));
}

/* Inside a hypercall it goes on, for it may hold a lock; the time is owed. */
static void test_cap_inside_a_hypercall(void)
{
    machine_make(1, 1);
    cap_set(&domains[0], 10);
    start(0, 1);
    obey();
    for (unsigned i = 0; i < 50; i++) {
        now += MILLISECOND;
        schedule();
        assert_ptr_equal(current(), &vcpus[0]);
    }
    run_for(450 * MILLISECOND);
    assert_near(ran(0), 50 * MILLISECOND, 2 * MILLISECOND);
}

/* ---- round robin ---- */

static void with_round_robin(void (*test)(void))
{
    scheduler_policy = &scheduler_rr;
    test();
    scheduler_policy = &scheduler_fair;
}

static void round_robin_body(void)
{
    machine_make(2, 1);
    domains[0].weight = 1024;
    for (unsigned i = 0; i < 6; i++)
        vcpu_set_affinity(&vcpus[i], 1UL << i / 3);
    start(0, 6);
    run_for(9 * SECOND);
    for (unsigned i = 0; i < 6; i++)
        assert_near(ran(i), 3 * SECOND, 20 * MILLISECOND);
}

static void test_round_robin(void)
{
    with_round_robin(round_robin_body);
}

static void round_robin_work_body(void)
{
    machine_make(2, 1);
    start(0, 5);
    run_for(SECOND);
    assert_near(ran(0) + ran(1) + ran(2) + ran(3) + ran(4), 2 * SECOND, MILLISECOND);
}

static void test_round_robin_steals(void)
{
    with_round_robin(round_robin_work_body);
}

static void test_choice_of_policy(void)
{
    scheduler_choose("dom0_mem=64M sched=rr");
    assert_ptr_equal(scheduler_policy, &scheduler_rr);
    scheduler_policy = &scheduler_fair;
    scheduler_choose("sched=credit");
    assert_ptr_equal(scheduler_policy, &scheduler_fair);
    scheduler_choose("sched=fair");
    assert_ptr_equal(scheduler_policy, &scheduler_fair);
}

/* ---- shootdown ---- */

/* Exactly the processors that run one of its vcpus hold translations of a domain. */
static uint64_t runs_on(const struct domain *domain)
{
    uint64_t mask = 0;

    for (unsigned id = 0; id < pcpu_count; id++)
        if (pcpus[id].current->domain == domain)
            mask |= 1UL << id;
    return mask;
}

static void flush_holders(const struct domain *domain)
{
    unsigned before[PCPUS];

    memcpy(before, flushed, sizeof(before));
    tlb_flush_mask(tlb_holders(domain));
    for (unsigned id = 0; id < pcpu_count; id++) {
        bool told = id != this_pcpu()->id && (runs_on(domain) >> id & 1);
        assert_int_equal(flushed[id] - before[id], told);
    }
}

static void test_shootdown_reaches_who_runs_the_domain(void)
{
    machine_make(4, 2);
    start(0, 12);
    for (unsigned step = 0; step < 1000; step++) {
        run_for(3 * MILLISECOND);
        on_processor(step % 4);
        if (step % 5 == 0 && current() != this_pcpu()->idle)
            block();
        vcpu_kick(&vcpus[step % 12]);
        obey_all();
        for (unsigned i = 0; i < 6; i++) {
            assert_int_equal(tlb_holders(&domains[i]), runs_on(&domains[i]));
            flush_holders(&domains[i]);
        }
    }
}

/* ---- anything ---- */

static void check_run_state(unsigned i)
{
    struct vcpu_runstate_info state;
    uint64_t sum = 0;

    vcpu_runstate_get(&vcpus[i], &state);
    for (unsigned j = 0; j < 4; j++)
        sum += state.time[j];
    assert_int_equal(sum, now - SECOND);
}

static bool wants_to_run(const struct vcpu *vcpu)
{
    return vcpu->at_exit ? !vcpu->wait && !vcpu->pause_count : !(vcpu->wait & VCPU_WAIT_MUTEX);
}

static unsigned queue_length(const struct priority_queue *queue)
{
    unsigned length = 0;

    for (const struct priority_node *node = queue->first; node; node = priority_next(node))
        length++;
    return length;
}

/* Work is not left lying: nobody waits for an idle processor or without an end. */
static void check_work(const struct vcpu *vcpu, bool undecided)
{
    const struct pcpu *pcpu = vcpu->pcpu;

    if (!pcpu->reschedule) {
        assert_true(timer_is_set(&pcpu->run_queue.slice_timer));
        assert_true(timer_deadline(&pcpu->run_queue.slice_timer) <= now + 10 * MILLISECOND);
    }
    for (unsigned id = 0; id < pcpu_count && !undecided; id++)
        if (vcpu->entity.affinity >> id & 1)
            assert_ptr_not_equal(pcpus[id].current, pcpus[id].idle);
}

static void check_invariants(void)
{
    bool undecided = false;

    for (unsigned id = 0; id < pcpu_count; id++)
        undecided |= pcpus[id].reschedule;
    for (unsigned id = 0; id < pcpu_count; id++) {
        const struct run_queue *queue = &pcpus[id].run_queue;
        unsigned queued = 0, assigned = 0;
        for (unsigned i = 0; i < VCPUS; i++) {
            if (vcpus[i].pcpu != &pcpus[id])
                continue;
            bool is_current = pcpus[id].current == &vcpus[i];
            assert_int_equal(vcpus[i].running, is_current);
            if (!is_current) {
                assert_int_equal(vcpus[i].entity.queued, wants_to_run(&vcpus[i]));
                assert_true(vcpus[i].entity.affinity >> id & 1);
            }
            if (vcpus[i].entity.queued)
                check_work(&vcpus[i], undecided);
            queued += vcpus[i].entity.queued;
            assigned++;
        }
        assert_int_equal(queue_length(&queue->movable) + queue_length(&queue->pinned), queued);
        assert_int_equal(queue->assigned_count, assigned);
    }
}

static uint64_t random_number(uint64_t limit)
{
    seed = seed * 6364136223846793005UL + 1442695040888963407UL;
    return (seed >> 33) % limit;
}

static void random_step(unsigned *paused)
{
    unsigned i = (unsigned)random_number(VCPUS);

    on_processor((unsigned)random_number(pcpu_count));
    switch (random_number(10)) {
    case 0:
        if (current() != this_pcpu()->idle)
            block();
        break;
    case 1:
        vcpu_kick(&vcpus[i]);
        break;
    case 2:
        if (!paused[i]++)
            vcpu_pause_async(&vcpus[i]);
        break;
    case 3:
        if (paused[i])
            vcpu_unpause(&vcpus[i]);
        paused[i] = 0;
        break;
    case 4:
        vcpu_clear_wait(&vcpus[i], VCPU_WAIT_DOWN);
        break;
    case 5:
        vcpus[i].domain->weight = (uint16_t)(1 + random_number(65535));
        break;
    case 6:
        vcpu_set_affinity(&vcpus[i], 1 + random_number((1UL << pcpu_count) - 1));
        break;
    case 7:
        cap_set(vcpus[i].domain, (uint16_t)(random_number(2) * random_number(250)));
        break;
    default:
        run_for(random_number(20 * MILLISECOND));
    }
}

static void random_steps(unsigned processors, unsigned vcpus_each)
{
    unsigned paused[VCPUS] = {0};

    seed = processors;
    machine_make(processors, vcpus_each);
    for (unsigned step = 0; step < 50000; step++) {
        random_step(paused);
        check_invariants();
        if (step % 16 == 0)
            for (unsigned i = 0; i < VCPUS; i++)
                check_run_state(i);
    }
}

static void test_random(void)
{
    random_steps(1, 1);
    random_steps(2, 2);
    random_steps(4, 4);
}

static void random_round_robin(void)
{
    random_steps(3, 1);
}

static void test_random_round_robin(void)
{
    with_round_robin(random_round_robin);
}

#define TEST(name)                                                 \
    {                                                              \
#name, on_own_stack, NULL, NULL, (void *)(uintptr_t)(name) \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_equal_shares),
        TEST(test_weights),
        TEST(test_extreme_weights),
        TEST(test_sleep_is_not_hoarded),
        TEST(test_running_alone_is_no_debt),
        TEST(test_idleness_settles),
        TEST(test_sleeper_goes_first),
        TEST(test_waiting_is_bounded),
        TEST(test_waking_twice_changes_nothing),
        TEST(test_slice_timer_rests),
        TEST(test_pause_takes_effect_at_the_exit),
        TEST(test_pause_is_counted),
        TEST(test_event_while_paused),
        TEST(test_event_before_the_exit),
        TEST(test_lock_stops_inside_a_hypercall),
        TEST(test_yield),
        TEST(test_yield_by_one_behind),
        TEST(test_yield_alone),
        TEST(test_other_processor_is_told),
        TEST(test_idle_processor_helps),
        TEST(test_idle_processor_steals),
        TEST(test_half_switched_stays),
        TEST(test_affinity_is_obeyed_at_once),
        TEST(test_paused_while_displaced),
        TEST(test_pinned_do_not_move),
        TEST(test_idle_looks_behind_the_first),
        TEST(test_weights_on_two_processors),
        TEST(test_weights_of_domains_with_two),
        TEST(test_equal_shares_on_three_processors),
        TEST(test_more_than_a_processor),
        TEST(test_alone_on_each_processor),
        TEST(test_shares_and_latency_beside_sleepers),
        TEST(test_cap),
        TEST(test_cap_of_several),
        TEST(test_cap_beside_others),
        TEST(test_cap_comes_and_goes),
        TEST(test_cap_rests),
        TEST(test_cap_inside_a_hypercall),
        TEST(test_round_robin),
        TEST(test_round_robin_steals),
        TEST(test_choice_of_policy),
        TEST(test_shootdown_reaches_who_runs_the_domain),
        TEST(test_random),
        TEST(test_random_round_robin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
