/* SPDX-License-Identifier: MIT */
/*
 * Random steps of all that may happen: the queues are checked after each, the run states after
 * each sixteenth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/calendar_check.h"
#include "tests/unit/scheduler_machine.h"

#include "hypervisor/processor/scheduler_queue.h"

static uint64_t seed;

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
        assert_int_equal(calendar_check(&queue->movable, queue->virtual_floor) +
                             calendar_check(&queue->pinned, queue->virtual_floor),
                         queued);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_random),
        TEST(test_random_round_robin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
