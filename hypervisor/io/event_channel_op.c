/* SPDX-License-Identifier: MIT */
/*
 * The event_channel_op hypercall: a table of sub-operations, and one place that copies their
 * arguments. A result that cannot be written back is refused before anything has changed.
 */
#include <stddef.h>

#include "hypervisor/dispatcher/hypercall.h"
#include "hypervisor/domain/domain.h"
#include "hypervisor/io/event_bind.h"
#include "hypervisor/io/event_channel.h"
#include "hypervisor/memory/guest_copy.h"
#include "hypervisor/memory/guest_word.h"

union event_argument {
    struct evtchn_alloc_unbound alloc_unbound;
    struct evtchn_bind_interdomain bind_interdomain;
    struct evtchn_bind_virq bind_virq;
    struct evtchn_bind_pirq bind_pirq;
    struct evtchn_bind_ipi bind_ipi;
    struct evtchn_status status;
    struct evtchn_bind_vcpu bind_vcpu;
    uint64_t first;
    uint32_t quarters[6];
};

_Static_assert(sizeof(union event_argument) == 6 * sizeof(uint32_t), "none is longer");

static long op_bind_interdomain(struct domain *domain, union event_argument *argument)
{
    return event_bind_interdomain(domain, &argument->bind_interdomain);
}

static long op_bind_virq(struct domain *domain, union event_argument *argument)
{
    return event_bind_virq(domain, &argument->bind_virq);
}

static long op_bind_pirq(struct domain *domain, union event_argument *argument)
{
    return event_bind_pirq(domain, &argument->bind_pirq);
}

static long op_status(struct domain *domain, union event_argument *argument)
{
    (void)domain;
    return event_status(&argument->status);
}

static long op_alloc_unbound(struct domain *domain, union event_argument *argument)
{
    if (argument->alloc_unbound.remote_dom == DOMID_SELF)
        argument->alloc_unbound.remote_dom = domain->id;
    if (argument->alloc_unbound.dom == DOMID_SELF)
        return event_alloc_unbound_in(domain, &argument->alloc_unbound);
    return event_alloc_unbound(&argument->alloc_unbound);
}

static long op_bind_ipi(struct domain *domain, union event_argument *argument)
{
    return event_bind_ipi(domain, &argument->bind_ipi);
}

static long op_bind_vcpu(struct domain *domain, union event_argument *argument)
{
    return event_bind_vcpu(domain, &argument->bind_vcpu);
}

struct event_operation {
    long (*handler)(struct domain *domain, union event_argument *argument);
    uint8_t size;
    bool copies_out;
};

/*
 * What takes more than a port or a domain. EVTCHNOP_init_control, expand_array and set_priority
 * belong to FIFO channels: not offered.
 */
static const struct event_operation operations[] = {
    [EVTCHNOP_bind_interdomain] = {op_bind_interdomain, sizeof(struct evtchn_bind_interdomain),
                                   true},
    [EVTCHNOP_bind_virq] = {op_bind_virq, sizeof(struct evtchn_bind_virq), true},
    [EVTCHNOP_bind_pirq] = {op_bind_pirq, sizeof(struct evtchn_bind_pirq), true},
    [EVTCHNOP_status] = {op_status, sizeof(struct evtchn_status), true},
    [EVTCHNOP_alloc_unbound] = {op_alloc_unbound, sizeof(struct evtchn_alloc_unbound), true},
    [EVTCHNOP_bind_ipi] = {op_bind_ipi, sizeof(struct evtchn_bind_ipi), true},
    [EVTCHNOP_bind_vcpu] = {op_bind_vcpu, sizeof(struct evtchn_bind_vcpu), false},
};

/* What an argument has beyond eight bytes. */
static __attribute__((noinline)) bool rest_in(union event_argument *copy,
                                              const union event_argument *guest, unsigned size)
{
    bool failed = false;

    guest_access_begin();
    for (unsigned i = 2; i < size / 4; i++)
        guest_word_read(copy->quarters[i], &guest->quarters[i], failed);
    guest_access_end();
    return !failed;
}

static __attribute__((noinline)) bool rest_out(const union event_argument *copy,
                                               union event_argument *guest, unsigned size)
{
    guest_access_begin();
    for (unsigned i = 2; i < size / 4; i++)
        guest_word_write(copy->quarters[i], &guest->quarters[i], failed);
    guest_access_end();
    return true;

failed:
    guest_access_end();
    return false;
}

/* Most have eight bytes, none less. */
static inline bool argument_in(union event_argument *copy, unsigned long address, unsigned size)
{
    const union event_argument *guest = (const union event_argument *)address;
    bool failed =
        !guest_words_ok(address, sizeof(*copy)) && !guest_range_ok(guest_ptr(address), size);

    if (failed)
        return false;
    guest_access_begin();
    guest_word_read(copy->first, &guest->first, failed);
    guest_access_end();
    return !failed && (size <= sizeof(copy->first) || rest_in(copy, guest, size));
}

static inline bool argument_out(const union event_argument *copy, unsigned long address,
                                unsigned size)
{
    union event_argument *guest = (union event_argument *)address;

    guest_access_begin();
    guest_word_write(copy->first, &guest->first, failed);
    guest_access_end();
    return size <= sizeof(copy->first) || rest_out(copy, guest, size);

failed:
    guest_access_end();
    return false;
}

static __attribute__((noinline, cold)) long reset(unsigned long address)
{
    struct evtchn_reset argument;

    if (copy_from_guest(&argument, guest_ptr(address), sizeof(argument)))
        return -XEN_EFAULT;
    return event_reset(current_domain(), argument.dom);
}

static __attribute__((noinline)) long operate(unsigned long command, unsigned long address)
{
    const struct event_operation *operation = &operations[command];
    union event_argument copy;

    if (command >= sizeof(operations) / sizeof(operations[0]))
        return command == EVTCHNOP_reset ? reset(address) : -XEN_ENOSYS;
    if (!argument_in(&copy, address, operation->size))
        return -XEN_EFAULT;
    if (!operation->copies_out)
        return operation->handler(current_domain(), &copy);
    if (!argument_out(&copy, address, operation->size))
        return -XEN_EFAULT;
    long status = operation->handler(current_domain(), &copy);
    if (status)
        return status;
    return argument_out(&copy, address, operation->size) ? 0 : -XEN_EFAULT;
}

_Static_assert(sizeof(struct evtchn_send) == sizeof(evtchn_port_t) &&
                   sizeof(struct evtchn_close) == sizeof(evtchn_port_t) &&
                   sizeof(struct evtchn_unmask) == sizeof(evtchn_port_t),
               "the argument of these is a port");

static inline bool port_in(evtchn_port_t *port, unsigned long address)
{
    bool failed = !guest_words_ok(address, sizeof(*port));

    if (failed)
        return false;
    guest_access_begin();
    guest_word_read(*port, (const evtchn_port_t *)address, failed);
    guest_access_end();
    return !failed;
}

static __attribute__((noinline)) long close_or_unmask(unsigned long command, unsigned long address)
{
    evtchn_port_t port;

    if (!port_in(&port, address))
        return -XEN_EFAULT;
    if (command == EVTCHNOP_close)
        return event_close(current_domain(), port);
    return event_unmask(current_domain(), port);
}

/* The most frequent one by far comes first. */
long do_event_channel_op(unsigned long command, unsigned long address)
{
    evtchn_port_t port;

    if (command == EVTCHNOP_send)
        return port_in(&port, address) ? event_send(current_domain(), port) : -XEN_EFAULT;
    if (command == EVTCHNOP_close || command == EVTCHNOP_unmask)
        return close_or_unmask(command, address);
    return operate(command, address);
}
