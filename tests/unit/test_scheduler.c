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
    run_for(4 * MILLISECOND);
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
    block();
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
    pcpus[1].online = true;
    memset(&vcpus[5], 0, sizeof(vcpus[5]));
    vcpus[5].domain = &domains[5];
    scheduler_vcpu_init(&vcpus[5]);
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

static void check_run_state(unsigned i)
{
    struct vcpu_runstate_info state;
    uint64_t sum = 0;

    vcpu_runstate_get(&vcpus[i], &state);
    for (unsigned j = 0; j < 4; j++)
        sum += state.time[j];
    assert_int_equal(sum, now - SECOND);
}

static void check_invariants(void)
{
    for (unsigned id = 0; id < PCPUS; id++) {
        const struct run_queue *queue = &pcpus[id].run_queue;
        unsigned queued = 0;
        for (unsigned i = 0; i < VCPUS; i++) {
            if (vcpus[i].pcpu != &pcpus[id])
                continue;
            bool is_current = pcpus[id].current == &vcpus[i];
            bool wants = vcpus[i].at_exit ? !vcpus[i].wait && !vcpus[i].pause_count
                                          : !(vcpus[i].wait & VCPU_WAIT_MUTEX);
            assert_int_equal(vcpus[i].running, is_current);
            if (!is_current)
                assert_int_equal(vcpus[i].entity.queued, wants);
            queued += vcpus[i].entity.queued;
        }
        assert_int_equal(queue->runnable_count, queued);
        /* Work is not left lying: nobody waits for an idle processor or without an end. */
        if (queued && !pcpus[id].reschedule) {
            assert_ptr_not_equal(pcpus[id].current, pcpus[id].idle);
            assert_true(timer_is_set(&queue->slice_timer));
            assert_true(timer_deadline(&queue->slice_timer) <= now + 5 * MILLISECOND);
        }
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

    on_processor((unsigned)random_number(PCPUS));
    switch (random_number(7)) {
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
        domains[i].weight = (uint16_t)(1 + random_number(65535));
        break;
    default:
        run_for(random_number(20 * MILLISECOND));
    }
}

static void test_random(void)
{
    unsigned paused[VCPUS] = {0};

    seed = 1;
    pcpus[1].online = true;
    for (unsigned i = VCPUS / 2; i < VCPUS; i++) {
        memset(&vcpus[i], 0, sizeof(vcpus[i]));
        vcpus[i].domain = &domains[i];
        scheduler_vcpu_init(&vcpus[i]);
    }
    for (unsigned step = 0; step < 100000; step++) {
        random_step(paused);
        check_invariants();
        if (step % 16 == 0)
            for (unsigned i = 0; i < VCPUS; i++)
                check_run_state(i);
    }
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
        TEST(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
