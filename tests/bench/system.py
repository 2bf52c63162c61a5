# SPDX-License-Identifier: MIT
"""Figures of the whole system: boot, image, memory, life and death of guests.

The control domain and the guests are the same files on both hypervisors. Wall time is the host's;
where a row says `virtual` or `instructions`, -icount made it.
"""

import pathlib
import re
import statistics
import sys
import tempfile
import time

import rows
import scheduling

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import control_domain  # noqa: E402 (found by the path above)
import machine  # noqa: E402

FIRST = machine.BUILD / "bench" / "first.elf"
ROUNDS = 10
SLEEPERS = 8
SLEEPER_MIB = 2
FIRST_LINE = r"^(\(XEN\)|\(bonsai\)).*\n"


class Started:
    """A machine for the length of a `with`."""

    def __init__(self, hypervisor, modules, memory="512M", icount=False):
        self.directory = tempfile.TemporaryDirectory()
        path = pathlib.Path(self.directory.name)
        arguments = machine.machine_arguments(cpu=rows.CPU, memory=memory, icount=icount)
        options = f"dom0_mem=128M dom0_max_vcpus=1 {rows.PLAIN}"
        self.begun = time.monotonic()
        self.machine = machine.Machine(path, arguments + machine.kernel_arguments(
            rows.HYPERVISORS[hypervisor], f"console=com1 com1=115200 {options}",
            modules(path) if callable(modules) else modules))

    def __enter__(self):
        return self.machine

    def __exit__(self, *unused):
        self.machine.close()
        self.directory.cleanup()

    def elapsed(self):
        return time.monotonic() - self.begun


def boot(hypervisor):
    """From QEMU's start to the hypervisor's first line and domain 0's first instruction."""
    started = Started(hypervisor, [FIRST])
    with started as booted:
        booted.expect(FIRST_LINE)
        line = started.elapsed()
        booted.expect(r"^first: ")
        domain = started.elapsed()
    return {"boot_first_line_ms": round(line * 1000),
            "boot_first_instruction_of_domain0_ms": round(domain * 1000),
            "boot_between_these_two_ms": round((domain - line) * 1000)}


def boot_virtual(hypervisor):
    """Under -icount that instruction's TSC is the machine's age in nanoseconds."""
    with Started(hypervisor, [FIRST], icount=True) as booted:
        age = int(booted.expect(r"^first: (\d+)\n").group(1))
    return {"boot_first_instruction_of_domain0_virtual_ms": round(age / 1e6, 1)}


def image(hypervisor):
    return {"image_bytes": rows.HYPERVISORS[hypervisor].stat().st_size}


def archive_of(files, guests):
    def modules(path):
        archive = control_domain.make_archive(path, files, guests)
        return [(control_domain.CONTROL, "auto=no"), (archive, "")]

    return modules


def memory_taken(hypervisor):
    """RAM of the machine less what is free and what domain 0 has, in MiB."""
    result = {}
    for name, mib in (("1_gib", 1024), ("16_gib", 16384)):
        with Started(hypervisor, archive_of({"empty": ""}, []), memory=f"{mib}M") as booted:
            shell = control_domain.Shell(booted)
            free, own = shell.info("free_pages") / 256, int(shell.list()["Domain-0"]["Mem"])
        result[f"memory_taken_of_{name}_mib"] = round(mib - free - own, 1)
    return result


def sleepers():
    """Minimal guests that sleep until they are ended."""
    words = "job=sleep longest=2000000 until=1000000000"
    return {f"d{i}.cfg": control_domain.configuration(f"d{i}", "clockwork.elf", SLEEPER_MIB,
                                                      extra=words)
            for i in range(max(SLEEPERS, ROUNDS))}


def repeat(shell, count, command):
    """Microseconds of one round, as the control domain itself measures them."""
    answer = shell.run(f"repeat {count} '{command}'", patience=300)
    match = re.search(r"^\d+ rounds, 0 failures, (\d+) us each$", answer, re.MULTILINE)
    if not match:
        raise machine.Failure(f"{command}: {answer[-500:]}")
    return int(match[1])


def life(hypervisor, icount):
    """Median costs of `create` (the guest runs) and `destroy`, of both in a row; memory of one."""
    with Started(hypervisor, archive_of(sleepers(), ["clockwork"]), icount=icount) as booted:
        shell = control_domain.Shell(booted)
        creates, destroys = [], []
        for i in range(ROUNDS):
            creates.append(repeat(shell, 1, f"create d{i} -q"))
            destroys.append(repeat(shell, 1, f"destroy d{i}"))
        both = repeat(shell, ROUNDS, "create d0 -q; destroy d0")
        free = shell.info("free_pages")
        for i in range(SLEEPERS):
            shell.run(f"create d{i} -q")
        taken = (free - shell.info("free_pages")) * 4 / SLEEPERS
    return statistics.median(creates), statistics.median(destroys), both, taken


def guests(hypervisor):
    create, destroy, both, taken = life(hypervisor, icount=False)
    return {"guest_create_ms": round(create / 1000, 2), "guest_destroy_ms": round(destroy / 1000, 2),
            "guests_created_and_destroyed_per_second": round(1e6 / both, 1),
            f"guest_of_{SLEEPER_MIB}_mib_takes_kib": round(taken)}


def guests_instructions(hypervisor):
    return {"guest_create_destroy_kiloinstructions": life(hypervisor, icount=True)[2]}


# Each with the number of rounds in which it is measured on either in turn.
MEASUREMENTS = ((boot, 7), (boot_virtual, 1), (image, 1), (memory_taken, 1), (guests, 3),
                (guests_instructions, 1), (scheduling.shares, 1), (scheduling.latency, 1))


def median(runs):
    """Row by row, of those runs that have it."""
    names = dict.fromkeys(name for one in runs for name in one)
    return {name: statistics.median_low([one[name] for one in runs if name in one])
            for name in names}


def alternate(hypervisors):
    """{hypervisor: {row: median}}, measurement by measurement in turn."""
    runs = {name: [] for name in hypervisors}
    for measurement, rounds in MEASUREMENTS:
        for name in hypervisors * rounds:
            try:
                runs[name].append(measurement(name))
            except (machine.Failure, KeyError, ValueError) as failure:
                last = re.sub(r"\s+", " ", str(failure))[-300:]
                print(f"{name}: {measurement.__name__} could not be measured: {last}",
                      file=sys.stderr)
    return {name: median(results) for name, results in runs.items()}


def through_rings(figures):
    """The same as rates and latencies, from nanoseconds of one operation."""
    result = {}
    for name, costs in figures.items():
        costs = {row: cost for row, cost in costs.items() if not isinstance(cost, str)}
        rate = {
            "block_read_4k_depth_1_us": ("block_read_4k_depth_1", lambda ns: ns / 1e3),
            "block_read_4k_depth_32_per_second": ("block_read_4k_depth_32", lambda ns: 1e9 / ns),
            "block_read_1m_mib_per_second": ("block_read_1m_sequential", lambda ns: 1e9 / ns),
            "net_round_trip_us": ("net_round_trip", lambda ns: ns / 1e3),
            "net_1514_byte_frames_mib_per_second":
                ("net_frame_1514", lambda ns: 1514e9 / ns / 1048576),
        }
        result[name] = {row: round(convert(costs[source]), 1)
                        for row, (source, convert) in rate.items() if source in costs}
    return result
