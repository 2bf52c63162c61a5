/* SPDX-License-Identifier: MIT */
/* Caps: how much a domain gets at the most, and who gets what it leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/scheduler_machine.h"

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

/* A processor that stands still, as a virtual one may, runs past its vcpu's allowance and some
 * periods; the vcpu then waits until they are paid, not for ever. */
static void test_cap_after_a_late_decision(void)
{
    machine_make(2, 2);
    cap_set(&domains[0], 50);
    start(0, 1);
    obey_all();
    for (unsigned period = 0; period < 4; period++) {
        now += 10 * MILLISECOND;
        assert_true(timer_is_set(&domains[0].cap.timer));
        timer_cancel(&domains[0].cap.timer);
        domains[0].cap.timer.function(domains[0].cap.timer.argument);
    }
    run_for(10 * SECOND);
    assert_near(ran(0), 5 * SECOND, 100 * MILLISECOND);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_cap),
        TEST(test_cap_of_several),
        TEST(test_cap_beside_others),
        TEST(test_cap_comes_and_goes),
        TEST(test_cap_rests),
        TEST(test_cap_after_a_late_decision),
        TEST(test_cap_inside_a_hypercall),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
