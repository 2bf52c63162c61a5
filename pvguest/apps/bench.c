/* SPDX-License-Identifier: MIT */
/*
 * bench: what the hypervisor's operations cost. One line for each: `bench: NAME OPERATIONS COST`,
 * cost in TSC ticks for one operation (instructions, under QEMU's -icount shift=0), or `wrong` when
 * the operation did not do what it should, or `skip` when this domain cannot do it. Runs as first
 * domain and as guest. `rows=NAME` measures only rows whose names begin so.
 */
#include "pvguest/bench/bench.h"
#include "lib/text.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"

#define NAME_SIZE 40

static const struct row *const tables[] = {basic_rows, event_rows, table_rows, memory_rows,
                                           grant_rows, trap_rows,  switch_rows};

/* The first run warms caches up, the second counts. */
static void row_measure(const struct row *row)
{
    if (row->prepare && !row->prepare()) {
        print("bench: %s %u skip\n", row->name, row->operations);
        return;
    }
    row->run(row->operations);
    uint64_t start = bench_ticks();
    row->run(row->operations);
    uint64_t ticks = bench_ticks() - start;
    bool right = !row->verify || row->verify(row->operations);
    if (row->end)
        row->end();
    if (right)
        print("bench: %s %u %lu\n", row->name, row->operations,
              (ticks + row->operations / 2) / row->operations);
    else
        print("bench: %s %u wrong\n", row->name, row->operations);
}

void guest_main(void)
{
    char only[NAME_SIZE] = "";

    text_option(guest_command_line(), "rows", only, sizeof(only));
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct row *row = tables[i]; row->name; row++)
            if (text_starts_with(row->name, only))
                row_measure(row);
    print("bench: done\n");
}
