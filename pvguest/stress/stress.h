/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the stress guest share. Each part offers steps: one short thing that a virtual
 * CPU does, chosen at random, to what all virtual CPUs use. A step may be refused, since others do
 * the same at the same time; it may never see what cannot be.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define STRESS_VCPUS 4
#define POOL_PAGES   8  /* that all map, write, and make tables of */
#define WINDOW_PAGES 16 /* where all map them; a page table of their own */

/* What one virtual CPU has. */
struct worker {
    unsigned int vcpu;
    uint64_t random;
    uint64_t **private; /* two pages with a stamp, for what must be right */
    char *window;       /* a page of address space of its own */
};

/* How often what was done, and how often it was refused. */
enum figure {
    UPDATES,
    EMULATED,
    PINS,
    WATCHES,
    REMNANTS,
    FLUSHES,
    GRANTS,
    COPIES,
    FRAMES,
    MOVES,
    FIGURES
};

void stress_count(enum figure figure, bool done);

/* The end: something was seen that cannot be. */
_Noreturn void stress_failed(const char *what, uint64_t value);

uint64_t random_next(struct worker *worker);

static inline uint64_t random_below(struct worker *worker, uint64_t bound)
{
    return random_next(worker) % bound;
}

/* tables.c: the pool, its mappings, tables made of it. The end leaves it as it was: writable. */
extern uint64_t *pool[POOL_PAGES];
void tables_start(void);
void tables_step(struct worker *worker);
void watched_step(struct worker *worker);
void private_step(struct worker *worker);
void tables_end(void);

/* grants.c: grants of this domain to itself, whose references all use. */
void grants_start(void);
void grants_step(struct worker *worker);
void copies_step(struct worker *worker);
void frames_step(struct worker *worker);
void grants_end(void);

/* signals.c: events between all virtual CPUs, and timers on each. */
void signals_start_on(unsigned int vcpu); /* in a thread there */
void signals_step(struct worker *worker);
void timers_step(struct worker *worker);
bool signals_end(uint64_t deadline_ns); /* whether all have arrived */
void signals_report(void);

/* moves.c: who may changes where the virtual CPUs run. */
void moves_step(struct worker *worker);
void moves_end(void);
