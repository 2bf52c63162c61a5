/* SPDX-License-Identifier: MIT */
/*
 * Two-level event channels (xen/event_channel.h). Owns struct event_channels of each domain, under
 * its lock (LOCK_LEVEL_EVENT; two domains: spin_lock_two). Sending takes only the two channels'
 * owners' state it needs, no global lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/event_channel.h>
#include <xen/xen.h>

struct domain;
struct vcpu;

int event_channels_create(struct domain *domain);
/* Close all ports (domain destruction). The table itself goes with event_channels_free. */
void event_channels_close_all(struct domain *domain);
void event_channels_free(struct domain *domain);

/* For the hypervisor's own use; harmless when no port is bound. */
void event_send_virq(struct vcpu *vcpu, unsigned virq);
/* Global virqs (VIRQ_CONSOLE, VIRQ_DOM_EXC …) go to vcpu 0 of the first domain. */
void event_send_global_virq(unsigned virq);
/* A physical interrupt bound to a port of its domain. */
void event_send_pirq(struct domain *domain, evtchn_port_t port);

/* Mark a port pending, honouring mask, selector, upcall_pending, pollers. Event lock of `domain`
 * held. */
void event_set_pending_locked(struct domain *domain, evtchn_port_t port);

/* Whether an upcall is wanted now: upcall_pending and not masked. */
bool event_upcall_wanted(const struct vcpu *vcpu);
bool event_upcall_pending(const struct vcpu *vcpu); /* ignoring the mask: for SCHEDOP_block */

/* SCHEDOP_poll: waits on the current vcpu. */
long event_poll(const evtchn_port_t *ports, unsigned count, uint64_t deadline);
/* VCPUOP_register_vcpu_info moved the vcpu's info: re-raise everything pending. */
void event_rescan(struct vcpu *vcpu);
