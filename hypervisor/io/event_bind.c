/* SPDX-License-Identifier: MIT */
#include "hypervisor/io/event_bind.h"

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/io/event_channel.h"
#include "hypervisor/io/irq.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"

static struct vcpu *vcpu_at(struct domain *domain, uint32_t id)
{
    return id < VCPU_MAX ? domain->vcpus[id] : NULL;
}

bool event_virq_is_global(unsigned virq)
{
    switch (virq) {
    case VIRQ_TIMER:
    case VIRQ_DEBUG:
    case VIRQ_XENOPROF:
    case VIRQ_XENPMU:
        return false;
    default:
        return true;
    }
}

/* Make one more block of ports valid. */
static int table_grow_locked(struct event_channels *channels)
{
    unsigned page = channels->port_valid / EVENT_PORTS_PER_PAGE;

    if (channels->port_valid >= channels->port_limit)
        return -XEN_ENOSPC;
    if (!channels->pages[page]) {
        channels->pages[page] = frame_allocate_hypervisor(0);
        if (!channels->pages[page])
            return -XEN_ENOMEM;
    }
    WRITE_ONCE(channels->port_valid, channels->port_valid + EVENT_PORTS_PER_BLOCK);
    return 0;
}

static int port_search_locked(struct event_channels *channels, evtchn_port_t *port)
{
    if (channels->closing)
        return -XEN_EINVAL;
    for (*port = channels->port_used; *port < channels->port_limit; ++*port) {
        if (*port >= channels->port_valid) {
            int status = table_grow_locked(channels);
            if (status)
                return status;
        }
        if (event_channel_existing(channels, *port)->state == EVENT_FREE) {
            channels->port_used = *port;
            return 0;
        }
    }
    return -XEN_ENOSPC;
}

/* The lowest free port, which the caller will use, and its channel; port 0 never is. */
static int port_find_locked(struct event_channels *channels, evtchn_port_t *port,
                            struct event_channel **channel)
{
    int status = port_search_locked(channels, port);

    if (!status)
        *channel = event_channel_existing(channels, *port);
    return status;
}

static inline long unbound_make_unlock(struct event_channels *channels,
                                       struct evtchn_alloc_unbound *operation, evtchn_port_t port)
{
    struct event_channel *channel = event_channel_existing(channels, port);

    channel->state = EVENT_UNBOUND;
    channel->remote_id = operation->remote_dom;
    spin_give(&channels->lock);
    operation->port = port;
    return 0;
}

static __attribute__((noinline)) long unbound_search_unlock(struct event_channels *channels,
                                                            struct evtchn_alloc_unbound *operation)
{
    evtchn_port_t port;
    int status = port_search_locked(channels, &port);

    if (!status)
        return unbound_make_unlock(channels, operation, port);
    spin_unlock(&channels->lock);
    return status;
}

/* Mostly the port to begin the search at is free. */
long event_alloc_unbound_in(struct domain *domain, struct evtchn_alloc_unbound *operation)
{
    struct event_channels *channels = domain->event_channels;

    spin_take(&channels->lock);
    evtchn_port_t port = channels->port_used;
    if (port < channels->port_limit && port < channels->port_valid &&
        event_channel_existing(channels, port)->state == EVENT_FREE)
        return unbound_make_unlock(channels, operation, port);
    return unbound_search_unlock(channels, operation);
}

__attribute__((noinline)) long event_alloc_unbound(struct evtchn_alloc_unbound *operation)
{
    int status;
    struct domain *domain = domain_get_for(operation->dom, &status);

    if (!domain)
        return status;
    status = event_alloc_unbound_in(domain, operation);
    domain_put(domain);
    return status;
}

static int bind_interdomain_locked(struct domain *local, struct domain *remote,
                                   struct evtchn_bind_interdomain *operation)
{
    struct event_channel *near, *far;
    int status = port_find_locked(local->event_channels, &operation->local_port, &near);

    if (status)
        return status;
    far = event_channel_at(remote, operation->remote_port);
    if (!far || far->state != EVENT_UNBOUND || far->remote_id != local->id)
        return -XEN_EINVAL;
    *near = (struct event_channel){
        .state = EVENT_INTERDOMAIN,
        .remote_id = remote->id,
        .number = operation->remote_port,
        .remote = remote,
    };
    far->state = EVENT_INTERDOMAIN;
    far->number = operation->local_port;
    far->remote = local;
    return 0;
}

int event_bind_interdomain(struct domain *domain, struct evtchn_bind_interdomain *operation)
{
    domid_t id = operation->remote_dom == DOMID_SELF ? domain->id : operation->remote_dom;
    struct domain *remote = domain_get_by_id(id);

    if (!remote)
        return -XEN_ESRCH;
    spin_lock_two(&domain->event_channels->lock, &remote->event_channels->lock);
    int status = bind_interdomain_locked(domain, remote, operation);
    if (remote != domain)
        spin_unlock(&remote->event_channels->lock);
    /* The other side may have signalled before anyone listened. */
    if (!status)
        event_set_pending_unlock(domain, operation->local_port);
    else
        spin_unlock(&domain->event_channels->lock);
    domain_put(remote);
    return status;
}

static int bind_virq_locked(struct domain *domain, struct vcpu *vcpu,
                            struct evtchn_bind_virq *operation)
{
    struct event_channel *channel;

    if (vcpu->virq_port[operation->virq])
        return -XEN_EEXIST;
    int status = port_find_locked(domain->event_channels, &operation->port, &channel);
    if (status)
        return status;
    channel->state = EVENT_VIRQ;
    channel->notify_vcpu = (uint8_t)vcpu->id;
    channel->number = operation->virq;
    vcpu->virq_port[operation->virq] = operation->port;
    return 0;
}

int event_bind_virq(struct domain *domain, struct evtchn_bind_virq *operation)
{
    if (operation->virq >= NR_VIRQS)
        return -XEN_EINVAL;
    if (event_virq_is_global(operation->virq) && operation->vcpu != 0)
        return -XEN_EINVAL;
    struct vcpu *vcpu = vcpu_at(domain, operation->vcpu);
    if (!vcpu)
        return -XEN_ENOENT;
    spin_lock(&domain->event_channels->lock);
    int status = bind_virq_locked(domain, vcpu, operation);
    spin_unlock(&domain->event_channels->lock);
    return status;
}

int event_bind_ipi(struct domain *domain, struct evtchn_bind_ipi *operation)
{
    struct event_channel *channel;

    if (!vcpu_at(domain, operation->vcpu))
        return -XEN_ENOENT;
    spin_lock(&domain->event_channels->lock);
    int status = port_find_locked(domain->event_channels, &operation->port, &channel);
    if (!status) {
        channel->state = EVENT_IPI;
        channel->notify_vcpu = (uint8_t)operation->vcpu;
    }
    spin_unlock(&domain->event_channels->lock);
    return status;
}

/* The port exists before the interrupt can fire; undone when the interrupt cannot be bound. */
int event_bind_pirq(struct domain *domain, struct evtchn_bind_pirq *operation)
{
    struct event_channel *channel;

    spin_lock(&domain->event_channels->lock);
    int status = port_find_locked(domain->event_channels, &operation->port, &channel);
    if (!status) {
        channel->state = EVENT_PIRQ;
        channel->number = operation->pirq;
        status = irq_bind(domain, operation->pirq, operation->port,
                          operation->flags & BIND_PIRQ__WILL_SHARE);
        if (status)
            *channel = (struct event_channel){0};
    }
    spin_unlock(&domain->event_channels->lock);
    return status;
}

static int bind_vcpu_locked(struct event_channel *channel, uint8_t vcpu)
{
    if (!channel)
        return -XEN_EINVAL;
    switch (channel->state) {
    case EVENT_VIRQ:
        if (!event_virq_is_global(channel->number))
            return -XEN_EINVAL;
        break;
    case EVENT_UNBOUND:
    case EVENT_INTERDOMAIN:
    case EVENT_PIRQ:
        break;
    default:
        return -XEN_EINVAL;
    }
    WRITE_ONCE(channel->notify_vcpu, vcpu);
    return 0;
}

int event_bind_vcpu(struct domain *domain, const struct evtchn_bind_vcpu *operation)
{
    if (!vcpu_at(domain, operation->vcpu))
        return -XEN_ENOENT;
    spin_lock(&domain->event_channels->lock);
    int status =
        bind_vcpu_locked(event_channel_at(domain, operation->port), (uint8_t)operation->vcpu);
    spin_unlock(&domain->event_channels->lock);
    return status;
}

static int status_locked(struct domain *domain, struct evtchn_status *operation)
{
    const struct event_channel *channel = event_channel_at(domain, operation->port);

    if (!channel)
        return -XEN_EINVAL;
    operation->status = channel->state;
    operation->vcpu = channel->notify_vcpu;
    switch (channel->state) {
    case EVENT_UNBOUND:
        operation->u.unbound.dom = channel->remote_id;
        break;
    case EVENT_INTERDOMAIN:
        operation->u.interdomain.dom = channel->remote_id;
        operation->u.interdomain.port = channel->number;
        break;
    case EVENT_PIRQ:
        operation->u.pirq = channel->number;
        break;
    case EVENT_VIRQ:
        operation->u.virq = channel->number;
        break;
    }
    return 0;
}

int event_status(struct evtchn_status *operation)
{
    int status;
    struct domain *domain = domain_get_for(operation->dom, &status);

    if (!domain)
        return status;
    spin_lock(&domain->event_channels->lock);
    status = status_locked(domain, operation);
    spin_unlock(&domain->event_channels->lock);
    domain_put(domain);
    return status;
}

static void virq_release_locked(struct domain *domain, unsigned virq, evtchn_port_t port)
{
    for (unsigned id = 0; id < VCPU_MAX; id++) {
        struct vcpu *vcpu = domain->vcpus[id];
        if (vcpu && vcpu->virq_port[virq] == port)
            vcpu->virq_port[virq] = 0;
    }
}

static inline void port_free_locked(struct domain *domain, evtchn_port_t port,
                                    struct event_channel *channel)
{
    event_clear_pending(domain, port);
    *channel = (struct event_channel){0};
    if (port < domain->event_channels->port_used)
        domain->event_channels->port_used = port;
}

/* All states but a connection to another domain, which needs that domain's lock as well. */
static int close_locked(struct domain *domain, evtchn_port_t port, struct event_channel *channel)
{
    switch (channel->state) {
    case EVENT_FREE:
        return -XEN_EINVAL;
    case EVENT_PIRQ:
        irq_unbind(domain, channel->number, port);
        break;
    case EVENT_VIRQ:
        virq_release_locked(domain, channel->number, port);
        break;
    case EVENT_INTERDOMAIN: {
        struct event_channel *far = event_channel_at(channel->remote, channel->number);
        far->state = EVENT_UNBOUND;
        far->number = 0;
        far->remote = NULL;
        break;
    }
    }
    port_free_locked(domain, port, channel);
    return 0;
}

/* One try: returns the other end's domain, referenced, if its lock is needed as well. */
static struct domain *close_alone(struct domain *domain, evtchn_port_t port, int *status)
{
    struct domain *remote = NULL;

    spin_lock(&domain->event_channels->lock);
    struct event_channel *channel = event_channel_at(domain, port);
    if (!channel)
        *status = -XEN_EINVAL;
    else if (channel->state != EVENT_INTERDOMAIN || channel->remote == domain)
        *status = close_locked(domain, port, channel);
    else {
        remote = channel->remote;
        if (!domain_get(remote))
            remote = NULL;
    }
    spin_unlock(&domain->event_channels->lock);
    return remote;
}

static __attribute__((noinline)) long close_bound(struct domain *domain, evtchn_port_t port)
{
    int status = -XEN_EINVAL;
    struct domain *remote = close_alone(domain, port, &status);

    while (remote) {
        /* The connection may have changed while no lock was held. */
        spin_lock_two(&domain->event_channels->lock, &remote->event_channels->lock);
        struct event_channel *channel = event_channel_at(domain, port);
        bool same = channel->state == EVENT_INTERDOMAIN && channel->remote == remote;
        if (same)
            status = close_locked(domain, port, channel);
        spin_unlock_two(&domain->event_channels->lock, &remote->event_channels->lock);
        domain_put(remote);
        remote = same ? NULL : close_alone(domain, port, &status);
    }
    return status;
}

long event_close(struct domain *domain, evtchn_port_t port)
{
    struct event_channels *channels = domain->event_channels;

    spin_take(&channels->lock);
    struct event_channel *channel = event_channel_in(channels, port);
    bool alone = channel && channel->state == EVENT_UNBOUND;
    if (alone)
        port_free_locked(domain, port, channel);
    spin_give(&channels->lock);
    return alone ? 0 : close_bound(domain, port);
}

void event_close_ports(struct domain *domain)
{
    struct event_channels *channels = domain->event_channels;

    for (evtchn_port_t port = 1; port < READ_ONCE(channels->port_valid); port++) {
        event_close(domain, port);
        preempt_point();
    }
}

int event_reset(struct domain *caller, domid_t id)
{
    int status;
    struct domain *domain = domain_get_for(id, &status);

    if (!domain)
        return status;
    status = -XEN_EINVAL;
    if (domain == caller || READ_ONCE(domain->controller_paused)) {
        event_close_ports(domain);
        status = 0;
    }
    domain_put(domain);
    return status;
}
