/* SPDX-License-Identifier: MIT */
/*
 * A 16550 serial port, polled for output, interrupting for input. No lock of its own: console.c's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define UART_COM1 0x3f8
#define UART_COM2 0x2f8

/* 8 bits, no parity, one stop bit; baud 0 keeps the firmware's rate. False: no such port. */
bool uart_start(uint16_t base, unsigned baud);
/* Waits, for a bounded time, until the transmitter takes the byte. */
void uart_write(uint16_t base, char byte);
/* A received byte, -1 if there is none. */
int uart_read(uint16_t base);
/* Ask for an interrupt when bytes arrive. */
void uart_enable_interrupt(uint16_t base);
