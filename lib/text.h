/* SPDX-License-Identifier: MIT */
/*
 * Bounded strings, number parsing, boot options. Pure functions, no state.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copy with truncation, always terminated (size > 0). Returns whether all of `source` fitted. */
bool text_copy(char *destination, const char *source, size_t size);

bool text_starts_with(const char *text, const char *prefix);

/*
 * Parse an unsigned number (decimal, 0x hexadecimal) at *cursor and move *cursor behind it.
 * False without a digit or on overflow; *cursor and *value are then unchanged.
 */
bool text_parse_unsigned(const char **cursor, uint64_t *value);

/* The same with an optional suffix K, M, G (powers of 1024, either case): a size in bytes. */
bool text_parse_size(const char **cursor, uint64_t *bytes);

/*
 * Find `name=value` (or bare `name`) among the blank-separated words of a command line.
 * Copies the value (empty for a bare word), truncated to size; returns whether it was found.
 * The last occurrence wins.
 */
bool text_option(const char *command_line, const char *name, char *value, size_t size);

/* Its value as a number; `otherwise` when it is absent or does not begin with one. */
uint64_t text_option_unsigned(const char *command_line, const char *name, uint64_t otherwise);
