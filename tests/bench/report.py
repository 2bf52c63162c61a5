# SPDX-License-Identifier: MIT
"""Tables of both hypervisors' figures and their ratio, as Markdown."""

import math


def ratio(ours, theirs):
    """What ours costs in theirs; None when one of them is no figure."""
    if isinstance(ours, str) or isinstance(theirs, str) or ours is None or not theirs:
        return None
    return ours / theirs


def is_control(name):
    """Rows without work of a hypervisor: they show that the two machines are alike."""
    return name.startswith("control_")


def geometric_mean(table):
    ratios = [ratio(ours, theirs) for name, (ours, theirs) in table.items()
              if not is_control(name)]
    ratios = [value for value in ratios if value]
    if not ratios:
        return None
    return math.exp(sum(math.log(value) for value in ratios) / len(ratios))


def pairs(figures):
    """{row: (Bonsai's, Xen's)} from {hypervisor: {row: cost}}."""
    ours, theirs = figures.get("bonsai", {}), figures.get("xen", {})
    return {name: (ours.get(name, "missing"), theirs.get(name, "missing"))
            for name in dict.fromkeys([*ours, *theirs])}


def cell(value):
    if isinstance(value, float):
        return f"{value:,.3g}" if value < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def markdown(title, unit, table, mean=True):
    """One table; `mean`: with the geometric mean of all rows but the controls."""
    lines = [f"### {title}", "", f"| row ({unit}) | Bonsai | Xen 4.17 | ratio |",
             "| --- | ---: | ---: | ---: |"]
    for name, (ours, theirs) in table.items():
        value = ratio(ours, theirs)
        lines.append(f"| {name} | {cell(ours)} | {cell(theirs)} |"
                     f" {'' if value is None else format(value, '.2f')} |")
    if mean and geometric_mean(table):
        lines.append(f"| **geometric mean** | | | **{geometric_mean(table):.2f}** |")
    return "\n".join([*lines, ""])
