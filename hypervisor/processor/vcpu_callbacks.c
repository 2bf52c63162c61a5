/* SPDX-License-Identifier: MIT */
/*
 * What a guest registers for its own vcpu: trap table, callbacks, kernel stack.
 */
#include <stdint.h>

#include <xen/xen.h>

#include <xen/callback.h>
#include <xen/nmi.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/segment.h"
#include "hypervisor/processor/vcpu.h"

#define TRAP_COUNT 256

/* xen/arch-x86/xen.h, struct trap_info: a list ended by an entry without an address. */
long do_set_trap_table(unsigned long address)
{
    struct vcpu_guest *guest = &current_vcpu()->guest;
    guest_ptr_t list = guest_ptr(address);

    if (!list.address) {
        for (unsigned i = 0; i < TRAP_COUNT; i++)
            guest->traps[i].address = 0;
        return 0;
    }
    for (unsigned i = 0; i <= TRAP_COUNT; i++) {
        struct trap_info trap;
        if (copy_from_guest(&trap, guest_ptr_at(list, i, sizeof(trap)), sizeof(trap)))
            return -XEN_EFAULT;
        if (!trap.address)
            return 0;
        if (!address_canonical(trap.address))
            return -XEN_EINVAL;
        guest->traps[trap.vector].address = trap.address;
        guest->traps[trap.vector].selector = trap.cs | 3;
        guest->traps[trap.vector].flags = trap.flags & 7;
        guest->traps[trap.vector].masks_events = trap.flags & TRAP_MASKS_EVENTS;
        preempt_point();
    }
    return -XEN_EINVAL; /* more entries than there are vectors */
}

SPARES_REGISTERS long do_stack_switch(unsigned long selector, unsigned long stack)
{
    struct vcpu_guest *guest = &current_vcpu()->guest;

    guest->kernel_stack_selector = (uint16_t)(selector | 3);
    guest->kernel_stack = stack;
    return 0;
}

/* 0 as address takes a callback away. */
long do_set_callbacks(uint64_t event, uint64_t failsafe, uint64_t syscall)
{
    struct vcpu_guest *guest = &current_vcpu()->guest;

    if (!address_canonical(event) || !address_canonical(failsafe) || !address_canonical(syscall))
        return -XEN_EINVAL;
    guest->event_callback = event;
    guest->failsafe_callback = failsafe;
    guest->syscall_callback = syscall;
    guest->failsafe_masks_events = guest->syscall_masks_events = false;
    return 0;
}

static long callback_register(const struct callback_register *request)
{
    struct vcpu_guest *guest = &current_vcpu()->guest;
    bool masks_events = request->flags & CALLBACKF_mask_events;

    if (!address_canonical(request->address))
        return -XEN_EINVAL;
    switch (request->type) {
    case CALLBACKTYPE_event:
        guest->event_callback = request->address;
        return 0;
    case CALLBACKTYPE_failsafe:
        guest->failsafe_callback = request->address;
        guest->failsafe_masks_events = masks_events;
        return 0;
    case CALLBACKTYPE_syscall:
        guest->syscall_callback = request->address;
        guest->syscall_masks_events = masks_events;
        return 0;
    case CALLBACKTYPE_syscall32:
        guest->syscall32_callback = request->address;
        guest->syscall32_masks_events = masks_events;
        return 0;
    case CALLBACKTYPE_sysenter:
        return 0; /* accepted as Xen does; the instruction itself raises #GP here (docs/abi.md) */
    case CALLBACKTYPE_nmi:
        guest->nmi_callback = request->address;
        return 0;
    default:
        return -XEN_ENOSYS;
    }
}

static long callback_unregister(const struct callback_unregister *request)
{
    struct vcpu_guest *guest = &current_vcpu()->guest;

    switch (request->type) {
    case CALLBACKTYPE_event:
    case CALLBACKTYPE_failsafe:
    case CALLBACKTYPE_syscall:
    case CALLBACKTYPE_syscall32:
    case CALLBACKTYPE_sysenter:
        return -XEN_EINVAL;
    case CALLBACKTYPE_nmi:
        guest->nmi_callback = 0;
        return 0;
    default:
        return -XEN_ENOSYS;
    }
}

long do_callback_op(unsigned long command, unsigned long address)
{
    struct callback_register request;
    struct callback_unregister removal;

    switch (command) {
    case CALLBACKOP_register:
        if (copy_from_guest(&request, guest_ptr(address), sizeof(request)))
            return -XEN_EFAULT;
        return callback_register(&request);
    case CALLBACKOP_unregister:
        if (copy_from_guest(&removal, guest_ptr(address), sizeof(removal)))
            return -XEN_EFAULT;
        return callback_unregister(&removal);
    default:
        return -XEN_ENOSYS;
    }
}

long do_nmi_op(unsigned long command, unsigned long address)
{
    struct vcpu_guest *guest = &current_vcpu()->guest;
    struct xennmi_callback request;

    switch (command) {
    case XENNMI_register_callback:
        if (copy_from_guest(&request, guest_ptr(address), sizeof(request)))
            return -XEN_EFAULT;
        if (!address_canonical(request.handler_address))
            return -XEN_EINVAL;
        guest->nmi_callback = request.handler_address;
        return 0;
    case XENNMI_unregister_callback:
        guest->nmi_callback = 0;
        return 0;
    default:
        return -XEN_ENOSYS;
    }
}
