/* SPDX-License-Identifier: MIT */
#include "drivers/console/front.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/format.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/console_ring.h"
#include "pvguest/kernel/event.h"
#include "pvguest/kernel/input.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"
#include "pvguest/kernel/thread.h"

#define BUFFER_SIZE      8192
#define LINE_SIZE        1024
#define DRAIN_TIMEOUT_NS 1000000000ULL

/* Written by threads, emptied by threads and the handler; both with events masked. */
static char buffer[BUFFER_SIZE];
static size_t produced, consumed;
static struct wait_queue changed = WAIT_QUEUE_INIT(changed);

/* Move the buffer into the ring as far as there is room. Events masked. */
static void pump(void)
{
    while (consumed != produced) {
        size_t at = consumed % BUFFER_SIZE;
        size_t length = produced - consumed;
        size_t written;

        if (length > BUFFER_SIZE - at)
            length = BUFFER_SIZE - at;
        written = console_ring_write(buffer + at, length);
        if (written == 0)
            return;
        consumed += written;
    }
}

static void console_event(evtchn_port_t port, void *argument)
{
    (void)port;
    (void)argument;
    pump();
    wait_queue_wake(&changed);
}

int console_front_start(void)
{
    if (guest_is_initial_domain() || !console_ring_present())
        return 0;
    return event_bind(console_ring_port(), console_event, NULL);
}

static void put(char character)
{
    WAIT_UNTIL(&changed, produced - consumed < BUFFER_SIZE);
    buffer[produced % BUFFER_SIZE] = character;
    produced++;
}

void console_front_write(const char *data, size_t size)
{
    unsigned long masked;

    if (guest_is_initial_domain()) {
        print_write(data, size);
        return;
    }
    if (!console_ring_present())
        return;
    masked = events_mask();
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n')
            put('\r');
        put(data[i]);
        if (produced - consumed == BUFFER_SIZE)
            pump();
    }
    pump();
    events_restore(masked);
}

void console_front_print(const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = format_text_va(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length > 0)
        console_front_write(line,
                            (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

size_t console_front_read(char *data, size_t size)
{
    size_t count = 0;

    if (guest_is_initial_domain())
        return console_read(data, size);
    WAIT_UNTIL(&changed, console_ring_present() && (count = console_ring_read(data, size)) > 0);
    return count;
}

void console_front_drain(void)
{
    uint64_t deadline = clock_monotonic_ns() + DRAIN_TIMEOUT_NS;

    if (!guest_is_initial_domain() && console_ring_present())
        (void)WAIT_UNTIL_DEADLINE(&changed, produced == consumed && console_ring_drained(),
                                  deadline);
}
