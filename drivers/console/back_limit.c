/* SPDX-License-Identifier: MIT */
#include "drivers/console/back_limit.h"

#define SECOND_NS 1000000000ULL

void console_limit_init(struct console_limit *limit, uint64_t now_ns)
{
    limit->budget = CONSOLE_LIMIT_BURST;
    limit->filled_ns = now_ns;
}

uint64_t console_limit_budget(struct console_limit *limit, uint64_t now_ns)
{
    uint64_t elapsed = now_ns - limit->filled_ns;
    uint64_t gained;

    if (elapsed > SECOND_NS)
        elapsed = SECOND_NS;
    gained = elapsed * CONSOLE_LIMIT_PER_SECOND / SECOND_NS;
    /* Without a whole byte gained the time is left to count the next time. */
    if (gained == 0)
        return limit->budget;
    limit->filled_ns = now_ns;
    limit->budget += gained;
    if (limit->budget > CONSOLE_LIMIT_BURST)
        limit->budget = CONSOLE_LIMIT_BURST;
    return limit->budget;
}

void console_limit_spend(struct console_limit *limit, uint64_t bytes)
{
    limit->budget = bytes < limit->budget ? limit->budget - bytes : 0;
}
