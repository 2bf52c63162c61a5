/* SPDX-License-Identifier: MIT */
#include "pvguest/control/domain_exception.h"

#include <xen/errno.h>

#include "pvguest/control/domain_calls.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/thread.h"

static struct wait_queue exceptions = WAIT_QUEUE_INIT(exceptions);
static volatile uint64_t exception_count;

static void note_exception(evtchn_port_t port, void *argument)
{
    (void)port, (void)argument;
    exception_count++;
    wait_queue_wake(&exceptions);
}

int domain_exception_start(void)
{
    evtchn_port_t port;
    int status = event_bind_virq(VIRQ_DOM_EXC, &port);

    return status < 0 ? status : event_bind(port, note_exception, NULL);
}

void domain_exception_wait(uint64_t *seen)
{
    WAIT_UNTIL(&exceptions, exception_count != *seen);
    *seen = exception_count;
}

static bool is_gone(domid_t domain)
{
    struct xen_domctl_getdomaininfo information;

    return domain_call_information(domain, &information) == -XEN_ESRCH;
}

bool domain_exception_wait_gone(domid_t domain, uint64_t deadline_ns)
{
    return WAIT_UNTIL_DEADLINE(&exceptions, is_gone(domain), deadline_ns);
}
