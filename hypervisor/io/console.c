/* SPDX-License-Identifier: MIT */
#include "hypervisor/io/console.h"

#include <xen/xen.h>

#include "hypervisor/dispatcher/trap.h"
#include "hypervisor/io/event_channel.h"
#include "hypervisor/io/io_apic.h"
#include "hypervisor/io/local_apic.h"
#include "hypervisor/io/uart.h"
#include "hypervisor/io/vga_text.h"
#include "hypervisor/processor/clock.h"
#include "hypervisor/processor/lock.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"

#define RING_SIZE       65536 /* powers of two */
#define INPUT_SIZE      1024
#define LINE_MAX        512
#define PREFIX          "(bonsai) "
#define GUEST_LINES_MAX 20 /* a second */
#define SECOND          1000000000UL
#define DEFAULT_BAUD    115200
#define UART_IRQ_COM1   4
#define UART_IRQ_COM2   3

/* All of it under console_lock. Ring indices grow without end and wrap with their type. */
static struct spinlock console_lock = SPINLOCK(LOCK_LEVEL_CONSOLE);
static struct {
    uint16_t port;     /* of the UART, 0 = none yet */
    unsigned irq, gsi; /* gsi 0: no interrupt yet */
    bool started, vga;
    bool interrupts;   /* the rest of the ring is sent when the UART asks for it */
    bool return_sent;  /* the carriage return before the next line end is out */
    bool lock_broken;  /* panic: nobody waits any more */
    bool column_used;  /* the last byte sent did not end a line */
    bool message_open; /* the last message did not end its line */
    bool print_refusals;
    char ring[RING_SIZE];
    uint32_t ring_end, ring_start, ring_sent;
    char input[INPUT_SIZE];
    uint32_t input_end, input_start;
    uint64_t guest_second; /* printk_guest: which second, lines in it, lines dropped */
    unsigned guest_lines, guest_dropped;
} console;

static void lock_console(void)
{
    if (!console.lock_broken)
        spin_lock(&console_lock);
}

static void unlock_console(void)
{
    if (!console.lock_broken)
        spin_unlock(&console_lock);
}

/* What the empty transmitter takes of the ring's unsent end. */
static void fill_transmitter_locked(void)
{
    for (unsigned room = UART_FIFO_SIZE; room > 0 && console.ring_sent != console.ring_end;
         room--) {
        char byte = console.ring[console.ring_sent % RING_SIZE];
        console.return_sent = byte == '\n' && !console.return_sent;
        if (console.return_sent) {
            uart_write(console.port, '\r');
        } else {
            uart_write(console.port, byte);
            console.ring_sent++;
        }
    }
}

/* Send now what fits, and let the interrupt send the rest; without interrupts wait for all of it.
 */
static void transmit_locked(void)
{
    if (!console.port)
        console.ring_sent = console.ring_end;
    while (!console.interrupts && console.ring_sent != console.ring_end) {
        uart_wait_transmitter(console.port);
        fill_transmitter_locked();
    }
    if (!console.interrupts)
        return;
    if (uart_transmitter_empty(console.port))
        fill_transmitter_locked();
    uart_enable_interrupts(console.port, console.ring_sent != console.ring_end);
}

static void put_byte_locked(char byte)
{
    if (console.interrupts && console.ring_end - console.ring_sent == RING_SIZE) {
        uart_wait_transmitter(console.port);
        fill_transmitter_locked();
    }
    console.ring[console.ring_end++ % RING_SIZE] = byte;
    if (console.ring_end - console.ring_start > RING_SIZE)
        console.ring_start = console.ring_end - RING_SIZE;
    console.column_used = byte != '\n';
    if (console.vga)
        vga_text_write(byte);
}

static void put_text_locked(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        put_byte_locked(text[i]);
}

/* One formatted message: a guest's unfinished line is ended first, each line gets the prefix. */
static void put_message_locked(const char *text)
{
    for (; *text; text++) {
        if (!console.message_open) {
            if (console.column_used)
                put_byte_locked('\n');
            put_text_locked(PREFIX, strlen(PREFIX));
            console.message_open = true;
        }
        put_byte_locked(*text);
        if (*text == '\n')
            console.message_open = false;
    }
}

static void start_port(const char *command_line, const char *name, uint16_t base, unsigned irq)
{
    uint64_t baud = text_option_unsigned(command_line, name, DEFAULT_BAUD);

    if (baud > DEFAULT_BAUD)
        baud = DEFAULT_BAUD;
    if (!uart_start(base, (unsigned)baud))
        return;
    console.port = base;
    console.irq = irq;
}

void console_start(const char *command_line)
{
    char value[32] = "com1";

    text_option(command_line, "console", value, sizeof(value));
    lock_console();
    if (strstr(value, "com2"))
        start_port(command_line, "com2", UART_COM2, UART_IRQ_COM2);
    else if (strstr(value, "com1"))
        start_port(command_line, "com1", UART_COM1, UART_IRQ_COM1);
    console.vga = strstr(value, "vga") != NULL;
    if (console.vga)
        vga_text_start();
    console.started = true;
    /* What was said before the options were known. */
    for (uint32_t i = console.ring_sent; console.vga && i != console.ring_end; i++)
        vga_text_write(console.ring[i % RING_SIZE]);
    transmit_locked();
    console.print_refusals =
        text_option(command_line, "loglvl", value, sizeof(value)) && strcmp(value, "all") == 0;
    unlock_console();
}

void console_interrupt_start(void)
{
    bool level_triggered, active_low;
    unsigned gsi = io_apic_isa_gsi(console.irq, &level_triggered, &active_low);

    if (!console.port ||
        io_apic_route(gsi, VECTOR_CONSOLE, local_apic_id(), level_triggered, active_low))
        return;
    console.gsi = gsi;
    io_apic_unmask(gsi);
    lock_console();
    console.interrupts = true;
    uart_enable_interrupts(console.port, false);
    unlock_console();
    console_interrupt();
}

bool console_owns_gsi(unsigned gsi)
{
    return console.gsi && console.gsi == gsi;
}

uint16_t console_port(void)
{
    return console.port;
}

void printk_va(const char *format, va_list arguments)
{
    char line[LINE_MAX];

    format_text_va(line, sizeof(line), format, arguments);
    lock_console();
    put_message_locked(line);
    if (console.started)
        transmit_locked();
    unlock_console();
}

void printk(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    printk_va(format, arguments);
    va_end(arguments);
}

/* Whether a guest-caused line may be printed now; says once a second how many were not. */
static bool guest_line_allowed(void)
{
    uint64_t second = clock_now() / SECOND;
    unsigned dropped = 0;

    lock_console();
    if (second != console.guest_second) {
        dropped = console.guest_dropped;
        console.guest_second = second;
        console.guest_lines = console.guest_dropped = 0;
    }
    bool allowed = console.guest_lines < GUEST_LINES_MAX;
    if (allowed)
        console.guest_lines++;
    else
        console.guest_dropped++;
    unlock_console();
    if (dropped)
        printk("%u messages about guests were suppressed\n", dropped);
    return allowed;
}

void printk_guest(const char *format, ...)
{
    va_list arguments;

    if (!guest_line_allowed())
        return;
    va_start(arguments, format);
    printk_va(format, arguments);
    va_end(arguments);
}

void printk_refusal(const char *format, ...)
{
    va_list arguments;

    if (!console.print_refusals || !guest_line_allowed())
        return;
    va_start(arguments, format);
    printk_va(format, arguments);
    va_end(arguments);
}

void console_write(const char *text, size_t size)
{
    lock_console();
    console.message_open = false;
    put_text_locked(text, size);
    transmit_locked();
    unlock_console();
}

size_t console_read(char *buffer, size_t size)
{
    size_t count = 0;

    lock_console();
    while (count < size && console.input_start != console.input_end)
        buffer[count++] = console.input[console.input_start++ % INPUT_SIZE];
    unlock_console();
    return count;
}

size_t console_ring_read(uint32_t *index, char *buffer, size_t size, bool clear)
{
    size_t count = 0;

    lock_console();
    uint32_t position = *index;
    if (position - console.ring_start > console.ring_end - console.ring_start)
        position = console.ring_start;
    while (count < size && position != console.ring_end)
        buffer[count++] = console.ring[position++ % RING_SIZE];
    *index = position;
    if (clear)
        console.ring_start = console.ring_end;
    unlock_console();
    return count;
}

void console_force_unlock(void)
{
    console.lock_broken = true;
    console.interrupts = false;
}

void console_take(void)
{
    lock_console();
}

void console_flush(void)
{
    console_force_unlock();
    transmit_locked();
}

void console_interrupt(void)
{
    bool arrived = false;
    int byte;

    if (!console.port)
        return;
    lock_console();
    while ((byte = uart_read(console.port)) >= 0) {
        /* A full buffer drops what is typed last. */
        if (console.input_end - console.input_start < INPUT_SIZE)
            console.input[console.input_end++ % INPUT_SIZE] = (char)byte;
        arrived = true;
    }
    transmit_locked();
    unlock_console();
    if (arrived)
        event_send_global_virq(VIRQ_CONSOLE);
}
