/* SPDX-License-Identifier: MIT */
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

#include "tests/unit/scheduler_machine.h"

#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/smp.h"
#include "hypervisor/processor/trace.h"

#define STACK_BLOCKS 32
#define STI          0xfb
#define CLI          0xfa

struct pcpu pcpus[PCPUS];
struct vcpu vcpus[VCPUS];
struct domain domains[VCPUS];
uint64_t now;
unsigned sent[PCPUS];
static struct vcpu idles[PCPUS];
static unsigned locks_held;

/* The block at the top is the hypervisor's stack, the others only take what overflows it. */
static char stacks[STACK_BLOCKS][STACK_SIZE] __attribute__((aligned(STACK_SIZE)));

/* ---- what the scheduler stands on ---- */

unsigned pcpu_count = PCPUS;
bool trace_running;

void trace_write_vcpu(uint32_t event, const struct vcpu *vcpu)
{
    fail_msg("event %x of vcpu %u while nobody traces", event, vcpu->id);
}

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

void timer_init(struct timer *timer, struct pcpu *pcpu, void (*function)(void *), void *argument)
{
    *timer = (struct timer){.pcpu = pcpu, .function = function, .argument = argument};
}

void timer_set(struct timer *timer, uint64_t deadline)
{
    assert_int_equal(locks_held, 0);
    timer->node.key = deadline;
    timer->node.rank = 1;
}

void timer_cancel(struct timer *timer)
{
    timer->node.rank = 0;
}

void vcpu_switch(struct vcpu *previous, struct vcpu *next)
{
    assert_ptr_equal(previous, stack_top()->vcpu);
    stack_top()->vcpu = next;
    this_pcpu()->switched_from = previous;
    schedule_tail();
}

/* ---- a machine ---- */

void on_processor(unsigned id)
{
    stack_top()->pcpu = &pcpus[id];
    stack_top()->vcpu = pcpus[id].current;
}

struct vcpu *current(void)
{
    return this_pcpu()->current;
}

/* As the exit loop and the idle loop do. */
void leave(void)
{
    current()->at_exit = true;
    schedule();
    current()->at_exit = false;
}

void obey(void)
{
    while (scheduler_must_leave(current()) &&
           !(current() == this_pcpu()->idle && !this_pcpu()->reschedule))
        leave();
}

void obey_all(void)
{
    struct pcpu *pcpu = this_pcpu();

    for (unsigned id = 0; id < PCPUS; id++) {
        on_processor(id);
        obey();
    }
    on_processor(pcpu->id);
}

/* Let all processors run for that long, with their slice timers. */
void run_for(uint64_t nanoseconds)
{
    uint64_t end = now + nanoseconds;

    obey_all();
    for (;;) {
        struct timer *due = NULL;
        for (unsigned id = 0; id < PCPUS; id++) {
            struct timer *timer = &pcpus[id].run_queue.slice_timer;
            if (timer_is_set(timer) && timer_deadline(timer) <= end &&
                (!due || timer_deadline(timer) < timer_deadline(due)))
                due = timer;
        }
        if (!due)
            break;
        if (timer_deadline(due) > now)
            now = timer_deadline(due);
        timer_cancel(due);
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
        scheduler_pcpu_init(&pcpus[id]);
    }
    on_processor(0);
    for (unsigned i = 0; i < VCPUS; i++) {
        domains[i] = (struct domain){.id = (domid_t)i, .weight = 256};
        vcpus[i].domain = &domains[i];
        scheduler_vcpu_init(&vcpus[i]);
    }
}

void start(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        vcpu_clear_wait(&vcpus[i], VCPU_WAIT_DOWN);
}

uint64_t ran(unsigned i)
{
    return vcpu_cpu_time(&vcpus[i]);
}

void block(void)
{
    vcpu_set_wait(current(), VCPU_WAIT_EVENT);
    obey();
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

void on_own_stack(void **state)
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
