/* SPDX-License-Identifier: MIT */
#include "hypervisor/io/uart.h"

#include "hypervisor/processor/cpu.h"

/* Registers of the 16550, as offsets from its base port. */
#define DATA             0
#define INTERRUPT_ENABLE 1
#define FIFO_CONTROL     2
#define LINE_CONTROL     3
#define MODEM_CONTROL    4
#define LINE_STATUS      5
#define SCRATCH          7

#define LINE_8N1           0x03
#define LINE_DIVISOR       0x80
#define FIFO_ENABLE_CLEAR  0x07
#define MODEM_DTR_RTS_OUT2 0x0b /* OUT2 lets the interrupt through on a PC */
#define STATUS_DATA        0x01
#define STATUS_TRANSMIT    0x20
#define INTERRUPT_ON_DATA  0x01
#define INTERRUPT_ON_EMPTY 0x02
#define BASE_RATE          115200
#define TRANSMIT_SPINS_MAX 200000

bool uart_start(uint16_t base, unsigned baud)
{
    /* Where there is no chip, the scratch register does not hold a value. */
    outb(base + SCRATCH, 0x5a);
    if (inb(base + SCRATCH) != 0x5a)
        return false;
    outb(base + INTERRUPT_ENABLE, 0);
    if (baud && baud <= BASE_RATE) {
        unsigned divisor = BASE_RATE / baud;
        outb(base + LINE_CONTROL, LINE_DIVISOR | LINE_8N1);
        outb(base + DATA, (uint8_t)divisor);
        outb(base + INTERRUPT_ENABLE, (uint8_t)(divisor >> 8));
    }
    outb(base + LINE_CONTROL, LINE_8N1);
    outb(base + FIFO_CONTROL, FIFO_ENABLE_CLEAR);
    outb(base + MODEM_CONTROL, MODEM_DTR_RTS_OUT2);
    return true;
}

bool uart_transmitter_empty(uint16_t base)
{
    return inb(base + LINE_STATUS) & STATUS_TRANSMIT;
}

void uart_wait_transmitter(uint16_t base)
{
    for (unsigned spins = 0; spins < TRANSMIT_SPINS_MAX && !uart_transmitter_empty(base); spins++)
        cpu_relax();
}

void uart_write(uint16_t base, char byte)
{
    outb(base + DATA, (uint8_t)byte);
}

int uart_read(uint16_t base)
{
    if (!(inb(base + LINE_STATUS) & STATUS_DATA))
        return -1;
    return inb(base + DATA);
}

void uart_enable_interrupts(uint16_t base, bool transmitter)
{
    outb(base + INTERRUPT_ENABLE, INTERRUPT_ON_DATA | (transmitter ? INTERRUPT_ON_EMPTY : 0));
}
