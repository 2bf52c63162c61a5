/* SPDX-License-Identifier: MIT */
/*
 * bench: what the hypervisor's operations cost. One line for each: `bench: NAME OPERATIONS COST`,
 * cost in TSC ticks for one operation (instructions, under QEMU's -icount shift=0), or `wrong` when
 * the operation did not do what it should, or `skip` when this domain cannot do it. Runs as first
 * domain and as guest.
 *
 * `rows=NAME,NAME` measures only rows whose names begin so; `unit=ns` gives nanoseconds;
 * `partner=ID` names a second bench guest, `role=partner` or `role=echo` makes this one such
 * (pvguest/bench/partner.h).
 */
#include "pvguest/bench/bench.h"
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/bench/partner.h"
#include "pvguest/kernel/clock.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"

#define WORD_SIZE 80

static const struct row *const tables[] = {basic_rows, event_rows,  table_rows,  memory_rows,
                                           grant_rows, trap_rows,   switch_rows, domain_rows,
                                           block_rows, network_rows};

uint64_t (*bench_now)(void) = bench_ticks;
static bool counted_itself;
static uint64_t own_count;

void bench_count_instead(uint64_t total)
{
    counted_itself = true;
    own_count = total;
}

/* The first run warms caches up, the second counts. */
static uint64_t row_run(const struct row *row)
{
    counted_itself = false;
    row->run(row->operations);
    uint64_t start = bench_now();
    row->run(row->operations);
    uint64_t took = bench_now() - start;
    return counted_itself ? own_count : took;
}

static void row_measure(const struct row *row)
{
    if (row->prepare && !row->prepare()) {
        print("bench: %s %u skip\n", row->name, row->operations);
        return;
    }
    uint64_t took = row_run(row);
    bool right = !row->verify || row->verify(row->operations);
    if (row->end)
        row->end();
    if (right)
        print("bench: %s %u %lu\n", row->name, row->operations,
              (took + row->operations / 2) / row->operations);
    else
        print("bench: %s %u wrong\n", row->name, row->operations);
}

/* Whether one of the comma-separated beginnings is the name's. */
static bool is_wanted(const char *name, const char *beginnings)
{
    for (;;) {
        const char *end = strchr(beginnings, ',');
        size_t length = end ? (size_t)(end - beginnings) : strlen(beginnings);
        if (!strncmp(name, beginnings, length))
            return true;
        if (!end)
            return false;
        beginnings = end + 1;
    }
}

static void measure(void)
{
    char wanted[WORD_SIZE] = "";

    text_option(guest_command_line(), "rows", wanted, sizeof(wanted));
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct row *row = tables[i]; row->name; row++)
            if (is_wanted(row->name, wanted))
                row_measure(row);
    print("bench: done\n");
}

void guest_main(void)
{
    char word[WORD_SIZE] = "";

    if (text_option(guest_command_line(), "unit", word, sizeof(word)) && !strcmp(word, "ns"))
        bench_now = clock_monotonic_ns;
    text_copy(word, "", sizeof(word));
    text_option(guest_command_line(), "role", word, sizeof(word));
    if (!strcmp(word, "partner"))
        partner_serve();
    else if (!strcmp(word, "echo"))
        partner_echo();
    else
        measure();
}
