/* SPDX-License-Identifier: MIT */
/*
 * What a flooding guest may cost: a budget of bytes that fills up with time, up to a burst. Each
 * notification costs a little too, so that empty ones are bounded as well. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CONSOLE_LIMIT_BURST      32768
#define CONSOLE_LIMIT_PER_SECOND 131072
#define CONSOLE_LIMIT_NOTICE     64

struct console_limit {
    uint64_t budget;    /* bytes */
    uint64_t filled_ns; /* when it was last filled up */
};

void console_limit_init(struct console_limit *limit, uint64_t now_ns);

/* Fill up and say how many bytes may be taken now. */
uint64_t console_limit_budget(struct console_limit *limit, uint64_t now_ns);

/* Take from the budget; more than there is empties it. */
void console_limit_spend(struct console_limit *limit, uint64_t bytes);
