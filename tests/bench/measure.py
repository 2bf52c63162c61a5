#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make bench`: what the same guest pays on Bonsai and on Debian's Xen, in the same QEMU.

Two modes. `instructions`: under -icount the TSC counts executed instructions, so that figures
repeat exactly. `ticks`: plain emulation, the host's time in TSC ticks, the median of several runs
that alternate. The figures go to BUILD/bench.json, the tables to the standard output.
"""

import argparse
import json
import pathlib

import report
import rows
import system

BASELINE = pathlib.Path(__file__).parent / "baseline.json"
TOLERATED = 1.05
TABLES = {
    "instructions": ("Instructions per operation, without mitigations", "instructions", True,
                     rows.PLAIN),
    "instructions_defaults": ("Instructions per operation, both as they come", "instructions",
                              True, rows.DEFAULTS),
    "ticks": ("Wall time per operation, without mitigations", "TSC ticks", False, rows.PLAIN),
    "ticks_defaults": ("Wall time per operation, both as they come", "TSC ticks", False,
                       rows.DEFAULTS),
}


def hypervisors_here():
    """Xen is measured beside Bonsai where it is at hand; said plainly where it is not."""
    if rows.HYPERVISORS["xen"].exists():
        return ["bonsai", "xen"]
    print(f"Xen is missing ({rows.HYPERVISORS['xen']}): only Bonsai is measured.\n")
    return ["bonsai"]


def measure(arguments):
    hypervisors = hypervisors_here()
    result = {}
    for name in arguments.tables:
        title, unit, icount, options = TABLES[name]
        count = 1 if icount else arguments.runs
        table = report.pairs(rows.alternate(hypervisors, count, icount, options, arguments.rows))
        result[name] = {"title": title, "unit": unit, "rows": table,
                        "geometric_mean": report.geometric_mean(table)}
        print(report.markdown(title, unit, table), flush=True)
    if arguments.system:
        table = report.pairs(system.alternate(hypervisors))
        result["system"] = {"title": "The whole system", "unit": "as named", "rows": table}
        print(report.markdown("The whole system", "unit in the name", table, mean=False))
    output = rows.machine.BUILD / "bench.json"
    output.write_text(json.dumps(result, indent=1) + "\n")


def check():
    """Name each row that became more than 5 % slower than the committed figures; never fail."""
    baseline = json.loads(BASELINE.read_text())
    now = rows.run("bonsai", True)
    slower = 0
    for name, before in baseline.items():
        cost = now.get(name, "missing")
        if isinstance(cost, str) or cost > before * TOLERATED:
            print(f"bench-check: {name}: {before} before, {cost} now")
            slower += 1
    print(f"bench-check: {len(baseline)} rows, {slower} slower by more than 5 %")


def write_baseline():
    figures = rows.run("bonsai", True)
    BASELINE.write_text(json.dumps(
        {name: cost for name, cost in figures.items() if isinstance(cost, int)}, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", nargs="?", default="measure",
                        choices=["measure", "check", "baseline"])
    parser.add_argument("--rows", default="", help="only rows whose names begin so")
    parser.add_argument("--runs", type=int, default=3, help="runs of each for wall time")
    parser.add_argument("--tables", nargs="*", choices=TABLES, default=list(TABLES))
    parser.add_argument("--no-system", dest="system", action="store_false")
    arguments = parser.parse_args()
    if arguments.action == "measure":
        measure(arguments)
    else:
        {"check": check, "baseline": write_baseline}[arguments.action]()


if __name__ == "__main__":
    main()
