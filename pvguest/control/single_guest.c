/* SPDX-License-Identifier: MIT */
#include "pvguest/control/single_guest.h"

#include <xen/sched.h>

#include "pvguest/control/domain_calls.h"
#include "pvguest/control/life_cycle.h"
#include "pvguest/control/notice.h"
#include "pvguest/control/shell_commands.h"
#include "pvguest/kernel/io_port.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/thread.h"

/* For the last lines to reach the terminal: the device ends QEMU at once. */
#define DRAIN_NS 200000000ull

static _Noreturn void end_machine(enum single_guest_end end, uint16_t port)
{
    if (port) {
        thread_sleep_ns(DRAIN_NS);
        outl(end, port);
    }
    guest_shutdown(SHUTDOWN_poweroff);
}

static enum single_guest_end end_of(unsigned int reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        return SINGLE_GUEST_POWEROFF;
    case SHUTDOWN_reboot:
        return SINGLE_GUEST_REBOOT;
    default:
        return SINGLE_GUEST_CRASH;
    }
}

void single_guest_run(const char *file, uint16_t port)
{
    unsigned int reason;
    domid_t domain;

    /* It is started with nothing between that and its console: however short its life is, all that
     * it says is seen. */
    if (life_cycle_create(file, true, true, &domain) < 0 || domain_call_unpause(domain) < 0)
        end_machine(SINGLE_GUEST_NOT_STARTED, port);
    shell_attach(domain);
    if (life_cycle_end_reason(domain, &reason))
        end_machine(end_of(reason), port);
    notice("The guest goes on; the machine will not end with it.");
}
