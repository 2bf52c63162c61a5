/* SPDX-License-Identifier: MIT */
/*
 * The sched_op hypercall and its old form: yield, block, poll, shutdown, watchdogs.
 */
#include <stdint.h>

#include <xen/errno.h>
#include <xen/sched.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/domain/watchdog.h"
#include "hypervisor/io/event_channel.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/trace.h"

#define POLL_PORTS_MAX 128
#define SHUTDOWN_WISH  0x100

static long yield(guest_ptr_t argument)
{
    (void)argument;
    trace_vcpu(TRC_SCHED_YIELD, current_vcpu());
    scheduler_yield();
    return 0;
}

static bool something_pending(const struct vcpu *vcpu)
{
    return event_upcall_pending(vcpu) || READ_ONCE(vcpu->nmi_pending);
}

/* Says that it waits, then looks once more: an event after the look finds the bit and clears it. */
static long block(guest_ptr_t argument)
{
    struct vcpu *vcpu = current_vcpu();

    (void)argument;
    WRITE_ONCE(vcpu->info->evtchn_upcall_mask, 0);
    if (something_pending(vcpu))
        return 0;
    vcpu_set_wait(vcpu, VCPU_WAIT_EVENT);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (something_pending(vcpu))
        vcpu_clear_wait(vcpu, VCPU_WAIT_EVENT);
    else
        trace_vcpu(TRC_SCHED_BLOCK, vcpu);
    return 0;
}

static long poll(guest_ptr_t argument)
{
    struct sched_poll request;
    evtchn_port_t ports[POLL_PORTS_MAX];

    if (copy_from_guest(&request, argument, sizeof(request)))
        return -XEN_EFAULT;
    if (request.nr_ports > POLL_PORTS_MAX)
        return -XEN_EINVAL;
    if (copy_from_guest(ports, guest_ptr_of_handle(request.ports),
                        request.nr_ports * sizeof(ports[0])))
        return -XEN_EFAULT;
    return event_poll(current_vcpu(), ports, request.nr_ports, request.timeout);
}

/* A code that the domain has announced goes before the reason given now. */
static void end_domain(struct domain *domain, uint8_t reason)
{
    uint16_t wish = READ_ONCE(domain->shutdown_wish);

    domain_shutdown(domain, wish ? (uint8_t)wish : reason);
}

static long shut_down(guest_ptr_t argument)
{
    struct sched_shutdown request;

    if (copy_from_guest(&request, argument, sizeof(request)))
        return -XEN_EFAULT;
    end_domain(current_domain(), (uint8_t)request.reason);
    return 0;
}

static long set_shutdown_code(guest_ptr_t argument)
{
    struct sched_shutdown request;

    if (copy_from_guest(&request, argument, sizeof(request)))
        return -XEN_EFAULT;
    WRITE_ONCE(current_domain()->shutdown_wish, SHUTDOWN_WISH | (uint8_t)request.reason);
    return 0;
}

static long remote_shutdown(guest_ptr_t argument)
{
    struct sched_remote_shutdown request;

    if (copy_from_guest(&request, argument, sizeof(request)))
        return -XEN_EFAULT;
    struct domain *domain = domain_get_by_id(request.domain_id);
    if (!domain)
        return -XEN_ESRCH;
    long status = -XEN_EPERM;
    if (current_domain()->privileged) {
        end_domain(domain, (uint8_t)request.reason);
        status = 0;
    }
    domain_put(domain);
    return status;
}

static long watchdog(guest_ptr_t argument)
{
    struct sched_watchdog request;

    if (copy_from_guest(&request, argument, sizeof(request)))
        return -XEN_EFAULT;
    return watchdog_set(current_domain(), request.id, request.timeout);
}

static long pin_set(struct vcpu *vcpu, int32_t pcpu)
{
    if (pcpu < 0) {
        if (!vcpu->pin_override)
            return -XEN_EINVAL;
        vcpu->pin_override = 0;
        vcpu_set_affinity(vcpu, vcpu->hard_affinity & pcpu_online_mask());
        return 0;
    }
    if (vcpu->pin_override)
        return -XEN_EBUSY;
    if (!(pcpu_online_mask() >> pcpu & 1))
        return -XEN_EINVAL;
    vcpu->pin_override = 1UL << pcpu;
    vcpu_set_affinity(vcpu, vcpu->pin_override);
    return 0;
}

/* For a while a vcpu runs on this processor only, whatever its affinity; a negative one ends it. */
static long pin_override(guest_ptr_t argument)
{
    struct sched_pin_override request;

    if (!current_domain()->privileged)
        return -XEN_EPERM;
    if (copy_from_guest(&request, argument, sizeof(request)))
        return -XEN_EFAULT;
    if (request.pcpu >= (int32_t)pcpu_count)
        return -XEN_EINVAL;
    mutex_lock(&control_lock);
    long status = pin_set(current_vcpu(), request.pcpu);
    mutex_unlock(&control_lock);
    return status;
}

static long (*const operations[])(guest_ptr_t argument) = {
    [SCHEDOP_yield] = yield,
    [SCHEDOP_block] = block,
    [SCHEDOP_shutdown] = shut_down,
    [SCHEDOP_poll] = poll,
    [SCHEDOP_remote_shutdown] = remote_shutdown,
    [SCHEDOP_shutdown_code] = set_shutdown_code,
    [SCHEDOP_watchdog] = watchdog,
    [SCHEDOP_pin_override] = pin_override,
};

long do_sched_op(uint32_t command, unsigned long address)
{
    if (command >= sizeof(operations) / sizeof(operations[0]))
        return -XEN_ENOSYS;
    return operations[command](guest_ptr(address));
}

/* The form of old guests: the reason of a shutdown is the argument itself. */
long do_sched_op_compat(uint32_t command, unsigned long value)
{
    switch (command) {
    case SCHEDOP_yield:
        return yield(guest_ptr(0));
    case SCHEDOP_block:
        return block(guest_ptr(0));
    case SCHEDOP_shutdown:
        domain_shutdown(current_domain(), (uint8_t)value);
        return 0;
    default:
        return -XEN_ENOSYS;
    }
}
