# SPDX-License-Identifier: MIT
"""How evenly two processors are shared, and how late who sleeps wakes up, in virtual time.

Eight guests of one vcpu compute, of weights 1:2:4:8, two of each; in a second run three that sleep
for up to 2 ms at a time are beside them. -icount lets an instruction take 16 ns.
"""

import pathlib
import sys
import tempfile

import rows

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import control_domain  # noqa: E402 (found by the path above)
import machine  # noqa: E402

WINDOW = "from=3000 until=13000"
COMPUTING = {f"spin{i}": 1 << i % 4 for i in range(8)}
SLEEPING = ("singleshot", "set_timer", "poll")
ICOUNT = ["-icount", "shift=4,sleep=off,align=off"]
PATIENCE = 600


def guest(name, words, weight, **settings):
    return {f"{name}.cfg": control_domain.configuration(
        name, "clockwork.elf", 8, extra=f"{words} {WINDOW}", cpu_weight=weight, **settings)}


def run(hypervisor, files):
    """Boot, start all guests at once; {guest: what it printed}."""
    names = [name.removesuffix(".cfg") for name in files]
    files = files | {"script": "".join(f"create {name} -q\n" for name in names)}
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        archive = control_domain.make_archive(directory, files, guests=["clockwork"])
        started = machine.Machine(directory, [
            *machine.machine_arguments(cpu=rows.CPU, smp=2, memory="512M"), *ICOUNT,
            *machine.kernel_arguments(
                rows.HYPERVISORS[hypervisor],
                f"console=com1 com1=115200 dom0_mem=96M dom0_max_vcpus=1 {rows.PLAIN}",
                [(control_domain.CONTROL, "auto=no run=script"), (archive, "")])])
        try:
            shell = control_domain.Shell(started)
            return {name: shell.clockwork(name, PATIENCE) for name in names}
        finally:
            started.close()


def unevenness(results):
    """By how much, in thousandths of its due share, the worst off misses it."""
    ran = {name: results[name]["spin"]["running"] for name in COMPUTING}
    part = sum(ran.values()) / sum(COMPUTING.values())
    return round(max(abs(ran[name] / (part * COMPUTING[name]) - 1) for name in ran) * 1000, 1)


def computing():
    return {file: text for name, weight in COMPUTING.items()
            for file, text in guest(name, "job=spin", 256 * weight).items()}


def shares(hypervisor):
    return {"shares_of_eight_missed_by_permille": unevenness(run(hypervisor, computing()))}


def latency(hypervisor):
    sleeping = {file: text for by in SLEEPING
                for file, text in guest(by, f"job=sleep by={by} longest=1900", 1024).items()}
    results = run(hypervisor, computing() | sleeping)
    late = [results[by]["late"] for by in SLEEPING]
    wakes = sum(one["rounds"] for one in late)
    return {
        "shares_beside_sleepers_missed_by_permille": unevenness(results),
        "sleepers_wake_ups_per_second": round(wakes / 10),
        "wake_ups_over_200_us_late_permille":
            round(1000 * sum(one["over"] for one in late) / wakes, 1),
        "wake_up_mean_lateness_us":
            round(sum(one["mean"] * one["rounds"] for one in late) / wakes / 1000, 1),
        "wake_up_latest_us": round(max(one["longest"] for one in late) / 1000),
    }
