/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/thread.h"

#include "lib/string.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"

#include <stddef.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define STACK_ORDER      3
#define SWITCH_REGISTERS 6

/* A thread is in at most one wait queue, on the timer list if it has a deadline, or ready. */
struct thread {
    struct list ready, waiting, timed;
    uint64_t stack_pointer;
    uint64_t deadline;
    bool timed_out;
    const char *name;
    void (*function)(void *);
    void *argument;
    void *stack;
    struct catch *catch;
};

static struct thread first_thread = {
    .ready = {&first_thread.ready, &first_thread.ready},
    .waiting = {&first_thread.waiting, &first_thread.waiting},
    .timed = {&first_thread.timed, &first_thread.timed},
    .name = "main",
};
static struct thread *current = &first_thread;
static struct thread *finished; /* its stack is freed by who runs next */
static struct list ready = {&ready, &ready};
static struct list timers = {&timers, &timers}; /* by deadline */

void thread_switch_stack(uint64_t *saved, uint64_t next);

struct thread *thread_current(void)
{
    return current;
}

const char *thread_name(const struct thread *thread)
{
    return thread->name;
}

struct catch *thread_catch(void)
{
    return current->catch;
}

void thread_set_catch(struct catch *catch)
{
    current->catch = catch;
}

static void thread_wake(struct thread *thread, bool timed_out)
{
    thread->timed_out = timed_out;
    list_remove(&thread->waiting);
    list_remove(&thread->timed);
    list_push_back(&ready, &thread->ready);
}

static struct thread *timers_first(void)
{
    struct list *node = list_first(&timers);

    return node ? container_of(node, struct thread, timed) : NULL;
}

static void timers_expire(evtchn_port_t port, void *argument)
{
    uint64_t now = clock_monotonic_ns();
    struct thread *thread;

    (void)port;
    (void)argument;
    while ((thread = timers_first()) && thread->deadline <= now)
        thread_wake(thread, true);
    if (thread)
        clock_set_timer(thread->deadline);
}

static void timers_insert(struct thread *thread)
{
    struct list *before = &timers;

    list_for_each(node, &timers)
    {
        if (container_of(node, struct thread, timed)->deadline > thread->deadline)
            break;
        before = node;
    }
    list_insert_after(before, &thread->timed);
    if (before == &timers)
        clock_set_timer(thread->deadline);
}

static void finished_free(void)
{
    if (!finished)
        return;
    page_free(finished->stack, STACK_ORDER);
    heap_free(finished);
    finished = NULL;
}

/*
 * Give the processor to the next ready thread; events are masked and stay so. Blocking unmasks
 * them in the hypervisor in one step with going to sleep, so that no wake-up is lost.
 */
static void thread_schedule(void)
{
    struct thread *previous = current, *next;

    while (list_empty(&ready)) {
        hypercall_sched_op(SCHEDOP_block, NULL);
        events_mask();
    }
    next = container_of(list_first(&ready), struct thread, ready);
    list_remove(&next->ready);
    if (next == previous)
        return;
    current = next;
    thread_switch_stack(&previous->stack_pointer, next->stack_pointer);
    finished_free();
}

static _Noreturn void thread_begin(void)
{
    finished_free();
    events_restore(0);
    current->function(current->argument);
    thread_exit();
}

struct thread *thread_create(const char *name, void (*function)(void *), void *argument)
{
    struct thread *thread = heap_allocate_zeroed(sizeof(*thread));
    uint64_t *top;
    unsigned long masked;

    if (!thread)
        return NULL;
    thread->stack = page_allocate(STACK_ORDER);
    if (!thread->stack) {
        heap_free(thread);
        return NULL;
    }
    thread->name = name;
    thread->function = function;
    thread->argument = argument;
    list_init(&thread->ready);
    list_init(&thread->waiting);
    list_init(&thread->timed);

    /* As if it had called thread_switch_stack() from thread_begin()'s first instruction. */
    top = (uint64_t *)((char *)thread->stack + (PAGE_SIZE << STACK_ORDER));
    *--top = 0;
    *--top = (uint64_t)thread_begin;
    thread->stack_pointer = (uint64_t)(top - SWITCH_REGISTERS);

    masked = events_mask();
    list_push_back(&ready, &thread->ready);
    events_restore(masked);
    return thread;
}

void thread_yield(void)
{
    unsigned long masked = events_mask();

    list_push_back(&ready, &current->ready);
    thread_schedule();
    events_restore(masked);
}

_Noreturn void thread_exit(void)
{
    ASSERT(current != &first_thread);
    events_mask();
    finished = current;
    thread_schedule();
    panic("a finished thread ran again");
}

void wait_queue_init(struct wait_queue *queue)
{
    list_init(&queue->waiters);
}

void wait_queue_wake(struct wait_queue *queue)
{
    unsigned long masked = events_mask();
    struct list *node;

    while ((node = list_first(&queue->waiters)))
        thread_wake(container_of(node, struct thread, waiting), false);
    events_restore(masked);
}

bool wait_queue_sleep(struct wait_queue *queue, uint64_t deadline_ns)
{
    if (deadline_ns != WAIT_FOR_EVER) {
        if (deadline_ns <= clock_monotonic_ns())
            return false;
        current->deadline = deadline_ns;
        timers_insert(current);
    }
    list_push_back(&queue->waiters, &current->waiting);
    thread_schedule();
    return !current->timed_out;
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
    uint64_t ticket = mutex->next_ticket++;

    ASSERT(mutex->owner != current);
    WAIT_UNTIL(&mutex->queue, mutex->now_serving == ticket);
    mutex->owner = current;
}

void mutex_unlock(struct mutex *mutex)
{
    ASSERT(mutex->owner == current);
    mutex->owner = NULL;
    mutex->now_serving++;
    wait_queue_wake(&mutex->queue);
}

void thread_start(void)
{
    evtchn_port_t port;
    int error;

    /* A hypervisor without the periodic timer has nothing to stop. */
    hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
    error = event_bind_virq(VIRQ_TIMER, &port);
    if (!error)
        error = event_bind(port, timers_expire, NULL);
    if (error)
        panic("no timer: %d", error);
}
