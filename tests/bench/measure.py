#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make bench`: what the same guests pay on Bonsai and on Debian's Xen, in the same QEMU.

Two modes. `instructions`: under -icount the TSC counts executed instructions, so that figures
repeat exactly. `wall`: plain emulation, the host's time in nanoseconds, the median of several runs
that alternate. The figures go to BUILD/bench.json, the tables to the standard output.
"""

import argparse
import json
import pathlib

import linux
import report
import rows
import system

HERE = pathlib.Path(__file__).parent
BASELINE = HERE / "baseline.json"
PAGE = HERE.parent.parent / "docs" / "benchmarks.md"
OUTPUT = rows.machine.BUILD / "bench.json"
TOLERATED = 1.05
TABLES = {
    "instructions": ("Instructions per operation, without mitigations", True, rows.PLAIN),
    "instructions_defaults": ("Instructions per operation, both as they come", True,
                              rows.DEFAULTS),
    "wall": ("Wall time per operation, without mitigations", False, rows.PLAIN),
    "wall_defaults": ("Wall time per operation, both as they come", False, rows.DEFAULTS),
}


def hypervisors_here():
    """Xen is measured beside Bonsai where it is at hand; said plainly where it is not."""
    if rows.HYPERVISORS["xen"].exists():
        return ["bonsai", "xen"]
    print(f"Xen is missing ({rows.HYPERVISORS['xen']}): only Bonsai is measured.\n")
    return ["bonsai"]


def is_ring(name):
    return name.startswith(rows.RING_ROWS)


class Result:
    """The tables so far; each is printed and written down when it is there."""

    def __init__(self):
        self.tables = {}

    def add(self, name, title, unit, table, **more):
        if not table:
            return
        self.tables[name] = {"title": title, "unit": unit, "rows": table, **more}
        print(report.markdown(self.tables[name]), flush=True)
        OUTPUT.write_text(json.dumps(self.tables, indent=1) + "\n")


def measure_rows(result, hypervisors, arguments):
    """The tables of operations; returns the wall times without mitigations."""
    plain = {}
    for name in arguments.tables:
        title, icount, options = TABLES[name]
        unit = "instructions" if icount else "ns"
        figures = rows.alternate(hypervisors, 1 if icount else arguments.runs, icount, options,
                                 arguments.rows)
        if name == "wall":
            plain = figures
        table = report.pairs(figures)
        operations = {row: pair for row, pair in table.items() if not is_ring(row)}
        result.add(name, title, unit, operations,
                   geometric_mean=report.geometric_mean(operations))
        if name == "instructions":
            result.add("rings", "Instructions through the rings", unit,
                       {row: pair for row, pair in table.items() if is_ring(row)})
    return plain


def measure_linux(result, hypervisors, arguments):
    places = [*hypervisors, "native"]
    for name, title, icount in (
            ("linux_instructions", "Linux, instructions", True),
            ("linux_wall", "Linux, wall time", False)):
        figures = linux.alternate(places, 1 if icount else arguments.runs, icount)
        result.add(name, title, "instructions" if icount else "ns",
                   report.pairs(figures, places=("bonsai", "xen", "native")))


def measure(arguments):
    hypervisors = hypervisors_here()
    result = Result()
    plain = measure_rows(result, hypervisors, arguments)
    if arguments.system:
        figures = system.alternate(hypervisors)
        for name, rates in system.through_rings(plain).items():
            figures[name] |= rates
        result.add("system", "The whole system", "unit in the name", report.pairs(figures))
    if arguments.linux and linux.KERNEL.exists():
        measure_linux(result, hypervisors, arguments)
    elif arguments.linux:
        print(f"Linux is missing ({linux.KERNEL}): it is not measured.\n")


def check(arguments):
    """Name each row that became more than 5 % slower than the committed figures; never fail."""
    baseline = json.loads(BASELINE.read_text())
    now = rows.run("bonsai", True, beginning=arguments.rows)
    slower = 0
    for name, before in baseline.items():
        cost = now.get(name, "missing")
        if name.startswith(arguments.rows) and (isinstance(cost, str) or
                                                cost > before * TOLERATED):
            print(f"bench-check: {name}: {before} before, {cost} now")
            slower += 1
    for name in (name for name in now if name not in baseline):
        print(f"bench-check: {name}: {now[name]} now, not in {BASELINE.name}")
    print(f"bench-check: {len(now)} rows, {slower} slower by more than 5 %")


def write_baseline(arguments):
    figures = rows.run("bonsai", True, beginning=arguments.rows)
    BASELINE.write_text(json.dumps(
        {name: cost for name, cost in figures.items() if isinstance(cost, int)}, indent=1) + "\n")


def document(arguments):
    """Put the tables of the last run into the page, each below its heading."""
    tables = json.loads(OUTPUT.read_text())
    PAGE.write_text(report.replace_tables(PAGE.read_text(), tables.values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", nargs="?", default="measure",
                        choices=["measure", "check", "baseline", "document"])
    parser.add_argument("--rows", default="", help="only rows whose names begin so")
    parser.add_argument("--runs", type=int, default=3, help="runs of each for wall time")
    parser.add_argument("--tables", nargs="*", choices=TABLES, default=list(TABLES))
    parser.add_argument("--no-system", dest="system", action="store_false")
    parser.add_argument("--no-linux", dest="linux", action="store_false")
    arguments = parser.parse_args()
    {"measure": measure, "check": check, "baseline": write_baseline,
     "document": document}[arguments.action](arguments)


if __name__ == "__main__":
    main()
