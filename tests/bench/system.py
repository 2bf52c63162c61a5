# SPDX-License-Identifier: MIT
"""Figures of the whole system: boot, image, memory, life and death of guests, two domains.

The control domain and the guests are the same files on both hypervisors. Wall time is the host's;
figures of two domains are nanoseconds of guest time under plain emulation.
"""

import pathlib
import re
import statistics
import sys
import tempfile
import time

import rows

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import control_domain  # noqa: E402 (found by the path above)
import machine  # noqa: E402

CLOCKWORK = machine.GUESTS / "clockwork.elf"
HELLO = machine.GUESTS / "hello.elf"
BOOTS = 3
GUESTS = 20
PING_ROUNDS = 5000
FIRST_LINE = r"\S.*\n"


class Started:
    """A machine for the length of a `with`."""

    def __init__(self, hypervisor, modules, memory="512M", options="dom0_mem=128M"):
        self.directory = tempfile.TemporaryDirectory()
        path = pathlib.Path(self.directory.name)
        arguments = machine.machine_arguments(cpu=rows.CPU, memory=memory)
        plain = "dom0_max_vcpus=1 spec-ctrl=no,eager-fpu xpti=no noreboot"
        self.begun = time.monotonic()
        self.machine = machine.Machine(path, arguments + machine.kernel_arguments(
            rows.HYPERVISORS[hypervisor], f"console=com1 com1=115200 {plain} {options}",
            modules(path) if callable(modules) else modules))

    def __enter__(self):
        return self.machine

    def __exit__(self, *unused):
        self.machine.close()
        self.directory.cleanup()

    def elapsed(self):
        return time.monotonic() - self.begun


def boot(hypervisor):
    """From QEMU's start to the first line of the hypervisor and of domain 0, median of some."""
    lines, domains = [], []
    for _ in range(BOOTS):
        started = Started(hypervisor, [HELLO])
        with started as booted:
            booted.expect(FIRST_LINE)
            lines.append(started.elapsed())
            booted.expect(r"^hello: ")
            domains.append(started.elapsed())
    return {"boot_first_line_ms": round(statistics.median(lines) * 1000),
            "boot_domain0_first_line_ms": round(statistics.median(domains) * 1000)}


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
    for name, mib in (("1g", 1024), ("16g", 16384)):
        with Started(hypervisor, archive_of({"empty": ""}, []), memory=f"{mib}M") as booted:
            shell = control_domain.Shell(booted)
            free, own = shell.info("free_memory"), int(shell.list()["Domain-0"]["Mem"])
        result[f"memory_taken_of_{name}_mib"] = mib - free - own
    return result


def guests(hypervisor):
    """Create and destroy a minimal guest many times; the memory that one takes beside its own."""
    files = {"moss.cfg": control_domain.configuration("moss", "hello.elf", 4)}
    with Started(hypervisor, archive_of(files, ["hello"])) as booted:
        shell = control_domain.Shell(booted)
        free = shell.info("free_memory")
        shell.run("create moss -p -q")
        taken = free - shell.info("free_memory")
        shell.run("destroy moss")
        begun = time.monotonic()
        shell.run(f"repeat {GUESTS} 'create moss -p -q; destroy moss'")
        each = (time.monotonic() - begun) / GUESTS
    return {"guest_create_destroy_ms": round(each * 1000, 1),
            "guests_per_second": round(1 / each, 1), "guest_of_4_mib_takes_mib": taken}


def two_domains(hypervisor):
    """An event to another domain and back, both on one processor: two switches, two upcalls."""
    words = f"by=block rounds={PING_ROUNDS}"
    files = {f"{name}.cfg": control_domain.configuration(
        name, "clockwork.elf", 8, extra=f"job={name} peer={peer} {words}")
        for name, peer in (("ping", 2), ("pong", 1))}
    with Started(hypervisor, archive_of(files, ["clockwork"])) as booted:
        shell = control_domain.Shell(booted)
        for name in ("ping", "pong"):
            shell.run(f"create {name} -q")
        booted.send("console ping\r")
        found = booted.expect(r"^clockwork: ping rounds=\d+ each=(\d+)")
    return {"two_domains_round_trip_ns": int(found.group(1))}


def timer(hypervisor):
    """How late a first domain wakes from short sleeps, by the one-shot timer."""
    words = "job=sleep by=singleshot longest=2000 rounds=200 until=1000000"
    with Started(hypervisor, [(CLOCKWORK, words)]) as booted:
        found = booted.expect(r"^clockwork: late rounds=\d+ mean=(\d+)")
    return {"timer_late_mean_ns": int(found.group(1))}


MEASUREMENTS = (boot, image, memory_taken, guests, two_domains, timer)


def alternate(hypervisors):
    """{hypervisor: {row: figure}}, measurement by measurement in turn."""
    figures = {name: {} for name in hypervisors}
    for measurement in MEASUREMENTS:
        for name in hypervisors:
            try:
                figures[name] |= measurement(name)
            except (machine.Failure, KeyError, ValueError) as failure:
                last = re.sub(r"\s+", " ", str(failure))[-300:]
                print(f"{name}: {measurement.__name__} could not be measured: {last}",
                      file=sys.stderr)
    return figures
