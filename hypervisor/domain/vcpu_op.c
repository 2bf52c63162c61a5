/* SPDX-License-Identifier: MIT */
/*
 * The vcpu_op hypercall: a table of sub-operations on one vcpu of the caller's domain.
 */
#include <stdint.h>

#include <xen/sched.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/domain/vcpu_area.h"
#include "hypervisor/domain/vcpu_timer.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"

/* struct vcpu_guest_context does not fit on a stack. */
#define CONTEXT_ORDER 1
_Static_assert(sizeof(struct vcpu_guest_context) <= PAGE_SIZE << CONTEXT_ORDER, "");

/* Looked at and done under one lock: a second one would take the tables of a vcpu that runs. */
static long initialise_once(struct vcpu *vcpu, const struct vcpu_guest_context *context)
{
    mutex_lock(&vcpu->domain->context_lock);
    long status = vcpu->initialised ? -XEN_EEXIST : vcpu_set_context(vcpu, context);
    mutex_unlock(&vcpu->domain->context_lock);
    return status;
}

static long initialise(struct vcpu *vcpu, guest_ptr_t argument)
{
    struct vcpu_guest_context *context = frame_allocate_hypervisor(CONTEXT_ORDER);
    long status = -XEN_EFAULT;

    if (!context)
        return -XEN_ENOMEM;
    if (copy_from_guest(context, argument, sizeof(*context)))
        goto free;
    status = initialise_once(vcpu, context);
    if (!status && (context->flags & VGCF_online))
        vcpu_clear_wait(vcpu, VCPU_WAIT_DOWN);
free:
    frame_free_hypervisor(context, CONTEXT_ORDER);
    return status;
}

static long bring_up(struct vcpu *vcpu, guest_ptr_t argument)
{
    (void)argument;
    if (!vcpu->initialised)
        return -XEN_EINVAL;
    vcpu_clear_wait(vcpu, VCPU_WAIT_DOWN);
    return 0;
}

static bool is_down(const struct vcpu *vcpu)
{
    return READ_ONCE(vcpu->wait) & VCPU_WAIT_DOWN;
}

/* The last one that goes down ends the domain. */
static long bring_down(struct vcpu *vcpu, guest_ptr_t argument)
{
    struct domain *domain = vcpu->domain;

    (void)argument;
    for (unsigned id = 0; id < VCPU_MAX; id++) {
        const struct vcpu *other = domain->vcpus[id];
        if (other && other != vcpu && !is_down(other)) {
            vcpu_set_wait(vcpu, VCPU_WAIT_DOWN);
            return 0;
        }
    }
    domain_shutdown(domain, SHUTDOWN_poweroff);
    return 0;
}

static long is_up(struct vcpu *vcpu, guest_ptr_t argument)
{
    (void)argument;
    return !is_down(vcpu);
}

static long get_runstate(struct vcpu *vcpu, guest_ptr_t argument)
{
    struct vcpu_runstate_info state;

    vcpu_runstate_get(vcpu, &state);
    return copy_to_guest(argument, &state, sizeof(state));
}

static long register_runstate(struct vcpu *vcpu, guest_ptr_t argument)
{
    struct vcpu_register_runstate_memory_area area;

    if (copy_from_guest(&area, argument, sizeof(area)))
        return -XEN_EFAULT;
    return vcpu_area_register_runstate(vcpu, area.addr.p);
}

static long register_time(struct vcpu *vcpu, guest_ptr_t argument)
{
    struct vcpu_register_time_memory_area area;

    if (copy_from_guest(&area, argument, sizeof(area)))
        return -XEN_EFAULT;
    return vcpu_area_register_time(vcpu, area.addr.p);
}

static long register_info(struct vcpu *vcpu, guest_ptr_t argument)
{
    struct vcpu_register_vcpu_info info;

    if (copy_from_guest(&info, argument, sizeof(info)))
        return -XEN_EFAULT;
    return vcpu_area_register_info(vcpu, info.mfn, info.offset);
}

static long set_periodic(struct vcpu *vcpu, guest_ptr_t argument)
{
    struct vcpu_set_periodic_timer timer;

    if (copy_from_guest(&timer, argument, sizeof(timer)))
        return -XEN_EFAULT;
    return vcpu_timer_set_periodic(vcpu, timer.period_ns);
}

static long stop_periodic(struct vcpu *vcpu, guest_ptr_t argument)
{
    (void)argument;
    vcpu_timer_stop_periodic(vcpu);
    return 0;
}

static long set_singleshot(struct vcpu *vcpu, guest_ptr_t argument)
{
    struct vcpu_set_singleshot_timer timer;

    if (vcpu != current_vcpu())
        return -XEN_EINVAL;
    if (copy_from_guest(&timer, argument, sizeof(timer)))
        return -XEN_EFAULT;
    if ((timer.flags & VCPU_SSHOTTMR_future) && timer.timeout_abs_ns < clock_now())
        return -XEN_ETIME;
    vcpu_timer_set(vcpu, timer.timeout_abs_ns);
    return 0;
}

static long stop_singleshot(struct vcpu *vcpu, guest_ptr_t argument)
{
    (void)argument;
    if (vcpu != current_vcpu())
        return -XEN_EINVAL;
    vcpu_timer_stop(vcpu);
    return 0;
}

static long send_nmi(struct vcpu *vcpu, guest_ptr_t argument)
{
    if (argument.address)
        return -XEN_EINVAL;
    if (!__atomic_exchange_n(&vcpu->nmi_pending, 1, __ATOMIC_SEQ_CST)) {
        vcpu->exit_work = true;
        vcpu_kick(vcpu);
    }
    return 0;
}

/* Only a vcpu bound to one processor for good has one to tell of; there is no such binding. */
static long get_physical_id(struct vcpu *vcpu, guest_ptr_t argument)
{
    (void)vcpu;
    (void)argument;
    return -XEN_EINVAL;
}

static long (*const operations[])(struct vcpu *vcpu, guest_ptr_t argument) = {
    [VCPUOP_initialise] = initialise,
    [VCPUOP_up] = bring_up,
    [VCPUOP_down] = bring_down,
    [VCPUOP_is_up] = is_up,
    [VCPUOP_get_runstate_info] = get_runstate,
    [VCPUOP_register_runstate_memory_area] = register_runstate,
    [VCPUOP_set_periodic_timer] = set_periodic,
    [VCPUOP_stop_periodic_timer] = stop_periodic,
    [VCPUOP_set_singleshot_timer] = set_singleshot,
    [VCPUOP_stop_singleshot_timer] = stop_singleshot,
    [VCPUOP_register_vcpu_info] = register_info,
    [VCPUOP_send_nmi] = send_nmi,
    [VCPUOP_get_physid] = get_physical_id,
    [VCPUOP_register_vcpu_time_memory_area] = register_time,
};

long do_vcpu_op(uint32_t command, uint32_t id, unsigned long address)
{
    struct vcpu *vcpu = id < VCPU_MAX ? current_domain()->vcpus[id] : NULL;

    if (!vcpu)
        return -XEN_ENOENT;
    if (command >= sizeof(operations) / sizeof(operations[0]))
        return -XEN_ENOSYS;
    return operations[command](vcpu, guest_ptr(address));
}
