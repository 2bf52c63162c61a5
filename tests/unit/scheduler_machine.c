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
#include "hypervisor/io/console.h"
#include "hypervisor/panic.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/scheduler_move.h"
#include "hypervisor/processor/scheduler_queue.h"
#include "hypervisor/processor/smp.h"
#include "hypervisor/processor/tlb.h"
#include "hypervisor/processor/trace.h"

#define STACK_BLOCKS 32
#define STI          0xfb
#define CLI          0xfa
#define MOV_FROM_CR  0x20
#define MOV_TO_CR    0x22

struct pcpu pcpus[PCPUS];
struct vcpu vcpus[VCPUS];
struct domain domains[VCPUS];
uint64_t now;
unsigned sent[PCPUS], flushed[PCPUS];
static struct vcpu idles[PCPUS];
static unsigned locks_held;

/* The block at the top is the hypervisor's stack, the others only take what overflows it. */
static char stacks[STACK_BLOCKS][STACK_SIZE] __attribute__((aligned(STACK_SIZE)));

/* ---- what the scheduler stands on ---- */

unsigned pcpu_count;
bool trace_running;

void trace_write_vcpu(uint32_t event, const struct vcpu *vcpu)
{
    fail_msg("event %x of vcpu %u while nobody traces", event, vcpu->id);
}

struct pcpu *pcpu_of(unsigned id)
{
    return id < pcpu_count ? &pcpus[id] : NULL;
}

uint64_t pcpu_online_mask(void)
{
    return (1UL << pcpu_count) - 1;
}

void printk(const char *format, ...)
{
    (void)format;
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
    unsigned here = this_pcpu()->id;

    assert_int_not_equal(pcpu->id, here);
    if (vector != VECTOR_TLB) {
        assert_int_equal(vector, VECTOR_RESCHEDULE);
        sent[pcpu->id]++;
        return;
    }
    on_processor(pcpu->id);
    tlb_answer();
    on_processor(here);
    flushed[pcpu->id]++;
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

void spin_lock_two(struct spinlock *first, struct spinlock *second)
{
    spin_lock(first);
    if (second != first)
        spin_lock(second);
}

void spin_unlock_two(struct spinlock *first, struct spinlock *second)
{
    spin_unlock(first);
    if (second != first)
        spin_unlock(second);
}

void timer_init(struct timer *timer, struct pcpu *pcpu, void (*function)(void *), void *argument)
{
    *timer = (struct timer){.pcpu = pcpu, .function = function, .argument = argument};
}

void timer_set(struct timer *timer, uint64_t deadline)
{
    assert_int_equal(locks_held, 0);
    timer->node.key = deadline;
    timer->node.queued = true;
}

void timer_set_here(struct timer *timer, uint64_t deadline)
{
    timer->pcpu = this_pcpu();
    timer_set(timer, deadline);
}

void timer_destroy(struct timer *timer)
{
    timer_cancel(timer);
}

void timer_cancel(struct timer *timer)
{
    timer->node.queued = false;
}

void vcpu_switch(struct vcpu *previous, struct vcpu *next)
{
    assert_ptr_equal(previous, stack_top()->vcpu);
    if (next->domain != previous->domain && next->domain)
        tlb_domain_enters(next->domain);
    if (next->domain != previous->domain && previous->domain)
        tlb_domain_left(previous->domain);
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
    if (current() == this_pcpu()->idle)
        move_look_again(this_pcpu());
    current()->at_exit = false;
}

void obey(void)
{
    while (scheduler_must_leave(current()) &&
           !(current() == this_pcpu()->idle && !this_pcpu()->reschedule))
        leave();
}

static bool decision_due(void)
{
    for (unsigned id = 0; id < pcpu_count; id++)
        if (pcpus[id].reschedule)
            return true;
    return false;
}

/* Decisions of one processor may ask for one of another. */
void obey_all(void)
{
    struct pcpu *pcpu = this_pcpu();
    unsigned rounds = 0;

    do {
        for (unsigned id = 0; id < pcpu_count; id++) {
            on_processor(id);
            obey();
        }
        assert_true(++rounds < 100);
    } while (decision_due());
    on_processor(pcpu->id);
}

static void earlier(struct timer *timer, struct timer **first)
{
    if (timer_is_set(timer) && (!*first || timer_deadline(timer) < timer_deadline(*first)))
        *first = timer;
}

static struct timer *first_timer(void)
{
    struct timer *first = NULL;

    for (unsigned id = 0; id < pcpu_count; id++)
        earlier(&pcpus[id].run_queue.slice_timer, &first);
    for (unsigned i = 0; i < VCPUS; i++)
        earlier(&domains[i].cap.timer, &first);
    return first;
}

/* Let all processors run for that long, with the scheduler's timers. */
void run_for(uint64_t nanoseconds)
{
    uint64_t end = now + nanoseconds;
    unsigned here = this_pcpu()->id;
    struct timer *due;

    obey_all();
    while ((due = first_timer()) && timer_deadline(due) <= end) {
        if (timer_deadline(due) > now)
            now = timer_deadline(due);
        timer_cancel(due);
        on_processor(due->pcpu->id);
        due->function(due->argument);
        obey_all();
    }
    on_processor(here);
    now = end;
}

static void vcpu_make(unsigned i, unsigned vcpus_each)
{
    struct domain *domain = &domains[i / vcpus_each];

    if (i % vcpus_each == 0)
        *domain = (struct domain){.id = (domid_t)i, .weight = 256, .vcpu_max = vcpus_each};
    cap_init(domain);
    vcpus[i].domain = domain;
    vcpus[i].id = i % vcpus_each;
    domain->vcpus[i % vcpus_each] = &vcpus[i];
    scheduler_vcpu_init(&vcpus[i]);
}

void machine_make(unsigned processors, unsigned vcpus_each)
{
    memset(pcpus, 0, sizeof(pcpus));
    memset(vcpus, 0, sizeof(vcpus));
    memset(domains, 0, sizeof(domains));
    memset(idles, 0, sizeof(idles));
    memset(sent, 0, sizeof(sent));
    memset(flushed, 0, sizeof(flushed));
    now = SECOND;
    fair_common_floor = 0;
    pcpu_count = processors;
    for (unsigned id = 0; id < processors; id++) {
        pcpus[id].id = id;
        pcpus[id].online = true;
        pcpus[id].idle = pcpus[id].current = &idles[id];
        idles[id].pcpu = &pcpus[id];
        idles[id].running = true;
        scheduler_pcpu_init(&pcpus[id]);
    }
    on_processor(0);
    for (unsigned i = 0; i < VCPUS; i++)
        vcpu_make(i, vcpus_each);
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

void with_round_robin(void (*test)(void))
{
    scheduler_policy = &scheduler_rr;
    test();
    scheduler_policy = &scheduler_fair;
}

void assert_near(uint64_t value, uint64_t expected, uint64_t tolerance)
{
    if (value > expected + tolerance || value + tolerance < expected)
        fail_msg("%lu is not %lu within %lu", value, expected, tolerance);
}

/* ---- running a test on a stack that has a top ---- */

/* Where interrupts are let in and the TLB is flushed: instructions that this process may not
 * execute. */
static void skip_privileged(int number, siginfo_t *information, void *context)
{
    greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    uint8_t opcode = *(const uint8_t *)*rip;

    (void)information;
    const uint8_t *code = (const uint8_t *)*rip;
    bool rex = (code[0] & 0xf0) == 0x40;
    if (code[rex] == 0x0f && (code[rex + 1] == MOV_FROM_CR || code[rex + 1] == MOV_TO_CR))
        *rip += rex + 3;
    else if (opcode == STI || opcode == CLI)
        ++*rip;
    else
        signal(number, SIG_DFL);
}

static void (*test_body)(void);

static void run_body(void)
{
    machine_make(1, 1);
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
