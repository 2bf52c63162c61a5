/* SPDX-License-Identifier: MIT */
/*
 * What a measurement of the bench guest is made of. A row repeats one operation `operations` times
 * between two readings of the TSC; the cost of its own loop is part of it. It must then show that
 * the operation really happened, or `wrong` stands in the place of its figure. Rows run one after
 * another in the first thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct row {
    const char *name;
    unsigned int operations;
    bool (*prepare)(void); /* NULL: nothing to prepare; false: the row cannot be measured */
    void (*run)(unsigned int count);
    bool (*verify)(unsigned int count); /* after both runs of `count`; NULL: nothing to show */
    void (*end)(void);                  /* NULL: nothing to give back */
};

/* The clock that figures are read from: bench_ticks(), or nanoseconds. */
extern uint64_t (*bench_now)(void);

/*
 * For a row whose figure is not how long it took: what its run has added up itself. The last call
 * of a run counts.
 */
void bench_count_instead(uint64_t total);

/* Each file of rows offers one table; it ends with a row without a name. */
extern const struct row basic_rows[];
extern const struct row block_rows[];
extern const struct row domain_rows[];
extern const struct row event_rows[];
extern const struct row grant_rows[];
extern const struct row memory_rows[];
extern const struct row network_rows[];
extern const struct row table_rows[];
extern const struct row trap_rows[];
extern const struct row switch_rows[];

static inline uint64_t bench_ticks(void)
{
    uint32_t low, high;

    __asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return low | (uint64_t)high << 32;
}
