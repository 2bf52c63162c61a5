/* SPDX-License-Identifier: MIT */
/*
 * A function that is interrupted by another one, as a guest's thread is by an event: before each of
 * its instructions in turn, so that no two are left between which something may be lost.
 */
#pragma once

#include <stdbool.h>

/*
 * Calls `function`. Before each of its instructions the process is copied; the copy calls
 * `interrupt`, ends `function` without further interruptions, and then asks `check` whether all is
 * well. Returns in how many copies it was; *total is how many there were.
 */
unsigned long interruption_everywhere(void (*function)(void), void (*interrupt)(void),
                                      bool (*check)(void), unsigned long *total);
