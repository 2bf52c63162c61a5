/* SPDX-License-Identifier: MIT */
/*
 * Two-level event channels (xen/event_channel.h): the table of each domain's ports, who is told
 * when one is signalled, and the hypervisor's own signals. Binding and closing: event_bind.h.
 *
 * Owns struct event_channels, under its lock (LOCK_LEVEL_EVENT). What connects two domains is
 * changed under both locks (spin_lock_two), so that either lock alone keeps a connection as it is:
 * sending takes only the sender's. The pending, mask and selector words lie in memory that the
 * guest writes; they are changed by atomic bit operations and never believed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/event_channel.h>
#include <xen/xen.h>

#include "hypervisor/layout.h"
#include "hypervisor/processor/lock.h"

struct domain;
struct vcpu;

#define EVENT_PORTS_MAX       EVTCHN_2L_NR_CHANNELS
#define EVENT_PORTS_PER_PAGE  (PAGE_SIZE / sizeof(struct event_channel))
#define EVENT_PORTS_PER_BLOCK 64 /* ports become valid in steps of this, as in Xen */
#define EVENT_PAGES           (EVENT_PORTS_MAX / EVENT_PORTS_PER_PAGE)

/* The number is also what EVTCHNOP_status answers. */
enum event_state {
    EVENT_FREE = EVTCHNSTAT_closed,
    EVENT_UNBOUND = EVTCHNSTAT_unbound,
    EVENT_INTERDOMAIN = EVTCHNSTAT_interdomain,
    EVENT_PIRQ = EVTCHNSTAT_pirq,
    EVENT_VIRQ = EVTCHNSTAT_virq,
    EVENT_IPI = EVTCHNSTAT_ipi,
};

struct event_channel {
    uint8_t state;         /* enum event_state */
    uint8_t notify_vcpu;   /* whose upcall announces it */
    domid_t remote_id;     /* unbound: who may bind to it; interdomain: the other end */
    uint32_t number;       /* interdomain: the other end's port; pirq; virq */
    struct domain *remote; /* interdomain; lives as long as the connection */
};

struct event_channels {
    struct spinlock lock;
    bool closing;        /* the domain dies: no new channels */
    uint32_t port_limit; /* highest port + 1 that may be allocated; 0 when closing */
    uint32_t port_valid; /* ports below have a struct event_channel */
    uint32_t port_used;  /* ports from 1 on and below are in use: where to look for a free one */
    uint32_t polling;    /* atomic: vcpus in SCHEDOP_poll */
    struct event_channel *pages[EVENT_PAGES];
};

int event_channels_create(struct domain *domain);
/* XEN_DOMCTL_createdomain's max_evtchn_port. */
void event_channels_set_limit(struct domain *domain, uint32_t port_highest);
/* Close all ports for good (domain destruction). The table itself goes with event_channels_free. */
void event_channels_close_all(struct domain *domain);
void event_channels_free(struct domain *domain);

/* Of a port that is known to be valid. Event lock held. */
static inline struct event_channel *event_channel_existing(const struct event_channels *channels,
                                                           evtchn_port_t port)
{
    return &channels->pages[port / EVENT_PORTS_PER_PAGE][port % EVENT_PORTS_PER_PAGE];
}

/* NULL if the port has never been valid. */
static inline struct event_channel *event_channel_in(const struct event_channels *channels,
                                                     evtchn_port_t port)
{
    return port < channels->port_valid ? event_channel_existing(channels, port) : NULL;
}

struct event_channel *event_channel_at(struct domain *domain, evtchn_port_t port);

/* EVTCHNOP_send. */
long event_send(struct domain *domain, evtchn_port_t port);
/* EVTCHNOP_unmask. */
int event_unmask(struct domain *domain, evtchn_port_t port);

/* For the hypervisor's own use; harmless when no port is bound. */
void event_send_virq(struct vcpu *vcpu, unsigned virq);
/* Global virqs (VIRQ_CONSOLE, VIRQ_DOM_EXC …) go to vcpu 0 of the first domain. */
void event_send_global_virq(unsigned virq);
/* A physical interrupt bound to a port of its domain. */
void event_send_pirq(struct domain *domain, evtchn_port_t port);

/*
 * Mark a port pending, honouring mask, selector, upcall_pending, pollers. The event lock of
 * `domain` is held, and released here.
 */
void event_set_pending_unlock(struct domain *domain, evtchn_port_t port);

/* Forget that a port was signalled. Event lock held. */
void event_clear_pending(struct domain *domain, evtchn_port_t port);

/* Whether an upcall is wanted now: upcall_pending and not masked. */
bool event_upcall_wanted(const struct vcpu *vcpu);
bool event_upcall_pending(const struct vcpu *vcpu); /* ignoring the mask: for SCHEDOP_block */

/* SCHEDOP_poll: the vcpu, the current one, waits when it gets to the exit loop (event_poll.c). */
long event_poll(struct vcpu *vcpu, const evtchn_port_t *ports, unsigned count, uint64_t deadline);
/* The poll timer of a vcpu fired: argument is the vcpu. */
void event_poll_timeout(void *argument);
/* End a poll, whatever the vcpu waits for. */
void event_poll_end(struct vcpu *vcpu);

/* VCPUOP_register_vcpu_info moved the vcpu's info: re-raise everything pending. */
void event_rescan(struct vcpu *vcpu);
