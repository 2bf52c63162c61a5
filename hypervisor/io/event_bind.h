/* SPDX-License-Identifier: MIT */
/*
 * Making, inspecting and closing event channels: one function for each EVTCHNOP_* that changes
 * what a port is. `domain` is the caller's unless the operation names another. 0 or the errno that
 * Xen gives. Locks: event_channel.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xen/event_channel.h>

struct domain;

long event_alloc_unbound(struct evtchn_alloc_unbound *operation);
long event_alloc_unbound_in(struct domain *domain, struct evtchn_alloc_unbound *operation);
int event_bind_interdomain(struct domain *domain, struct evtchn_bind_interdomain *operation);
int event_bind_virq(struct domain *domain, struct evtchn_bind_virq *operation);
int event_bind_ipi(struct domain *domain, struct evtchn_bind_ipi *operation);
int event_bind_pirq(struct domain *domain, struct evtchn_bind_pirq *operation);
int event_bind_vcpu(struct domain *domain, const struct evtchn_bind_vcpu *operation);
int event_status(struct evtchn_status *operation);
long event_close(struct domain *domain, evtchn_port_t port);
/* EVTCHNOP_reset by `caller`: another domain must be paused by its controller. */
int event_reset(struct domain *caller, domid_t id);
/* Close every port; sleeps between them. */
void event_close_ports(struct domain *domain);
/* Whether all vcpus of a domain share the virq (it is bound on vcpu 0). */
bool event_virq_is_global(unsigned virq);
