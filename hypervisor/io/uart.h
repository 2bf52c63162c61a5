/* SPDX-License-Identifier: MIT */
/*
 * A 16550 serial port. No lock of its own: console.c's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define UART_COM1 0x3f8
#define UART_COM2 0x2f8

/* 8 bits, no parity, one stop bit; baud 0 keeps the firmware's rate. False: no such port. */
bool uart_start(uint16_t base, unsigned baud);
/* Bytes that the transmitter takes at once when it is empty. */
#define UART_FIFO_SIZE 16

/* Whether it is; and wait for that, for a bounded time. */
bool uart_transmitter_empty(uint16_t base);
void uart_wait_transmitter(uint16_t base);
/* Only within UART_FIFO_SIZE of an empty transmitter. */
void uart_write(uint16_t base, char byte);
/* A received byte, -1 if there is none. */
int uart_read(uint16_t base);
/* Ask for an interrupt when bytes arrive and, if wanted, whenever the transmitter is empty. */
void uart_enable_interrupts(uint16_t base, bool transmitter);
