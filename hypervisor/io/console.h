/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's console: 16550 UART (options console=, com1=), the text screen (console=vga), a
 * ring of the last 64 KiB for XEN_SYSCTL_readconsole, and input for the first domain
 * (VIRQ_CONSOLE). Under console_lock.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Options console=, com1=, com2=, loglvl=. What was printed before comes out now. */
void console_start(const char *command_line);

/* Hypervisor messages; the prefix "(bonsai) " is added at each line's start. */
void printk(const char *format, ...) __attribute__((format(printf, 1, 2)));
void printk_va(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));
/* The same for what a guest causes: at most 20 lines a second in sum, then counted and summed up.
 */
void printk_guest(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* For debug builds and loglvl=all: why a hypercall was refused; rate-limited. */
void printk_refusal(const char *format, ...) __attribute__((cold, format(printf, 1, 2)));

/* Raw bytes for a guest's console_io write. */
void console_write(const char *text, size_t size);
/* Bytes typed: up to size, 0 when none. The first domain's console_io read. */
size_t console_read(char *buffer, size_t size);
/* Copy the message ring from *index on (XEN_SYSCTL_readconsole): returns bytes, moves *index. */
size_t console_ring_read(uint32_t *index, char *buffer, size_t size, bool clear);
/* From panic: no lock, and every message waits until it is sent. */
void console_force_unlock(void);
/* Before the machine's end stops the other processors: none of them stands still in the middle of
 * sending, after which what it has sent would be sent again. Never given back. */
void console_take(void);
/* At the machine's end, the other processors stopped: send what is not sent yet; as in a panic from
 * then on. */
void console_flush(void);
/* Let the UART interrupt for input, as VECTOR_CONSOLE on this processor; I/O APICs are started. */
void console_interrupt_start(void);
/* The GSI that no domain may have, while the console uses it. */
bool console_owns_gsi(unsigned gsi);
/* UART interrupt arrived (VECTOR_CONSOLE). */
void console_interrupt(void);
/* First of the UART's eight I/O ports, which no domain may touch; 0 = none. */
uint16_t console_port(void);
