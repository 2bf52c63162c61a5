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
    struct evtchn_close close;
    struct evtchn_status status;
    struct evtchn_bind_vcpu bind_vcpu;
    struct evtchn_unmask unmask;
    struct evtchn_reset reset;
    uint64_t words[3];
    uint32_t halves[6];
};

_Static_assert(sizeof(union event_argument) == 3 * sizeof(uint64_t), "as many words as bytes");

static int op_bind_interdomain(union event_argument *argument)
{
    return event_bind_interdomain(current_domain(), &argument->bind_interdomain);
}

static int op_bind_virq(union event_argument *argument)
{
    return event_bind_virq(current_domain(), &argument->bind_virq);
}

static int op_bind_pirq(union event_argument *argument)
{
    return event_bind_pirq(current_domain(), &argument->bind_pirq);
}

static int op_close(union event_argument *argument)
{
    return event_close(current_domain(), argument->close.port);
}

/* The most frequent one by far: not by way of the table. */
static __attribute__((noinline)) long send(unsigned long address)
{
    evtchn_port_t port;
    bool failed = !guest_words_ok(address, sizeof(struct evtchn_send));

    if (failed)
        return -XEN_EFAULT;
    guest_access_begin();
    guest_word_read(port, &((const struct evtchn_send *)address)->port, failed);
    guest_access_end();
    return failed ? -XEN_EFAULT : event_send(current_domain(), port);
}

static int op_status(union event_argument *argument)
{
    return event_status(&argument->status);
}

static int op_alloc_unbound(union event_argument *argument)
{
    struct domain *domain = current_domain();

    if (argument->alloc_unbound.remote_dom == DOMID_SELF)
        argument->alloc_unbound.remote_dom = domain->id;
    if (argument->alloc_unbound.dom == DOMID_SELF)
        return event_alloc_unbound_in(domain, &argument->alloc_unbound);
    return event_alloc_unbound(&argument->alloc_unbound);
}

static int op_bind_ipi(union event_argument *argument)
{
    return event_bind_ipi(current_domain(), &argument->bind_ipi);
}

static int op_bind_vcpu(union event_argument *argument)
{
    return event_bind_vcpu(current_domain(), &argument->bind_vcpu);
}

static int op_unmask(union event_argument *argument)
{
    return event_unmask(current_domain(), argument->unmask.port);
}

static int op_reset(union event_argument *argument)
{
    return event_reset(current_domain(), argument->reset.dom);
}

struct event_operation {
    int (*handler)(union event_argument *argument);
    uint8_t size;
    bool copies_out;
};

/* EVTCHNOP_init_control, expand_array and set_priority belong to FIFO channels: not offered. */
static const struct event_operation operations[] = {
    [EVTCHNOP_bind_interdomain] = {op_bind_interdomain, sizeof(struct evtchn_bind_interdomain),
                                   true},
    [EVTCHNOP_bind_virq] = {op_bind_virq, sizeof(struct evtchn_bind_virq), true},
    [EVTCHNOP_bind_pirq] = {op_bind_pirq, sizeof(struct evtchn_bind_pirq), true},
    [EVTCHNOP_close] = {op_close, sizeof(struct evtchn_close), false},
    [EVTCHNOP_status] = {op_status, sizeof(struct evtchn_status), true},
    [EVTCHNOP_alloc_unbound] = {op_alloc_unbound, sizeof(struct evtchn_alloc_unbound), true},
    [EVTCHNOP_bind_ipi] = {op_bind_ipi, sizeof(struct evtchn_bind_ipi), true},
    [EVTCHNOP_bind_vcpu] = {op_bind_vcpu, sizeof(struct evtchn_bind_vcpu), false},
    [EVTCHNOP_unmask] = {op_unmask, sizeof(struct evtchn_unmask), false},
    [EVTCHNOP_reset] = {op_reset, sizeof(struct evtchn_reset), false},
};

/* The argument in its pieces: words of eight bytes, then four, then the two of struct evtchn_reset.
 */
static inline bool argument_in(union event_argument *copy, unsigned long address, unsigned size)
{
    const uint64_t *guest = (const uint64_t *)address;
    bool failed =
        !guest_words_ok(address, sizeof(*copy)) && !guest_range_ok(guest_ptr(address), size);
    unsigned i = 0;

    if (failed)
        return false;
    guest_access_begin();
    for (; i < size / 8; i++)
        guest_word_read(copy->words[i], &guest[i], failed);
    if (size & 4)
        guest_word_read(copy->halves[2 * i], (const uint32_t *)&guest[i], failed);
    if (size & 2)
        guest_word_read(copy->reset.dom, (const domid_t *)address, failed);
    guest_access_end();
    return !failed;
}

/* Of an operation that has results: no such argument has two bytes. */
static inline bool argument_out(const union event_argument *copy, unsigned long address,
                                unsigned size)
{
    uint64_t *guest = (uint64_t *)address;
    unsigned i = 0;

    guest_access_begin();
    for (; i < size / 8; i++)
        guest_word_write(copy->words[i], &guest[i], failed);
    if (size & 4)
        guest_word_write(copy->halves[2 * i], (uint32_t *)&guest[i], failed);
    guest_access_end();
    return true;

failed:
    guest_access_end();
    return false;
}

static __attribute__((noinline)) long operate(unsigned long command, unsigned long address)
{
    union event_argument copy;

    if (command >= sizeof(operations) / sizeof(operations[0]) || !operations[command].handler)
        return -XEN_ENOSYS;
    const struct event_operation *operation = &operations[command];
    if (!argument_in(&copy, address, operation->size))
        return -XEN_EFAULT;
    if (operation->copies_out && !argument_out(&copy, address, operation->size))
        return -XEN_EFAULT;
    long status = operation->handler(&copy);
    if (!status && operation->copies_out && !argument_out(&copy, address, operation->size))
        return -XEN_EFAULT;
    return status;
}

long do_event_channel_op(unsigned long command, unsigned long address)
{
    return command == EVTCHNOP_send ? send(address) : operate(command, address);
}
