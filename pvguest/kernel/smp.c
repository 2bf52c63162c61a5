/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/smp.h"

#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/fault.h"
#include "pvguest/kernel/heap.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/page.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/table.h"
#include "pvguest/kernel/thread.h"
#include "pvguest/kernel/vcpu.h"

#include <stddef.h>
#include <xen/errno.h>
#include <xen/vcpu.h>

#define LEAVING_NS 100000UL /* between two looks whether one has stopped */

/* A function that another virtual CPU shall run; on the stack of who waits for it. */
struct call {
    struct list link;
    void (*function)(void *);
    void *argument;
    struct vcpu *caller;
    bool done;
};

static struct mutex mutex = MUTEX_INIT(mutex); /* one goes up or down at a time */

unsigned int smp_vcpu_count(void)
{
    unsigned int count = 1;

    while (count < VCPU_MAX && hypercall_vcpu_op(VCPUOP_is_up, count, NULL) >= 0)
        count++;
    return count;
}

uint32_t smp_mask(void)
{
    return __atomic_load_n(&vcpus_up, __ATOMIC_ACQUIRE);
}

bool smp_is_up(unsigned int vcpu)
{
    return vcpu < VCPU_MAX && smp_mask() >> vcpu & 1;
}

static struct call *call_take(struct vcpu *vcpu)
{
    struct list *node;

    spin_lock_masked(&vcpu->lock);
    node = list_first(&vcpu->calls);
    if (node)
        list_remove(node);
    spin_unlock_masked(&vcpu->lock);
    return node ? container_of(node, struct call, link) : NULL;
}

/* Who asked goes on as soon as it sees `done`, and the call is gone. */
static void calls_run(struct vcpu *vcpu)
{
    unsigned long masked = events_mask();
    struct call *call;

    while ((call = call_take(vcpu))) {
        struct vcpu *caller = call->caller;

        call->function(call->argument);
        __atomic_store_n(&call->done, true, __ATOMIC_RELEASE);
        wait_queue_wake(&caller->changed);
    }
    events_restore(masked);
}

static void woken(evtchn_port_t port, void *argument)
{
    (void)port;
    calls_run(argument);
}

static bool call_enter(struct vcpu *vcpu, struct call *call)
{
    unsigned long masked = spin_lock(&vcpu->lock);
    bool up = vcpu->up;

    if (up)
        list_push_back(&vcpu->calls, &call->link);
    spin_unlock(&vcpu->lock, masked);
    return up;
}

int smp_call(unsigned int number, void (*function)(void *), void *argument)
{
    struct vcpu *self = vcpu_current();
    struct call call = {.function = function, .argument = argument, .caller = self};

    if (number >= VCPU_MAX || !call_enter(&vcpus[number], &call))
        return -XEN_ENODEV;
    if (number == self->number)
        calls_run(self);
    else
        thread_notify(&vcpus[number]);
    WAIT_UNTIL(&self->changed, __atomic_load_n(&call.done, __ATOMIC_ACQUIRE));
    return 0;
}

/* The wake-up channel: whoever sends an event here gets this one out of a block. */
static void wake_port_start(struct vcpu *vcpu)
{
    int error = event_bind_ipi(&vcpu->wake_port);

    if (!error)
        error = event_bind(vcpu->wake_port, woken, vcpu);
    if (error)
        panic("vcpu %u: no event channel: %d", vcpu->number, error);
}

static void vcpu_set_up(struct vcpu *vcpu, bool up)
{
    uint32_t bit = 1U << vcpu->number;

    if (up)
        __atomic_fetch_or(&vcpus_up, bit, __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_and(&vcpus_up, ~bit, __ATOMIC_SEQ_CST);
    spin_lock_masked(&vcpu->lock);
    vcpu->up = up;
    vcpu->leaving = false;
    spin_unlock_masked(&vcpu->lock);
}

/*
 * The first thread of each but the first: up, down, and on from there. What it has been asked to
 * run before it stopped taking calls it runs before it goes.
 */
static _Noreturn void vcpu_main(void)
{
    struct vcpu *vcpu = vcpu_current();

    fault_start();
    thread_start();
    wake_port_start(vcpu);
    for (;;) {
        vcpu_set_up(vcpu, true);
        wait_queue_wake(&vcpu->changed);
        events_restore(0);
        WAIT_UNTIL(&vcpu->changed, READ_ONCE(vcpu->leaving) && !READ_ONCE(vcpu->threads));
        events_mask();
        vcpu_set_up(vcpu, false);
        calls_run(vcpu);
        wait_queue_wake(&vcpu->changed);
        hypercall_vcpu_op(VCPUOP_down, vcpu->number, NULL);
    }
}

static void context_fill(struct vcpu_guest_context *context, uint64_t stack_pointer)
{
    context->flags = VGCF_in_kernel;
    context->user_regs.rip = (uint64_t)vcpu_main;
    context->user_regs.rsp = context->kernel_sp = stack_pointer;
    context->user_regs.cs = FLAT_KERNEL_CS;
    context->user_regs.ss = context->kernel_ss = FLAT_KERNEL_SS;
    context->ctrlreg[3] = xen_pfn_to_cr3(table_root_mfn());
}

/* Its own place for what the hypervisor tells it, and its events masked until it can take them. */
static int info_register(struct vcpu *vcpu)
{
    struct vcpu_register_vcpu_info place = {
        .mfn = page_mfn(&vcpu->own_info),
        .offset = (uint32_t)((uint64_t)&vcpu->own_info & ~PAGE_MASK),
    };
    int error = hypercall_vcpu_op(VCPUOP_register_vcpu_info, vcpu->number, &place);

    vcpu->own_info.evtchn_upcall_mask = 1;
    return error;
}

/* Once in its life: a stack, registers, a place for its events. */
static int vcpu_prepare(struct vcpu *vcpu)
{
    struct vcpu_guest_context *context = heap_allocate_zeroed(sizeof(*context));
    uint64_t stack_pointer = context ? thread_create_first(vcpu, "idle") : 0;
    int error = -XEN_ENOMEM;

    if (stack_pointer) {
        context_fill(context, stack_pointer);
        error = hypercall_vcpu_op(VCPUOP_initialise, vcpu->number, context);
    }
    if (!error)
        error = info_register(vcpu);
    vcpu->prepared = !error;
    heap_free(context);
    return error;
}

/* The first one, which runs this when it is the only one, needs no way to be woken before. */
static int vcpu_bring_up(struct vcpu *vcpu)
{
    int error = 0;

    if (!vcpus[0].wake_port)
        wake_port_start(&vcpus[0]);
    if (!vcpu->prepared)
        error = vcpu_prepare(vcpu);
    if (!error)
        error = hypercall_vcpu_op(VCPUOP_up, vcpu->number, NULL);
    if (!error)
        WAIT_UNTIL(&vcpu->changed, READ_ONCE(vcpu->up));
    return error;
}

/* It says that it goes before it does; brought up between the two it would be gone for good. */
static void vcpu_take_down(struct vcpu *vcpu)
{
    unsigned long masked = spin_lock(&vcpu->lock);

    vcpu->leaving = true;
    spin_unlock(&vcpu->lock, masked);
    wait_queue_wake(&vcpu->changed);
    WAIT_UNTIL(&vcpu->changed, !READ_ONCE(vcpu->up));
    while (hypercall_vcpu_op(VCPUOP_is_up, vcpu->number, NULL) > 0)
        thread_sleep_ns(LEAVING_NS);
}

int smp_up(unsigned int number)
{
    int error = 0;

    if (number >= VCPU_MAX || hypercall_vcpu_op(VCPUOP_is_up, number, NULL) < 0)
        return -XEN_ENOENT;
    mutex_lock(&mutex);
    if (!smp_is_up(number))
        error = vcpu_bring_up(&vcpus[number]);
    mutex_unlock(&mutex);
    return error;
}

int smp_down(unsigned int number)
{
    if (number == 0 || number >= VCPU_MAX || number == vcpu_current()->number)
        return -XEN_EINVAL;
    mutex_lock(&mutex);
    if (smp_is_up(number))
        vcpu_take_down(&vcpus[number]);
    mutex_unlock(&mutex);
    return 0;
}

int smp_up_all(void)
{
    unsigned int count = smp_vcpu_count();
    int error = 0;

    for (unsigned int number = 1; number < count && !error; number++)
        error = smp_up(number);
    return error;
}
