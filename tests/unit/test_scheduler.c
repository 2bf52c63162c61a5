/* SPDX-License-Identifier: MIT */
/*
 * Who runs: shares, stopping and going on, on one processor whose time is a variable; and round
 * robin in place of the fair policy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/scheduler_machine.h"

#include "hypervisor/processor/scheduler_queue.h"

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

/* Two that wake each other in turn, or one that wakes many, would otherwise only change places. */
static void test_one_just_begun_goes_on_for_a_moment(void)
{
    start(0, 3);
    run_for(SECOND);
    while (current() != &vcpus[2])
        run_for(MILLISECOND);
    block();
    for (unsigned round = 0; round < 100; round++) {
        run_for(10 * MILLISECOND);
        for (const struct vcpu *before = current(); current() == before;)
            run_for(MILLISECOND / 100);
        const struct vcpu *begun = current();
        vcpu_kick(&vcpus[2]);
        obey();
        assert_ptr_equal(current(), begun);
        run_for(MILLISECOND / 100);
        assert_ptr_equal(current(), begun);
        run_for(MILLISECOND / 20);
        assert_ptr_equal(current(), &vcpus[2]);
        block();
    }
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

/* ---- round robin ---- */

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
        TEST(test_one_just_begun_goes_on_for_a_moment),
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
        TEST(test_round_robin),
        TEST(test_round_robin_steals),
        TEST(test_choice_of_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
