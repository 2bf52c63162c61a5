/* SPDX-License-Identifier: MIT */
/*
 * The end for a bug of ours. No guest input may reach panic().
 */
#pragma once

/* Print once, stop all processors, then reboot or halt (option noreboot). Callable anywhere. */
_Noreturn void panic(const char *format, ...) __attribute__((cold, format(printf, 1, 2)));

#define ASSERT(condition)                                                         \
    do {                                                                          \
        if (!(condition))                                                         \
            panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition); \
    } while (0)
