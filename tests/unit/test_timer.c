/* SPDX-License-Identifier: MIT */
/*
 * Timers on two processors: each fires when its deadline has come and not before, whatever was set,
 * put off, moved and cancelled meanwhile and from where; and what is put off costs nothing but one
 * look when the earlier time has come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/io/local_apic.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/pcpu.h"
#include "hypervisor/processor/smp.h"
#include "hypervisor/processor/timer.h"
#include "hypervisor/processor/tlb.h"

#define PCPUS        2
#define TIMERS       8
#define STEPS        200000
#define NEVER        (~0UL)
#define STACK_BLOCKS 8

static struct pcpu pcpus[PCPUS];
static struct timer timers[TIMERS];
static uint64_t wanted[TIMERS]; /* when it is to fire; NEVER: not at all */
static uint64_t now, armed[PCPUS], seed;
static unsigned armings, fired;
static bool asked[PCPUS]; /* by another processor, to look at its timers */

/* The block at the top is the hypervisor's stack, the others only take what overflows it. */
static char stacks[STACK_BLOCKS][STACK_SIZE] __attribute__((aligned(STACK_SIZE)));

/* ---- what timers stand on ---- */

unsigned pcpu_count = PCPUS;

struct pcpu *pcpu_of(unsigned id)
{
    return &pcpus[id];
}

uint64_t clock_now(void)
{
    return now;
}

void local_apic_timer_set(uint64_t deadline)
{
    armed[this_pcpu()->id] = deadline;
    armings++;
}

void smp_send(const struct pcpu *pcpu, uint8_t vector)
{
    assert_int_equal(vector, VECTOR_TIMER);
    assert_ptr_not_equal(pcpu, this_pcpu());
    asked[pcpu->id] = true;
}

void tlb_answer(void) {}

void spinlock_init(struct spinlock *lock, enum lock_level level)
{
    *lock = (struct spinlock){.level = level};
}

void spin_lock(struct spinlock *lock)
{
    assert_int_equal(lock->next, lock->serving);
    lock->next++;
}

void spin_unlock(struct spinlock *lock)
{
    assert_int_not_equal(lock->next, lock->serving);
    lock->serving++;
}

__attribute__((target("general-regs-only"))) void spin_wait(struct spinlock *lock, uint16_t ticket)
{
    (void)lock, (void)ticket;
    fail_msg("%s", "a lock is taken twice");
}

/* ---- a machine ---- */

static void on_processor(unsigned id)
{
    stack_top()->pcpu = &pcpus[id];
}

static void fire(void *argument)
{
    uint64_t *deadline = argument;

    assert_int_equal(*deadline, now);
    assert_ptr_equal(timers[deadline - wanted].pcpu, this_pcpu());
    *deadline = NEVER;
    fired++;
}

/* The interrupts of this moment. */
static void interrupts(void)
{
    for (unsigned id = 0; id < PCPUS; id++) {
        while (asked[id] || armed[id] <= now) {
            asked[id] = false;
            if (armed[id] <= now)
                armed[id] = NEVER;
            on_processor(id);
            timer_run();
        }
    }
}

static void advance(uint64_t end)
{
    for (;;) {
        uint64_t next = armed[0] < armed[1] ? armed[0] : armed[1];
        if (next > end)
            break;
        now = next;
        interrupts();
    }
    now = end;
}

static void begin(void)
{
    now = 1000;
    armings = fired = 0;
    for (unsigned id = 0; id < PCPUS; id++) {
        pcpus[id].id = id;
        timer_pcpu_init(&pcpus[id]);
        armed[id] = NEVER;
        asked[id] = false;
    }
    for (unsigned i = 0; i < TIMERS; i++) {
        timer_init(&timers[i], &pcpus[0], fire, &wanted[i]);
        wanted[i] = NEVER;
    }
    on_processor(0);
}

/* A deadline in the past is due at once. */
static void set(unsigned i, uint64_t deadline, bool here)
{
    wanted[i] = deadline > now ? deadline : now;
    if (here)
        timer_set_here(&timers[i], deadline);
    else
        timer_set(&timers[i], deadline);
    interrupts();
}

static void cancel(unsigned i)
{
    wanted[i] = NEVER;
    timer_cancel(&timers[i]);
}

static uint64_t random_number(uint64_t below)
{
    seed = seed * 6364136223846793005UL + 1442695040888963407UL;
    return (seed >> 33) % below;
}

/* ---- tests ---- */

static void test_put_off(void)
{
    begin();
    set(0, 2000, true);
    for (uint64_t deadline = 2001; deadline <= 3000; deadline++)
        set(0, deadline, true);
    assert_int_equal(armings, 1);
    advance(2999);
    assert_int_equal(armings, 2);
    assert_int_equal(fired, 0);
    advance(3000);
    assert_int_equal(fired, 1);
    assert_int_equal(timer_deadline(&timers[0]), 3000);
    advance(100000);
    assert_int_equal(armings, 2);
}

static void test_put_off_then_sooner(void)
{
    begin();
    set(0, 2000, true);
    set(0, 5000, true);
    set(0, 1500, true);
    advance(1500);
    assert_int_equal(fired, 1);
    advance(100000);
    assert_int_equal(fired, 1);
}

static void test_put_off_then_cancelled(void)
{
    begin();
    set(0, 2000, true);
    set(0, 3000, true);
    cancel(0);
    advance(100000);
    assert_int_equal(fired, 0);
    assert_int_equal(armings, 1);
}

/* Later than another: the local APIC timer stays as it is, and fires for nothing if that one goes.
 */
static void test_only_sooner_arms(void)
{
    begin();
    set(0, 2000, true);
    set(1, 3000, true);
    assert_int_equal(armings, 1);
    set(2, 1500, true);
    assert_int_equal(armings, 2);
    cancel(2);
    cancel(0);
    advance(3000);
    assert_int_equal(fired, 1);
    assert_int_equal(armings, 3);
}

static void test_moves_to_where_it_is_set(void)
{
    begin();
    set(0, 2000, true);
    on_processor(1);
    set(0, 3000, true);
    assert_ptr_equal(timers[0].pcpu, &pcpus[1]);
    advance(3000);
    assert_int_equal(fired, 1);
    on_processor(0);
    set(0, 4000, false);
    advance(4000);
    assert_int_equal(fired, 2);
}

static void test_anything_from_anywhere(void)
{
    begin();
    seed = 20;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)random_number(TIMERS);
        on_processor((unsigned)random_number(PCPUS));
        switch (random_number(4)) {
        case 0:
            advance(now + random_number(200));
            break;
        case 1:
            cancel(i);
            break;
        default:
            set(i, now + random_number(1000) - (now > 100 ? 20 : 0), random_number(2));
        }
        for (unsigned other = 0; other < TIMERS; other++)
            assert_true(wanted[other] > now || wanted[other] == NEVER);
    }
    assert_true(fired > STEPS / 20);
}

/* ---- on a stack like the hypervisor's ---- */

static void on_stack(void **state)
{
    void (*body)(void) = (void (*)(void)) * state;
    struct stack_top *top =
        (struct stack_top *)((char *)stacks + sizeof(stacks) - sizeof(struct stack_top));

    asm volatile("mov %%rsp, %%rbx\n"
                 "mov %0, %%rsp\n"
                 "call *%1\n"
                 "mov %%rbx, %%rsp\n"
                 :
                 : "r"((uint64_t)top & ~15UL), "r"(body)
                 : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory",
                   "cc");
}

#define TEST(function)                                                                \
    {                                                                                 \
        .name = #function, .test_func = on_stack, .initial_state = (void *)(function) \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_put_off),
        TEST(test_put_off_then_sooner),
        TEST(test_put_off_then_cancelled),
        TEST(test_only_sooner_arms),
        TEST(test_moves_to_where_it_is_set),
        TEST(test_anything_from_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
