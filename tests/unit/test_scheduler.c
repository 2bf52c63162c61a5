/* SPDX-License-Identifier: MIT */
/*
 * Who runs: the scheduler and its fair policy on two processors whose time is a variable. A switch
 * of stacks only changes whose stack this is; what a vcpu does between two switches, the test does.
 */
#define _GNU_SOURCE /* the names of registers in a signal frame */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <cmocka.h>

#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/smp.h"

#define MILLISECOND  1000000UL
#define SECOND       (1000 * MILLISECOND)
#define PCPUS        2
#define VCPUS        6
#define STACK_BLOCKS 32
#define STI          0xfb
#define CLI          0xfa

static struct pcpu pcpus[PCPUS];
static struct vcpu idles[PCPUS], vcpus[VCPUS];
static struct domain domains[VCPUS];
static uint64_t now;
static unsigned sent[PCPUS], locks_held;
static uint64_t seed;

/* The block at the top is the hypervisor's stack, the others only take what overflows it. */
static char stacks[STACK_BLOCKS][STACK_SIZE] __attribute__((aligned(STACK_SIZE)));

/* ---- what the scheduler stands on ---- */

unsigned pcpu_count = PCPUS;

struct pcpu *pcpu_of(unsigned id)
{
    return id < PCPUS ? &pcpus[id] : NULL;
}

void panic(const char *format, ...)
{
    fail_msg("panic: %s", format);
    abort();
}

uint64_t clock_now(void)
{
    return now;
}

void smp_send(const struct pcpu *pcpu, uint8_t vector)
{
    assert_ptr_not_equal(pcpu, this_pcpu());
    assert_int_equal(vector, VECTOR_RESCHEDULE);
    sent[pcpu->id]++;
}

void spinlock_init(struct spinlock *lock, enum lock_level level)
{
    *lock = (struct spinlock){.level = level};
}

void spin_lock(struct spinlock *lock)
{
    assert_int_equal(lock->next, 0);
    lock->next = 1;
    locks_held++;
}

void spin_unlock(struct spinlock *lock)
{
    assert_int_equal(lock->next, 1);
    lock->next = 0;
    locks_held--;
}

int timer_init(struct timer *timer, struct pcpu *pcpu, void (*function)(void *), void *argument)
{
    *timer = (struct timer){.pcpu = pcpu, .function = function, .argument = argument};
    return 0;
}

void timer_set(struct timer *timer, uint64_t deadline)
{
    assert_int_equal(locks_held, 0);
    timer->deadline = deadline;
    timer->position = 1;
}

void timer_cancel(struct timer *timer)
{
    timer->position = 0;
}

void vcpu_switch(struct vcpu *previous, struct vcpu *next)
{
    assert_ptr_equal(previous, stack_top()->vcpu);
    stack_top()->vcpu = next;
    this_pcpu()->switched_from = previous;
    schedule_tail();
}

/* ---- a machine ---- */

static void on_processor(unsigned id)
{
    stack_top()->pcpu = &pcpus[id];
    stack_top()->vcpu = pcpus[id].current;
}

static struct vcpu *current(void)
{
    return this_pcpu()->current;
}

/* As the exit loop and the idle loop do. */
static void leave(void)
{
    current()->at_exit = true;
    schedule();
    current()->at_exit = false;
}

static void obey(void)
{
    while (scheduler_must_leave(current()) &&
           !(current() == this_pcpu()->idle && !this_pcpu()->reschedule))
        leave();
}

static void obey_all(void)
{
    struct pcpu *pcpu = this_pcpu();

    for (unsigned id = 0; id < PCPUS; id++) {
        on_processor(id);
        obey();
    }
    on_processor(pcpu->id);
}

/* Let all processors run for that long, with their slice timers. */
static void run_for(uint64_t nanoseconds)
{
    uint64_t end = now + nanoseconds;

    obey_all();
    for (;;) {
        struct timer *due = NULL;
        for (unsigned id = 0; id < PCPUS; id++) {
            struct timer *timer = &pcpus[id].run_queue.slice_timer;
            if (timer->position && timer->deadline <= end &&
                (!due || timer->deadline < due->deadline))
                due = timer;
        }
        if (!due)
            break;
        if (due->deadline > now)
            now = due->deadline;
        due->position = 0;
        due->function(due->argument);
        obey_all();
    }
    now = end;
}

static void machine_reset(void)
{
    memset(pcpus, 0, sizeof(pcpus));
    memset(vcpus, 0, sizeof(vcpus));
    memset(idles, 0, sizeof(idles));
    memset(sent, 0, sizeof(sent));
    now = SECOND;
    for (unsigned id = 0; id < PCPUS; id++) {
        pcpus[id].id = id;
        pcpus[id].online = id == 0;
        pcpus[id].idle = pcpus[id].current = &idles[id];
        idles[id].pcpu = &pcpus[id];
        idles[id].running = true;
        assert_int_equal(scheduler_pcpu_init(&pcpus[id]), 0);
    }
    on_processor(0);
    for (unsigned i = 0; i < VCPUS; i++) {
        domains[i] = (struct domain){.id = (domid_t)i, .weight = 256};
        vcpus[i].domain = &domains[i];
        scheduler_vcpu_init(&vcpus[i]);
    }
}

static void start(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        vcpu_clear_wait(&vcpus[i], VCPU_WAIT_DOWN);
}

static uint64_t ran(unsigned i)
{
    return vcpu_cpu_time(&vcpus[i]);
}

static void block(void)
{
    vcpu_set_wait(current(), VCPU_WAIT_EVENT);
    obey();
}

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
    assert_false(this_pcpu()->run_queue.slice_timer.position);
    start(1, 1);
    obey();
    assert_true(this_pcpu()->run_queue.slice_timer.position);
    block();
    assert_false(this_pcpu()->run_queue.slice_timer.position);
    block();
    assert_ptr_equal(current(), this_pcpu()->idle);
    assert_false(this_pcpu()->run_queue.slice_timer.position);
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
            assert_true(queue->slice_timer.position);
            assert_true(queue->slice_timer.deadline <= now + 5 * MILLISECOND);
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

/* ---- running a test on a stack that has a top ---- */

/* preempt_point() lets interrupts in: an instruction that this process may not execute. */
static void skip_privileged(int number, siginfo_t *information, void *context)
{
    greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    uint8_t opcode = *(const uint8_t *)*rip;

    (void)information;
    if (opcode != STI && opcode != CLI) {
        signal(number, SIG_DFL);
        return;
    }
    ++*rip;
}

static void (*test_body)(void);

static void run_body(void)
{
    machine_reset();
    test_body();
}

static void on_own_stack(void **state)
{
    struct sigaction action = {.sa_sigaction = skip_privileged, .sa_flags = SA_SIGINFO};
    struct stack_top *top =
        (struct stack_top *)((char *)stacks + sizeof(stacks) - sizeof(struct stack_top));

    sigaction(SIGSEGV, &action, NULL); /* in each test: cmocka has handlers of its own */
    test_body = (void (*)(void)) * state;
    asm volatile("mov %%rsp, %%rbx\n"
                 "mov %0, %%rsp\n"
                 "call *%1\n"
                 "mov %%rbx, %%rsp\n"
                 :
                 : "r"((uint64_t)top & ~15UL), "r"(run_body)
                 : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory",
                   "cc");
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
