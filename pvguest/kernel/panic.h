/* SPDX-License-Identifier: MIT */
/*
 * The end of a guest that cannot go on: one line on the console, then SHUTDOWN_crash.
 */
#pragma once

_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define ASSERT(condition)                                                         \
    do {                                                                          \
        if (!(condition))                                                         \
            panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition); \
    } while (0)
