/* SPDX-License-Identifier: MIT */
/*
 * What was typed, in order, for whichever command reads it next. The shell's thread only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As console_read_until(): up to `size` characters, 0 when the deadline has passed. */
size_t shell_input_read(char *buffer, size_t size, uint64_t deadline_ns);

/* Wait for one character. */
char shell_input_next(void);

/* Put characters back that the next reader shall have; too many are forgotten. */
void shell_input_unread(const char *data, size_t size);

/* Whether Ctrl-C was typed since; what stood before it is dropped, all else is kept. */
bool shell_input_interrupted(void);
