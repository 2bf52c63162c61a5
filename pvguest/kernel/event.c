/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/event.h"

#include "pvguest/kernel/barrier.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/vcpu.h"

#include <stddef.h>
#include <xen/errno.h>
#include <xen/physdev.h>

#define WORD_BITS  64
#define PORT_COUNT (PORT_WORDS * WORD_BITS)

struct binding {
    event_handler_t *handler;
    void *argument;
    uint32_t pirq_plus_one;
    uint32_t owner; /* the virtual CPU that has the port among its own */
} __attribute__((aligned(32)));

static struct binding bindings[PORT_COUNT];

unsigned long events_mask(void)
{
    struct vcpu_info *info = vcpu_current_info();
    unsigned long was_masked = info->evtchn_upcall_mask;

    WRITE_ONCE(info->evtchn_upcall_mask, 1);
    barrier();
    return was_masked;
}

/* Unmasking looks for what came meanwhile: any hypercall delivers it on its way out. */
void events_restore(unsigned long was_masked)
{
    struct vcpu_info *info = vcpu_current_info();

    barrier();
    if (was_masked)
        return;
    WRITE_ONCE(info->evtchn_upcall_mask, 0);
    barrier();
    if (READ_ONCE(info->evtchn_upcall_pending))
        hypercall_xen_version(0, NULL);
}

/* The processor finds the word by itself: bit numbers may be those of ports. */
static inline void bit_set(xen_ulong_t *words, unsigned long bit)
{
    __asm__ __volatile__("lock btsq %1, %0" : "+m"(*words) : "r"(bit) : "memory", "cc");
}

static inline bool bit_clear(xen_ulong_t *words, unsigned long bit)
{
    bool was_set;

    __asm__ __volatile__("lock btrq %2, %0"
                         : "+m"(*words), "=@ccc"(was_set)
                         : "r"(bit)
                         : "memory", "cc");
    return was_set;
}

bool event_port_pending(evtchn_port_t port)
{
    return READ_ONCE(shared_info->evtchn_pending[port / WORD_BITS]) >> port % WORD_BITS & 1;
}

bool event_port_clear(evtchn_port_t port)
{
    return bit_clear(shared_info->evtchn_pending, port);
}

void event_port_mask(evtchn_port_t port)
{
    bit_set(shared_info->evtchn_mask, port);
}

void event_port_unmask(evtchn_port_t port)
{
    struct evtchn_unmask unmask = {.port = port};

    hypercall_event_channel_op(EVTCHNOP_unmask, &unmask);
}

static __attribute__((noinline)) void pirq_end(uint32_t pirq)
{
    struct physdev_eoi eoi = {.irq = pirq};

    hypercall_physdev_op(PHYSDEVOP_eoi, &eoi);
}

static inline void port_dispatch(evtchn_port_t port)
{
    const struct binding *binding = &bindings[port];

    if (binding->handler)
        binding->handler(port, binding->argument);
    if (binding->pirq_plus_one)
        pirq_end(binding->pirq_plus_one - 1);
}

/*
 * The selectors have been taken down: what becomes pending after a look at its word sets them anew.
 * A word holds the ports of all virtual CPUs; it is looked at again for each port but the last,
 * because a handler may mask or close others.
 */
static inline void selected_dispatch(const struct vcpu *vcpu, xen_ulong_t selectors)
{
    while (selectors) {
        unsigned int word = (unsigned int)__builtin_ctzl(selectors);
        xen_ulong_t ready = READ_ONCE(shared_info->evtchn_pending[word]) &
                            ~READ_ONCE(shared_info->evtchn_mask[word]) &
                            READ_ONCE(vcpu->ports[word]);

        if (!(ready & (ready - 1)))
            selectors &= selectors - 1;
        if (!ready)
            continue;
        evtchn_port_t port = word * WORD_BITS + (unsigned int)__builtin_ctzl(ready);
        bit_clear(shared_info->evtchn_pending, port);
        port_dispatch(port);
    }
}

void event_upcall(void)
{
    const struct vcpu *vcpu = vcpu_current();

    do {
        WRITE_ONCE(vcpu->info->evtchn_upcall_pending, 0);
        selected_dispatch(
            vcpu, __atomic_exchange_n(&vcpu->info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST));
    } while (READ_ONCE(vcpu->info->evtchn_upcall_pending));
}

void event_start(void)
{
    for (size_t word = 0; word < WORD_BITS; word++)
        WRITE_ONCE(shared_info->evtchn_mask[word], ~0UL);
}

int event_bind(evtchn_port_t port, event_handler_t *handler, void *argument)
{
    unsigned long masked;

    if (port >= PORT_COUNT)
        return -XEN_EINVAL;
    masked = events_mask();
    bindings[port].handler = handler;
    bindings[port].argument = argument;
    events_restore(masked);
    event_port_unmask(port);
    return 0;
}

static void port_assign(evtchn_port_t port, struct vcpu *owner)
{
    struct vcpu *before = &vcpus[bindings[port].owner];

    if (before != owner)
        bit_clear(before->ports, port);
    bindings[port].owner = owner->number;
    bit_set(owner->ports, port);
}

/* A port is made or closed: without handler, masked. */
static void port_reset(evtchn_port_t port, uint32_t pirq_plus_one)
{
    unsigned long masked = events_mask();

    event_port_mask(port);
    bindings[port].handler = NULL;
    bindings[port].pirq_plus_one = pirq_plus_one;
    events_restore(masked);
}

/* Nothing is left from its number's earlier life. */
static void port_make(evtchn_port_t port, uint32_t pirq_plus_one, struct vcpu *owner)
{
    port_reset(port, pirq_plus_one);
    event_port_clear(port);
    port_assign(port, owner);
}

int event_move(evtchn_port_t port, unsigned int vcpu)
{
    struct evtchn_bind_vcpu bind = {.port = port, .vcpu = vcpu};
    int error;

    if (port >= PORT_COUNT || vcpu >= VCPU_MAX)
        return -XEN_EINVAL;
    event_port_mask(port);
    error = hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &bind);
    if (!error)
        port_assign(port, &vcpus[vcpu]);
    event_port_unmask(port);
    return error;
}

int event_allocate_unbound(domid_t remote, evtchn_port_t *port)
{
    struct evtchn_alloc_unbound allocate = {.dom = DOMID_SELF, .remote_dom = remote};
    int error = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &allocate);

    if (error)
        return error;
    port_make(allocate.port, 0, &vcpus[0]);
    *port = allocate.port;
    return 0;
}

int event_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = remote, .remote_port = remote_port};
    int error = hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind);

    if (error)
        return error;
    /* The binding makes the port pending at once, by the ABI; that first event is kept. */
    event_port_mask(bind.local_port);
    port_assign(bind.local_port, &vcpus[0]);
    *port = bind.local_port;
    return 0;
}

int event_bind_virq(unsigned int virq, evtchn_port_t *port)
{
    struct vcpu *vcpu = vcpu_current();
    struct evtchn_bind_virq bind = {.virq = virq, .vcpu = vcpu->number};
    int error = hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind);

    if (error)
        return error;
    port_make(bind.port, 0, vcpu);
    *port = bind.port;
    return 0;
}

int event_bind_ipi(evtchn_port_t *port)
{
    struct vcpu *vcpu = vcpu_current();
    struct evtchn_bind_ipi bind = {.vcpu = vcpu->number};
    int error = hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind);

    if (error)
        return error;
    port_make(bind.port, 0, vcpu);
    *port = bind.port;
    return 0;
}

int event_bind_pirq(unsigned int pirq, bool share, evtchn_port_t *port)
{
    struct evtchn_bind_pirq bind = {.pirq = pirq, .flags = share ? BIND_PIRQ__WILL_SHARE : 0};
    int error = hypercall_event_channel_op(EVTCHNOP_bind_pirq, &bind);

    if (error)
        return error;
    port_make(bind.port, pirq + 1, &vcpus[0]);
    *port = bind.port;
    return 0;
}

int event_close(evtchn_port_t port)
{
    struct evtchn_close close = {.port = port};

    if (port >= PORT_COUNT)
        return -XEN_EINVAL;
    port_reset(port, 0);
    return hypercall_event_channel_op(EVTCHNOP_close, &close);
}

void event_notify(evtchn_port_t port)
{
    struct evtchn_send send = {.port = port};

    hypercall_event_channel_op(EVTCHNOP_send, &send);
}

int event_own_domain(domid_t *domain)
{
    struct evtchn_status status = {.dom = DOMID_SELF};
    evtchn_port_t near, far;
    int error = event_allocate_unbound(DOMID_SELF, &near);

    if (error)
        return error;
    error = event_bind_interdomain(DOMID_SELF, near, &far);
    if (error)
        goto close_near;
    status.port = near;
    error = hypercall_event_channel_op(EVTCHNOP_status, &status);
    *domain = status.u.interdomain.dom;
    event_close(far);
close_near:
    event_close(near);
    return error;
}
