/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/input.h"

#include "pvguest/kernel/console_ring.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/panic.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/thread.h"

#include <stdbool.h>

static struct wait_queue arrived = WAIT_QUEUE_INIT(arrived);

static void input_event(evtchn_port_t port, void *argument)
{
    (void)port;
    (void)argument;
    wait_queue_wake(&arrived);
}

static void input_start(void)
{
    static bool started;
    evtchn_port_t port;
    int error = 0;

    if (started)
        return;
    started = true;
    if (guest_is_initial_domain())
        error = event_bind_virq(VIRQ_CONSOLE, &port);
    else
        port = console_ring_port();
    if (!error)
        error = event_bind(port, input_event, NULL);
    if (error)
        panic("no console input: %d", error);
}

static size_t input_take(char *buffer, size_t size)
{
    int count;

    if (!guest_is_initial_domain())
        return console_ring_present() ? console_ring_read(buffer, size) : 0;
    count = hypercall_console_io(CONSOLEIO_read, (unsigned int)size, buffer);
    return count > 0 ? (size_t)count : 0;
}

size_t console_read_until(char *buffer, size_t size, uint64_t deadline_ns)
{
    size_t count = 0;

    input_start();
    (void)WAIT_UNTIL_DEADLINE(&arrived, (count = input_take(buffer, size)), deadline_ns);
    return count;
}

size_t console_read(char *buffer, size_t size)
{
    return console_read_until(buffer, size, WAIT_FOR_EVER);
}
