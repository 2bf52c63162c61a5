/* SPDX-License-Identifier: MIT */
/*
 * printf formatting into a bounded buffer: %d %i %u %x %X %p %s %c %% with the flags `-`, `0`, `+`,
 * ` `, `#`, width and precision (numbers or `*`), lengths hh h l ll z t j. No floating point.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* As C17 7.21.6.5: always terminated when size > 0; returns the untruncated length. */
int format_text(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int format_text_va(char *buffer, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
