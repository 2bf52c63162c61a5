# SPDX-License-Identifier: MIT
"""Debian's Linux as guest of the control domain on both hypervisors, and the same kernel on the
bare machine that QEMU is, each with the same first process, tests/bench/linux/measure.c.

Under -icount its nanoseconds are instructions; under plain emulation they are the host's time.
"""

import pathlib
import re
import sys
import tempfile
import time

import rows

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import control_domain  # noqa: E402 (found by the path above)
import machine  # noqa: E402

KERNEL = machine.BUILD / "debian" / "linux.elf"
IMAGES = machine.BUILD / "debian" / "linux" / "boot"
INITRD = machine.BUILD / "bench" / "initrd"
MEMORY = 192
WORDS = "mitigations=off quiet loglevel=1"
ROW = re.compile(r"^linux-bench: (\w+) (\d+|wrong)$", re.MULTILINE)
PATIENCE = 300


def start_native(directory, icount):
    image = next(IMAGES.glob("vmlinuz-*"))
    return machine.Machine(directory, [
        *machine.machine_arguments(cpu=rows.CPU, memory=f"{MEMORY}M", icount=icount),
        "-kernel", str(image), "-initrd", str(INITRD), "-append", f"console=ttyS0 {WORDS}"])


def start_guest(directory, hypervisor, icount):
    """Up to the prompt of the control domain; `create` is not part of any figure but `start`."""
    config = control_domain.configuration("linux", "linux.elf", MEMORY, ramdisk="initrd",
                                          extra=f"console=hvc0 {WORDS}")
    archive = control_domain.make_archive(
        directory, {"linux.cfg": config, "linux.elf": KERNEL.read_bytes(),
                    "initrd": INITRD.read_bytes()}, guests=[])
    started = machine.Machine(directory, [
        *machine.machine_arguments(cpu=rows.CPU, memory="1G", icount=icount),
        *machine.kernel_arguments(
            rows.HYPERVISORS[hypervisor],
            "console=com1 com1=115200 dom0_mem=320M dom0_max_vcpus=1 "
            "spec-ctrl=no,eager-fpu xpti=no noreboot",
            [(control_domain.CONTROL, "auto=no"), (archive, "")])])
    started.expect(control_domain.PROMPT, PATIENCE)
    return started


def run(place, icount):
    """{row: nanoseconds} of one start; `start_ms` is the host's time to its first process."""
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        begun = time.monotonic()
        if place == "native":
            started = start_native(directory, icount)
        else:
            started = start_guest(directory, place, icount)
            begun = time.monotonic()
            started.send("create linux.cfg -c\r")
        try:
            started.expect(r"^linux-bench: boot", PATIENCE)
            took = time.monotonic() - begun
            started.expect(r"^linux-bench: done", PATIENCE)
        except machine.Failure as failure:
            print(f"Linux, {place}: {str(failure)[-500:]}", file=sys.stderr)
        finally:
            started.close()
        found = {f"linux_{row}": int(cost) if cost.isdigit() else cost
                 for row, cost in ROW.findall(started.text)}
    if found and not icount:
        found["linux_start_to_user_space"] = round(took * 1e9)
    return found


def alternate(places, count, icount):
    """{place: {row: median nanoseconds}}."""
    runs = {place: [] for place in places}
    for _ in range(count):
        for place in places:
            runs[place].append(run(place, icount))
    return {place: rows.median(results) for place, results in runs.items()}
