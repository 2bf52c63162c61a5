/* SPDX-License-Identifier: MIT */
/*
 * Text output: the hypervisor's console for the initial domain, the PV console ring for the
 * others. Never blocks for ever: text that a stalled reader does not take is dropped.
 * Legal in event handlers; one call's text is not mixed with another's.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_va(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/* Wait a moment for the other end to take what is in the ring: before the domain ends. */
void print_drain(void);

/* Before the last words: whoever was printing may be who panics. */
void print_break_lock(void);

/* Bytes as they are, except that a line feed gets its carriage return. */
void print_write(const char *data, size_t size);
