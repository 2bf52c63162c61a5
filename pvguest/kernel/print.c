/* SPDX-License-Identifier: MIT */
#include "pvguest/kernel/print.h"

#include "lib/format.h"
#include "lib/string.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/console_ring.h"
#include "pvguest/kernel/hypercall.h"
#include "pvguest/kernel/lock.h"
#include "pvguest/kernel/start.h"

#include <stdbool.h>
#include <stdint.h>
#include <xen/sched.h>

#define LINE_SIZE   1024
#define PATIENCE_NS 100000000UL
#define PAUSE_NS    1000000UL

static struct spinlock lock;

/* Set when the reader let a full ring stand; cleared when it has taken something. */
static bool reader_stalled;

/* Give the processor away for a moment, whether or not events are masked. */
static void pause_briefly(void)
{
    struct sched_poll poll = {.nr_ports = 0, .timeout = clock_monotonic_ns() + PAUSE_NS};

    hypercall_sched_op(SCHEDOP_poll, &poll);
}

/* All of it, unless the reader takes nothing for as long as our patience lasts. */
static void ring_write(const char *data, size_t size)
{
    uint64_t deadline = clock_monotonic_ns() + PATIENCE_NS;

    for (;;) {
        size_t written = console_ring_write(data, size);

        data += written;
        size -= written;
        if (written) {
            reader_stalled = false;
            deadline = clock_monotonic_ns() + PATIENCE_NS;
        }
        if (!size || reader_stalled)
            return;
        if (clock_monotonic_ns() > deadline) {
            reader_stalled = true;
            return;
        }
        pause_briefly();
    }
}

/* Line by line, because the other end is a terminal. */
static void ring_write_text(const char *data, size_t size)
{
    while (size) {
        const char *end = memchr(data, '\n', size);
        size_t length = end ? (size_t)(end - data) : size;

        ring_write(data, length);
        if (!end)
            return;
        ring_write("\r\n", 2);
        data += length + 1;
        size -= length + 1;
    }
}

void print_write(const char *data, size_t size)
{
    unsigned long masked = spin_lock(&lock);

    if (guest_is_initial_domain())
        hypercall_console_io(CONSOLEIO_write, (unsigned int)size, data);
    else if (console_ring_present())
        ring_write_text(data, size);
    spin_unlock(&lock, masked);
}

void print_break_lock(void)
{
    spin_unlock_masked(&lock);
}

void print_drain(void)
{
    uint64_t deadline = clock_monotonic_ns() + PATIENCE_NS;

    if (guest_is_initial_domain() || !console_ring_present())
        return;
    while (!console_ring_drained() && clock_monotonic_ns() < deadline)
        pause_briefly();
}

void print_va(const char *format, va_list arguments)
{
    char line[LINE_SIZE];
    int length = format_text_va(line, sizeof(line), format, arguments);

    if (length > 0)
        print_write(line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

void print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_va(format, arguments);
    va_end(arguments);
}
