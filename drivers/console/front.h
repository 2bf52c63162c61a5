/* SPDX-License-Identifier: MIT */
/*
 * This domain's console for threads that may wait: output goes through a buffer and waits for room
 * instead of dropping anything, input waits for a byte. The kernel's print() writes to the same
 * ring and is for those who must not wait; its text may overtake what is still in the buffer. In
 * the initial domain both ends are the hypervisor's console.
 *
 * Owns: the buffer and, from console_front_start() on, the console's event channel.
 */
#pragma once

#include <stddef.h>

/* 0 or a negative errno. Once; console_read() is not to be used afterwards. */
int console_front_start(void);

/* All of it; waits while the other end does not read. Line feeds get carriage returns. */
void console_front_write(const char *data, size_t size);
void console_front_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Wait until there is at least one byte; how many were stored. One reader at a time. */
size_t console_front_read(char *buffer, size_t size);

/* Wait until the other end has taken everything: before the domain ends. */
void console_front_drain(void);
