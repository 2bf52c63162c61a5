/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/thread.h"

#include "lib/string.h"
#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/vcpu.h"

#include <stddef.h>
#include <xen/errno.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define SWITCH_REGISTERS 6

/*
 * A thread runs, or it is in its virtual CPU's list of those that may, or it is asleep: then it is
 * on the timers' list if it has a deadline, and in a wait queue. Who wakes it up for another reason
 * than the queue leaves it in there; it takes itself out.
 */
struct thread {
    struct list waiting; /* the queue's lock; the rest that changes: the vcpu's */
    struct list ready, timed;
    bool asleep, timed_out;
    struct vcpu *vcpu;
    uint64_t stack_pointer;
    uint64_t deadline;
    const char *name;
    void (*function)(void *);
    void *argument;
    void *stack;
    struct catch *catch;
};

struct thread thread_main = {
    .ready = {&thread_main.ready, &thread_main.ready},
    .waiting = {&thread_main.waiting, &thread_main.waiting},
    .timed = {&thread_main.timed, &thread_main.timed},
    .vcpu = &vcpus[0],
    .name = "main",
};

void thread_switch_stack(uint64_t *saved, uint64_t next);

struct thread *thread_current(void)
{
    return vcpu_current()->current;
}

const char *thread_name(const struct thread *thread)
{
    return thread->name;
}

struct catch *thread_catch(void)
{
    return thread_current()->catch;
}

void thread_set_catch(struct catch *catch)
{
    thread_current()->catch = catch;
}

void thread_notify(struct vcpu *vcpu)
{
    if (vcpu != vcpu_current() && vcpu->wake_port)
        event_notify(vcpu->wake_port);
}

/* The thread's vcpu is locked. */
static void thread_wake_locked(struct thread *thread, bool timed_out)
{
    if (!thread->asleep)
        return;
    thread->asleep = false;
    thread->timed_out = timed_out;
    list_remove(&thread->timed);
    list_push_back(&thread->vcpu->ready, &thread->ready);
}

static void thread_wake(struct thread *thread)
{
    struct vcpu *vcpu = thread->vcpu;
    bool idle;

    spin_lock_masked(&vcpu->lock);
    thread_wake_locked(thread, false);
    idle = vcpu->idle;
    vcpu->idle = false;
    spin_unlock_masked(&vcpu->lock);
    if (idle)
        thread_notify(vcpu);
}

static struct thread *timers_first(struct vcpu *vcpu)
{
    struct list *node = list_first(&vcpu->timers);

    return node ? container_of(node, struct thread, timed) : NULL;
}

static void timers_expire(evtchn_port_t port, void *argument)
{
    struct vcpu *vcpu = argument;
    struct thread *thread;

    (void)port;
    spin_lock_masked(&vcpu->lock);
    while ((thread = timers_first(vcpu)) && thread->deadline <= clock_monotonic_ns())
        thread_wake_locked(thread, true);
    if (thread)
        clock_set_timer(thread->deadline);
    spin_unlock_masked(&vcpu->lock);
}

static void timers_insert_locked(struct vcpu *vcpu, struct thread *thread)
{
    struct list *before = &vcpu->timers;

    list_for_each(node, &vcpu->timers)
    {
        if (container_of(node, struct thread, timed)->deadline > thread->deadline)
            break;
        before = node;
    }
    list_insert_after(before, &thread->timed);
    if (before == &vcpu->timers)
        clock_set_timer(thread->deadline);
}

/* The thread that ran here before has exited, and nobody uses its stack any more. */
static void finished_free(struct vcpu *vcpu)
{
    struct thread *finished = vcpu->finished;

    if (!finished)
        return;
    vcpu->finished = NULL;
    page_free(finished->stack, STACK_ORDER);
    heap_free(finished);
}

/* The first of those that may run; without any, what wakes one up sends an event from now on. */
static struct thread *ready_take(struct vcpu *vcpu)
{
    struct list *node;

    spin_lock_masked(&vcpu->lock);
    node = list_first(&vcpu->ready);
    if (node)
        list_remove(node);
    vcpu->idle = !node;
    spin_unlock_masked(&vcpu->lock);
    return node ? container_of(node, struct thread, ready) : NULL;
}

/*
 * Give the processor to the next ready thread; events are masked and stay so. Blocking unmasks
 * them in the hypervisor in one step with going to sleep, so that no wake-up is lost.
 */
static void thread_schedule(struct vcpu *vcpu)
{
    struct thread *previous = vcpu->current, *next;

    while (!(next = ready_take(vcpu))) {
        hypercall_sched_op(SCHEDOP_block, NULL);
        events_mask();
    }
    if (next == previous)
        return;
    vcpu->current = next;
    thread_switch_stack(&previous->stack_pointer, next->stack_pointer);
    finished_free(vcpu);
}

static _Noreturn void thread_begin(void)
{
    struct vcpu *vcpu = vcpu_current();

    finished_free(vcpu);
    events_restore(0);
    vcpu->current->function(vcpu->current->argument);
    thread_exit();
}

static struct thread *thread_make(struct vcpu *vcpu, const char *name)
{
    struct thread *thread = heap_allocate_zeroed(sizeof(*thread));

    if (!thread)
        return NULL;
    thread->stack = page_allocate(STACK_ORDER);
    if (!thread->stack) {
        heap_free(thread);
        return NULL;
    }
    thread->name = name;
    thread->vcpu = vcpu;
    list_init(&thread->ready);
    list_init(&thread->waiting);
    list_init(&thread->timed);
    vcpu_own_stack(vcpu, thread->stack);
    return thread;
}

static uint64_t *stack_top(const struct thread *thread)
{
    return (uint64_t *)((char *)thread->stack + STACK_SIZE);
}

/* False when its virtual CPU takes no threads. */
static bool thread_enter(struct thread *thread)
{
    struct vcpu *vcpu = thread->vcpu;
    unsigned long masked = spin_lock(&vcpu->lock);
    bool welcome = vcpu->up && !vcpu->leaving;

    if (welcome) {
        vcpu->threads++;
        list_push_back(&vcpu->ready, &thread->ready);
    }
    spin_unlock(&vcpu->lock, masked);
    if (welcome)
        thread_notify(vcpu);
    return welcome;
}

struct thread *thread_create_on(unsigned int number, const char *name, void (*function)(void *),
                                void *argument)
{
    struct thread *thread = number < VCPU_MAX ? thread_make(&vcpus[number], name) : NULL;
    uint64_t *top;

    if (!thread)
        return NULL;
    thread->function = function;
    thread->argument = argument;
    /* As if it had called thread_switch_stack() from thread_begin()'s first instruction. */
    top = stack_top(thread);
    *--top = 0;
    *--top = (uint64_t)thread_begin;
    thread->stack_pointer = (uint64_t)(top - SWITCH_REGISTERS);
    if (thread_enter(thread))
        return thread;
    page_free(thread->stack, STACK_ORDER);
    heap_free(thread);
    return NULL;
}

struct thread *thread_create(const char *name, void (*function)(void *), void *argument)
{
    return thread_create_on(vcpu_current()->number, name, function, argument);
}

uint64_t thread_create_first(struct vcpu *vcpu, const char *name)
{
    if (!vcpu->current)
        vcpu->current = thread_make(vcpu, name);
    return vcpu->current ? (uint64_t)(stack_top(vcpu->current) - 1) : 0;
}

void thread_yield(void)
{
    unsigned long masked = events_mask();
    struct vcpu *vcpu = vcpu_current();

    spin_lock_masked(&vcpu->lock);
    list_push_back(&vcpu->ready, &vcpu->current->ready);
    spin_unlock_masked(&vcpu->lock);
    thread_schedule(vcpu);
    events_restore(masked);
}

_Noreturn void thread_exit(void)
{
    struct vcpu *vcpu = vcpu_current();

    ASSERT(vcpu->current != &thread_main);
    events_mask();
    vcpu->finished = vcpu->current;
    spin_lock_masked(&vcpu->lock);
    vcpu->threads--;
    spin_unlock_masked(&vcpu->lock);
    if (READ_ONCE(vcpu->leaving))
        wait_queue_wake(&vcpu->changed);
    thread_schedule(vcpu);
    panic("a finished thread ran again");
}

void wait_queue_init(struct wait_queue *queue)
{
    memset(queue, 0, sizeof(*queue));
    list_init(&queue->waiters);
}

void wait_queue_wake(struct wait_queue *queue)
{
    unsigned long masked = spin_lock(&queue->lock);
    struct list *node;

    queue->wakes++;
    while ((node = list_first(&queue->waiters))) {
        list_remove(node);
        thread_wake(container_of(node, struct thread, waiting));
    }
    spin_unlock(&queue->lock, masked);
}

/* Into the queue and to sleep in one step, unless it has been woken meanwhile. */
static bool wait_queue_enter(struct wait_queue *queue, struct thread *thread, uint32_t seen)
{
    struct vcpu *vcpu = thread->vcpu;
    bool enters;

    spin_lock_masked(&queue->lock);
    enters = queue->wakes == seen;
    if (enters) {
        list_push_back(&queue->waiters, &thread->waiting);
        spin_lock_masked(&vcpu->lock);
        thread->asleep = true;
        thread->timed_out = false;
        if (thread->deadline != WAIT_FOR_EVER)
            timers_insert_locked(vcpu, thread);
        spin_unlock_masked(&vcpu->lock);
    }
    spin_unlock_masked(&queue->lock);
    return enters;
}

/* Who woke us up holds the queue's lock until it is done with us, so we pass it, too. */
bool wait_queue_sleep(struct wait_queue *queue, uint32_t seen, uint64_t deadline_ns)
{
    struct vcpu *vcpu = vcpu_current();
    struct thread *thread = vcpu->current;

    if (deadline_ns != WAIT_FOR_EVER && deadline_ns <= clock_monotonic_ns())
        return false;
    thread->deadline = deadline_ns;
    if (!wait_queue_enter(queue, thread, seen))
        return true;
    thread_schedule(vcpu);
    spin_lock_masked(&queue->lock);
    list_remove(&thread->waiting);
    spin_unlock_masked(&queue->lock);
    return !thread->timed_out;
}

void thread_sleep_ns(uint64_t nanoseconds)
{
    struct wait_queue nobody = WAIT_QUEUE_INIT(nobody);
    uint64_t deadline = clock_monotonic_ns() + nanoseconds;

    (void)WAIT_UNTIL_DEADLINE(&nobody, false, deadline);
}

void mutex_init(struct mutex *mutex)
{
    memset(mutex, 0, sizeof(*mutex));
    wait_queue_init(&mutex->queue);
}

void mutex_lock(struct mutex *mutex)
{
    uint64_t ticket = __atomic_fetch_add(&mutex->next_ticket, 1, __ATOMIC_RELAXED);

    ASSERT(mutex->owner != thread_current());
    WAIT_UNTIL(&mutex->queue, __atomic_load_n(&mutex->now_serving, __ATOMIC_ACQUIRE) == ticket);
    mutex->owner = thread_current();
}

void mutex_unlock(struct mutex *mutex)
{
    ASSERT(mutex->owner == thread_current());
    mutex->owner = NULL;
    __atomic_store_n(&mutex->now_serving, mutex->now_serving + 1, __ATOMIC_RELEASE);
    wait_queue_wake(&mutex->queue);
}

void thread_start(void)
{
    struct vcpu *vcpu = vcpu_current();
    evtchn_port_t port;
    int error;

    /* A hypervisor without the periodic timer has nothing to stop. */
    hypercall_vcpu_op(VCPUOP_stop_periodic_timer, vcpu->number, NULL);
    error = event_bind_virq(VIRQ_TIMER, &port);
    if (!error)
        error = event_bind(port, timers_expire, vcpu);
    if (error)
        panic("no timer: %d", error);
}
