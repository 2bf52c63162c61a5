/* SPDX-License-Identifier: MIT */
#include "hypervisor/io/event_channel.h"

#include <xen/errno.h>

#include "hypervisor/domain/domain.h"
#include "hypervisor/io/event_bind.h"
#include "hypervisor/memory/frame.h"
#include "hypervisor/processor/cpu.h"
#include "hypervisor/processor/scheduler.h"
#include "hypervisor/processor/trace.h"

#define WORD_BITS 64

_Static_assert(sizeof(struct event_channels) <= PAGE_SIZE, "the table's head is one page");
_Static_assert(sizeof(struct event_channel) == 16, "a page holds a power of two of them");
_Static_assert(EVENT_PORTS_PER_PAGE % EVENT_PORTS_PER_BLOCK == 0, "a block lies in one page");

/*
 * Atomic bit operations on words that a guest may change at any time. The processor finds the word
 * by itself: bit numbers may be those of ports.
 */
static inline bool bit_test_and_set(xen_ulong_t *words, uint64_t bit)
{
    bool was_set;

    asm volatile("lock btsq %2, %0" : "+m"(*words), "=@ccc"(was_set) : "r"(bit) : "memory");
    return was_set;
}

static inline bool bit_test_and_clear(xen_ulong_t *words, uint64_t bit)
{
    bool was_set;

    asm volatile("lock btrq %2, %0" : "+m"(*words), "=@ccc"(was_set) : "r"(bit) : "memory");
    return was_set;
}

static inline bool bit_test(const xen_ulong_t *words, uint64_t bit)
{
    bool is_set;

    asm volatile("btq %2, %1" : "=@ccc"(is_set) : "m"(*words), "r"(bit) : "memory");
    return is_set;
}

int event_channels_create(struct domain *domain)
{
    struct event_channels *channels = frame_allocate_hypervisor(0);

    if (!channels)
        return -XEN_ENOMEM;
    spinlock_init(&channels->lock, LOCK_LEVEL_EVENT);
    channels->port_limit = EVENT_PORTS_MAX;
    channels->port_used = 1;
    domain->event_channels = channels;
    return 0;
}

void event_channels_set_limit(struct domain *domain, uint32_t port_highest)
{
    domain->event_channels->port_limit =
        port_highest < EVENT_PORTS_MAX ? port_highest + 1 : EVENT_PORTS_MAX;
}

void event_channels_close_all(struct domain *domain)
{
    struct event_channels *channels = domain->event_channels;

    if (!channels)
        return;
    spin_lock(&channels->lock);
    channels->closing = true;
    channels->port_limit = 0;
    spin_unlock(&channels->lock);
    event_close_ports(domain);
}

void event_channels_free(struct domain *domain)
{
    struct event_channels *channels = domain->event_channels;

    if (!channels)
        return;
    for (unsigned i = 0; i < EVENT_PAGES; i++)
        if (channels->pages[i])
            frame_free_hypervisor(channels->pages[i], 0);
    frame_free_hypervisor(channels, 0);
    domain->event_channels = NULL;
}

struct event_channel *event_channel_at(struct domain *domain, evtchn_port_t port)
{
    return event_channel_in(domain->event_channels, port);
}

/* Ends the polls that wait for the port, and that of the vcpu that an upcall is pending for. */
static __attribute__((noinline)) void polls_end(struct domain *domain, evtchn_port_t port,
                                                uint32_t polling, const struct vcpu *announced)
{
    for (unsigned id = 0; polling; id++, polling >>= 1) {
        struct vcpu *vcpu = domain->vcpus[id];
        if (!(polling & 1) || !vcpu)
            continue;
        evtchn_port_t wanted = READ_ONCE(vcpu->poll_port);
        if (!wanted || wanted == port || vcpu == announced)
            event_poll_end(vcpu);
    }
}

/* Whether the upcall was not pending before. */
static bool upcall_raise(struct vcpu *vcpu)
{
    return !__atomic_exchange_n(&vcpu->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
}

static __attribute__((noinline, cold)) void
trace_pending(const struct domain *domain, evtchn_port_t port, const struct vcpu *vcpu)
{
    trace(TRACE_EVENT_PENDING, domain->id, port, vcpu->id);
}

static inline void announce(struct domain *domain, evtchn_port_t port, struct vcpu *vcpu)
{
    bool raised = false;

    if (trace_on())
        trace_pending(domain, port, vcpu);
    if (!bit_test(domain->shared_info->evtchn_mask, port) &&
        !bit_test_and_set(&vcpu->info->evtchn_pending_sel, port / WORD_BITS))
        raised = upcall_raise(vcpu);
    /* Who polls says so before it looks: one that is not seen here sees what is pending. */
    uint32_t polling = __atomic_load_n(&domain->event_channels->polling, __ATOMIC_SEQ_CST);
    if (polling)
        polls_end(domain, port, polling, raised ? vcpu : NULL);
    if (raised)
        vcpu_kick(vcpu);
}

/*
 * The port was not pending before. Nobody is told while the vcpu does not exist yet, and it may be
 * pending once more.
 */
static __attribute__((noinline)) long announce_unlock(struct domain *domain, evtchn_port_t port,
                                                      struct event_channels *held)
{
    const struct event_channel *channel = event_channel_existing(domain->event_channels, port);
    struct vcpu *vcpu = domain->vcpus[READ_ONCE(channel->notify_vcpu)];

    if (vcpu)
        announce(domain, port, vcpu);
    else
        bit_test_and_clear(domain->shared_info->evtchn_pending, port);
    spin_give(&held->lock);
    return 0;
}

static inline __attribute__((always_inline)) long
set_pending_unlock(struct domain *domain, evtchn_port_t port, struct event_channels *held)
{
    if (!bit_test_and_set(domain->shared_info->evtchn_pending, port))
        return announce_unlock(domain, port, held);
    spin_give(&held->lock);
    return 0;
}

void event_set_pending_unlock(struct domain *domain, evtchn_port_t port)
{
    set_pending_unlock(domain, port, domain->event_channels);
}

void event_clear_pending(struct domain *domain, evtchn_port_t port)
{
    bit_test_and_clear(domain->shared_info->evtchn_pending, port);
}

long event_send(struct domain *domain, evtchn_port_t port)
{
    struct event_channels *channels = domain->event_channels;
    long status = -XEN_EINVAL;

    spin_take(&channels->lock);
    if (port < channels->port_valid) {
        const struct event_channel *channel = event_channel_existing(channels, port);
        if (channel->state == EVENT_INTERDOMAIN)
            return set_pending_unlock(channel->remote, channel->number, channels);
        if (channel->state == EVENT_IPI)
            return set_pending_unlock(domain, port, channels);
        if (channel->state == EVENT_UNBOUND)
            status = 0; /* nobody listens yet */
    }
    spin_give(&channels->lock);
    return status;
}

static void unmask_locked(struct domain *domain, evtchn_port_t port,
                          const struct event_channel *channel)
{
    struct shared_info *shared = domain->shared_info;
    struct vcpu *vcpu = domain->vcpus[channel->notify_vcpu];

    if (channel->state == EVENT_FREE || !vcpu)
        return;
    if (bit_test_and_clear(shared->evtchn_mask, port) && bit_test(shared->evtchn_pending, port) &&
        !bit_test_and_set(&vcpu->info->evtchn_pending_sel, port / WORD_BITS) &&
        upcall_raise(vcpu)) {
        event_poll_end(vcpu);
        vcpu_kick(vcpu);
    }
}

int event_unmask(struct domain *domain, evtchn_port_t port)
{
    struct event_channels *channels = domain->event_channels;

    spin_lock(&channels->lock);
    const struct event_channel *channel = event_channel_at(domain, port);
    if (channel)
        unmask_locked(domain, port, channel);
    spin_unlock(&channels->lock);
    return channel ? 0 : -XEN_EINVAL;
}

void event_send_virq(struct vcpu *vcpu, unsigned virq)
{
    struct domain *domain = vcpu->domain;
    struct event_channels *channels = domain->event_channels;

    if (!channels)
        return;
    spin_take(&channels->lock);
    evtchn_port_t port = vcpu->virq_port[virq];
    if (port)
        set_pending_unlock(domain, port, channels);
    else
        spin_give(&channels->lock);
}

void event_send_global_virq(unsigned virq)
{
    struct domain *domain = domain_first;

    if (domain && domain->vcpus[0])
        event_send_virq(domain->vcpus[0], virq);
}

void event_send_pirq(struct domain *domain, evtchn_port_t port)
{
    struct event_channels *channels = domain->event_channels;

    spin_take(&channels->lock);
    const struct event_channel *channel = event_channel_in(channels, port);
    if (channel && channel->state == EVENT_PIRQ)
        set_pending_unlock(domain, port, channels);
    else
        spin_give(&channels->lock);
}

bool event_upcall_pending(const struct vcpu *vcpu)
{
    return READ_ONCE(vcpu->info->evtchn_upcall_pending);
}

bool event_upcall_wanted(const struct vcpu *vcpu)
{
    return event_upcall_pending(vcpu) && !READ_ONCE(vcpu->info->evtchn_upcall_mask);
}

/* Everything may be pending: a spurious look costs the guest little, a lost event would hang it. */
void event_rescan(struct vcpu *vcpu)
{
    __atomic_store_n(&vcpu->info->evtchn_pending_sel, ~0UL, __ATOMIC_SEQ_CST);
    __atomic_store_n(&vcpu->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    event_poll_end(vcpu);
    vcpu_kick(vcpu);
}

void event_poll_end(struct vcpu *vcpu)
{
    uint32_t bit = 1u << vcpu->id;

    if (__atomic_fetch_and(&vcpu->domain->event_channels->polling, ~bit, __ATOMIC_SEQ_CST) & bit)
        vcpu_clear_wait(vcpu, VCPU_WAIT_POLL);
}
