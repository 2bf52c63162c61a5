/* SPDX-License-Identifier: MIT */
/*
 * Port input and output, for a domain that may. io_port_start() raises the virtual I/O privilege
 * level; without the right to it an access is a general protection fault.
 */
#pragma once

#include <stdint.h>

/* 0 or a negative errno. Thread context, once. */
int io_port_start(void);

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;

    __asm__ __volatile__("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t inw(uint16_t port)
{
    uint16_t value;

    __asm__ __volatile__("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t value;

    __asm__ __volatile__("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void outb(uint8_t value, uint16_t port)
{
    __asm__ __volatile__("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline void outw(uint16_t value, uint16_t port)
{
    __asm__ __volatile__("outw %0, %1" ::"a"(value), "Nd"(port));
}

static inline void outl(uint32_t value, uint16_t port)
{
    __asm__ __volatile__("outl %0, %1" ::"a"(value), "Nd"(port));
}
