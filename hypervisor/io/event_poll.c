/* SPDX-License-Identifier: MIT */
/*
 * SCHEDOP_poll. The vcpu first says that it waits, then looks: who signals a port afterwards finds
 * the bit and ends the wait. Any upcall that becomes pending ends a poll too, as in Xen.
 */
#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/io/event_channel.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"

/* 1: one of them is pending; 0: none; -XEN_EINVAL: a port that was never valid (XSA-221). */
static int ports_pending(struct domain *domain, const evtchn_port_t *ports, unsigned count)
{
    uint32_t valid = READ_ONCE(domain->event_channels->port_valid);

    for (unsigned i = 0; i < count; i++) {
        if (ports[i] >= valid)
            return -XEN_EINVAL;
        if (READ_ONCE(domain->shared_info->evtchn_pending[ports[i] / 64]) >> (ports[i] % 64) & 1)
            return 1;
    }
    return 0;
}

long event_poll(struct vcpu *vcpu, const evtchn_port_t *ports, unsigned count, uint64_t deadline)
{
    struct domain *domain = vcpu->domain;

    WRITE_ONCE(vcpu->poll_port, count == 1 ? ports[0] : 0);
    vcpu_set_wait(vcpu, VCPU_WAIT_POLL);
    __atomic_fetch_or(&domain->event_channels->polling, 1u << vcpu->id, __ATOMIC_SEQ_CST);

    int pending = event_upcall_wanted(vcpu) ? 1 : ports_pending(domain, ports, count);
    if (pending) {
        event_poll_end(vcpu);
        return pending < 0 ? pending : 0;
    }
    /* The vcpu stops at the exit loop. A timer left from an earlier poll would end this one. */
    if (deadline)
        timer_set_here(&vcpu->poll_timer, deadline);
    else
        timer_cancel(&vcpu->poll_timer);
    return 0;
}

void event_poll_timeout(void *argument)
{
    event_poll_end(argument);
}
