# SPDX-License-Identifier: MIT
"""Runs of bench.elf as first domain, and what they print."""

import pathlib
import re
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import machine  # noqa: E402 (found by the path above)

CPU = "Skylake-Client,-smap"  # Xen 4.17 dies on QEMU's emulation of SMAP
MEMORY = "1024M"
BENCH = machine.GUESTS / "bench.elf"
PLAIN = "dom0_mem=512M dom0_max_vcpus=2 spec-ctrl=no,eager-fpu xpti=no noreboot"
DEFAULTS = "dom0_mem=512M dom0_max_vcpus=2 noreboot"
ROW = re.compile(r"^bench: (\w+) (\d+) (\d+|wrong|skip)$", re.MULTILINE)
HYPERVISORS = {"bonsai": machine.BUILD / "bonsai.elf", "xen": machine.XEN}


def run(hypervisor, icount, options=PLAIN, rows="", patience=300):
    """One run: {row: cost}, a number, `wrong` or `skip`. Empty when the machine did not finish."""
    arguments = machine.machine_arguments(cpu=CPU, memory=MEMORY, icount=icount)
    arguments += machine.kernel_arguments(
        HYPERVISORS[hypervisor], f"console=com1 com1=115200 {options}",
        [(BENCH, f"rows={rows}" if rows else "")])
    with tempfile.TemporaryDirectory() as directory:
        started = machine.Machine(pathlib.Path(directory), arguments)
        try:
            started.expect(r"^bench: done", patience)
        except machine.Failure as failure:
            print(failure, file=sys.stderr)
        finally:
            started.close()
        found = ROW.findall(started.text)
    return {name: int(cost) if cost.isdigit() else cost for name, _, cost in found}


def median(runs):
    """Row by row over several runs; a row that is no number in one of them is what it is there."""
    result = {}
    for name in dict.fromkeys(name for one in runs for name in one):
        costs = [one.get(name, "missing") for one in runs]
        words = [cost for cost in costs if isinstance(cost, str)]
        result[name] = words[0] if words else round(statistics.median(costs))
    return result


def alternate(hypervisors, count, icount, options=PLAIN, rows=""):
    """Run the hypervisors in turn, `count` times each: {hypervisor: {row: median cost}}."""
    runs = {name: [] for name in hypervisors}
    for _ in range(count):
        for name in hypervisors:
            runs[name].append(run(name, icount, options, rows))
    return {name: median(results) for name, results in runs.items()}
