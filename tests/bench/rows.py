# SPDX-License-Identifier: MIT
"""Runs of bench.elf, as first domain and as guest, and what it prints."""

import pathlib
import re
import statistics
import sys
import tempfile

import bench_guests

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import machine  # noqa: E402 (found by the path above)

CPU = "Skylake-Client,-smap"  # Xen 4.17 dies on QEMU's emulation of SMAP
MEMORY = "1024M"
BENCH = machine.GUESTS / "bench.elf"
PLAIN = "spec-ctrl=no,eager-fpu xpti=no noreboot"
DEFAULTS = "noreboot"
ROW = re.compile(r"^bench: (\w+) (\d+) (\d+|wrong|skip)$", re.MULTILINE)
HYPERVISORS = {"bonsai": machine.BUILD / "bonsai.elf", "xen": machine.XEN}
# Rows that need a second domain or a device; a guest measures them.
GUEST_ROWS = ("domain_", "block_", "net_")
RING_ROWS = ("block_", "net_")


def guest_rows(beginning):
    """The beginnings of those rows of a guest that are wanted."""
    return [max(row, beginning, key=len) for row in GUEST_ROWS
            if row.startswith(beginning) or beginning.startswith(row)]


def run_machine(hypervisor, icount, options, modules, begin, patience=300):
    """One run: {row: cost}, a number, `wrong` or `skip`; what it had when it did not finish."""
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        arguments = machine.machine_arguments(cpu=CPU, memory=MEMORY, icount=icount)
        arguments += machine.kernel_arguments(
            HYPERVISORS[hypervisor], f"console=com1 com1=115200 {options}", modules(directory))
        started = machine.Machine(directory, arguments)
        try:
            begin(started)
            started.expect(r"^bench: done", patience)
        except machine.Failure as failure:
            print(f"{hypervisor}: {str(failure)[-1000:]}", file=sys.stderr)
        finally:
            started.close()
        found = ROW.findall(started.text)
    return {name: int(cost) if cost.isdigit() else cost for name, _, cost in found}


def run(hypervisor, icount, options=PLAIN, beginning=""):
    """All rows: the first domain's, and in one more start those of a guest.

    Instructions, where the TSC counts them; else nanoseconds.
    """
    unit = "" if icount else "unit=ns"
    wanted = guest_rows(beginning)
    result = {}
    if beginning not in wanted:
        first = [(BENCH, f"rows={beginning} {unit}" if beginning else unit)]
        result = run_machine(hypervisor, icount, f"dom0_mem=512M dom0_max_vcpus=2 {options}",
                             lambda directory: first, lambda started: None)
    if wanted:
        words = f"rows={','.join(wanted)} {unit}"
        result |= run_machine(hypervisor, icount, f"dom0_mem=128M dom0_max_vcpus=1 {options}",
                              lambda directory: bench_guests.modules(directory, words),
                              bench_guests.start)
    return result


def median(runs):
    """Row by row over several runs; a row that is no number in one of them is what it is there."""
    result = {}
    for name in dict.fromkeys(name for one in runs for name in one):
        costs = [one.get(name, "missing") for one in runs]
        words = [cost for cost in costs if isinstance(cost, str)]
        result[name] = words[0] if words else round(statistics.median(costs))
    return result


def alternate(hypervisors, count, icount, options=PLAIN, beginning=""):
    """Run the hypervisors in turn, `count` times each: {hypervisor: {row: median cost}}."""
    runs = {name: [] for name in hypervisors}
    for _ in range(count):
        for name in hypervisors:
            runs[name].append(run(name, icount, options, beginning))
    return {name: median(results) for name, results in runs.items()}
