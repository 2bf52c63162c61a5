# SPDX-License-Identifier: MIT
"""Tables of both hypervisors' figures and their ratio, as Markdown."""

import math

# Wall time of these is for the most part a property of emulation, and is marked so: they flush
# translations or load CR3, or wait for a timer of the host.
EMULATION = {"tlb_flush", "new_base_pointer", "grant_map_unmap", "reservation_change_pair",
             "user_syscall", "vcpu_switch_pair", "domain_event_round_trip", "domain_switch_pair",
             "timer_lateness"}
COLUMNS = ("Bonsai", "Xen 4.17", "bare machine")


def ratio(ours, theirs):
    """What ours costs in theirs; None when one of them is no figure."""
    if isinstance(ours, str) or isinstance(theirs, str) or ours is None or not theirs:
        return None
    return ours / theirs


def is_control(name):
    """Rows without work of a hypervisor: they show that the two machines are alike."""
    return name.startswith("control_")


def geometric_mean(table):
    ratios = [ratio(*pair) for name, pair in table.items() if not is_control(name)]
    ratios = [value for value in ratios if value]
    if not ratios:
        return None
    return math.exp(sum(math.log(value) for value in ratios) / len(ratios))


def pairs(figures, places=("bonsai", "xen")):
    """{row: (Bonsai's, Xen's, ...)} from {place: {row: cost}}."""
    names = dict.fromkeys(name for place in places for name in figures.get(place, {}))
    return {name: tuple(figures.get(place, {}).get(name, "missing") for place in places)
            for name in names}


def cell(value):
    if isinstance(value, float):
        return f"{value:,.3g}" if value < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def table_lines(table):
    """A table of results, its ratio that of the first two columns; the mean of these, if any."""
    columns = COLUMNS[:len(next(iter(table["rows"].values())))]
    lines = [f"| row ({table['unit']}) | {' | '.join(columns)} | ratio |",
             f"| --- | {'---: | ' * len(columns)}---: |"]
    for name, values in table["rows"].items():
        value = ratio(*values[:2])
        mark = " †" if table["unit"] == "ns" and name in EMULATION else ""
        lines.append(f"| {name}{mark} | {' | '.join(map(cell, values))} |"
                     f" {'' if value is None else format(value, '.2f')} |")
    if table.get("geometric_mean"):
        lines.append(f"| **geometric mean** |{' |' * len(columns)}"
                     f" **{table['geometric_mean']:.2f}** |")
    return lines


def markdown(table):
    return "\n".join([f"### {table['title']}", "", *table_lines(table), ""])


def replace_tables(text, tables):
    """A page with the first table below each of the tables' titles replaced."""
    wanted = {f"## {table['title']}": table for table in tables}
    result, table, inside = [], None, False
    for line in text.split("\n"):
        if line.startswith("## "):
            table = wanted.get(line)
        is_row = line.startswith("|")
        if is_row and table and not inside:
            result += table_lines(table)
            inside = True
        if inside and is_row:
            continue
        if inside:
            table, inside = None, False
        result.append(line)
    return "\n".join(result)
