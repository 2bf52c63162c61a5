/* SPDX-License-Identifier: MIT */
/*
 * Event channels of this domain. A handler runs in the upcall with all events masked: it notes
 * what happened, wakes a wait queue and returns; it must not wait. Each port is handled by one
 * virtual CPU: the one that an IPI or VIRQ was bound on, otherwise the first.
 *
 * The table of handlers needs no lock: a port's entry changes while the port is masked, or on the
 * virtual CPU that handles it. So that one closes it, or gives it another handler.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <xen/event_channel.h>
#include <xen/xen.h>

typedef void event_handler_t(evtchn_port_t port, void *argument);

/* Give a port its handler and unmask it. A port bound to a pirq is acknowledged afterwards. */
int event_bind(evtchn_port_t port, event_handler_t *handler, void *argument);

/*
 * New ports start masked; bind them to a handler with event_bind(). VIRQs and IPIs are those of the
 * calling virtual CPU; global VIRQs exist on the first only.
 */
int event_allocate_unbound(domid_t remote, evtchn_port_t *port);
int event_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port);
int event_bind_virq(unsigned int virq, evtchn_port_t *port);
int event_bind_ipi(evtchn_port_t *port);
int event_bind_pirq(unsigned int pirq, bool share, evtchn_port_t *port);

/* Forget the handler and close the port. */
int event_close(evtchn_port_t port);

/* Let another virtual CPU handle a port, neither IPI nor VIRQ of one. On the one that does so. */
int event_move(evtchn_port_t port, unsigned int vcpu);

void event_notify(evtchn_port_t port);

/* This domain's number, as a channel to itself shows it: a grant names it, DOMID_SELF is none. */
int event_own_domain(domid_t *domain);

/* Hold a port back and let it through again; what came meanwhile is delivered then. */
void event_port_mask(evtchn_port_t port);
void event_port_unmask(evtchn_port_t port);

/* Whether a port's pending bit is set, and the same while clearing it. */
bool event_port_pending(evtchn_port_t port);
bool event_port_clear(evtchn_port_t port);

/* Mask all events; returns what events_restore() wants. Nests. */
unsigned long events_mask(void);
void events_restore(unsigned long was_masked);

/* Called by the upcall entry; dispatches everything pending. */
void event_upcall(void);

/* Called once by start. */
void event_start(void);
