/* SPDX-License-Identifier: MIT */
/* Where vcpus run: several processors, affinity, shares across them, and who is told to flush. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/scheduler_machine.h"

#include "hypervisor/processor/scheduler_move.h"
#include "hypervisor/processor/tlb.h"

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

/* Two that are bound to one processor compute, one on the other; two more are yet to start, that
 * were on the first. */
static void two_queues_make(void)
{
    machine_make(2, 1);
    vcpu_set_affinity(&vcpus[0], 1);
    vcpu_set_affinity(&vcpus[1], 1);
    vcpu_set_affinity(&vcpus[2], 2);
    for (unsigned i = 3; i < 5; i++) {
        vcpu_set_affinity(&vcpus[i], 1);
        vcpu_set_affinity(&vcpus[i], 3);
    }
    start(0, 3);
    run_for(SECOND);
    on_processor(0);
}

/* Let the second queue be ahead of the first one's floor, and who runs there, too. */
static void second_queue_ahead(uint64_t floor, uint64_t running)
{
    struct run_queue *queue = &pcpus[1].run_queue;
    struct run_entity *entity = &pcpus[1].current->entity;

    queue->virtual_floor = queue->virtual_lift = pcpus[0].run_queue.virtual_floor + floor;
    entity->virtual_time = pcpus[0].run_queue.virtual_floor + running;
    entity->charged_until = now;
}

/* One that wakes up goes before who came from a processor whose floor is further back. */
static void test_sleeper_goes_before_one_taken_over(void)
{
    struct vcpu *taken = &vcpus[4], *sleeper = &vcpus[3];

    two_queues_make();
    vcpu_set_affinity(taken, 1);
    start(4, 1);
    run_for(100 * MILLISECOND);
    while (!taken->entity.queued)
        run_for(MILLISECOND / 100);
    second_queue_ahead(3 * MILLISECOND, 3 * MILLISECOND);
    vcpu_set_affinity(taken, 3);
    on_processor(1);
    leave();
    assert_ptr_equal(current(), taken);
    now += MILLISECOND / 10;
    vcpu_set_affinity(sleeper, 2);
    vcpu_clear_wait(sleeper, VCPU_WAIT_DOWN);
    obey();
    assert_ptr_equal(current(), sleeper);
}

/* One that is taken over before it ran goes first there, too, wherever that one's floor is. */
static void test_sleeper_moves_as_it_woke(void)
{
    struct vcpu *sleeper = &vcpus[3];

    two_queues_make();
    while (current() == &vcpus[0])
        run_for(MILLISECOND / 100);
    while (current() == &vcpus[1])
        run_for(MILLISECOND / 100);
    second_queue_ahead(3 * MILLISECOND, 2 * MILLISECOND);
    vcpu_clear_wait(sleeper, VCPU_WAIT_DOWN);
    obey();
    assert_ptr_equal(current(), &vcpus[0]); /* which has just begun */
    on_processor(1);
    leave();
    assert_ptr_equal(current(), sleeper);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_other_processor_is_told),
        TEST(test_idle_processor_helps),
        TEST(test_idle_processor_steals),
        TEST(test_half_switched_stays),
        TEST(test_sleeper_goes_before_one_taken_over),
        TEST(test_sleeper_moves_as_it_woke),
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
        TEST(test_shootdown_reaches_who_runs_the_domain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
