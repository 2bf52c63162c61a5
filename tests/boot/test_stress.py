# SPDX-License-Identifier: MIT
"""Four virtual CPUs do everything at once to what they share, and are moved between processors.

stress.elf itself sees to it that each event arrives, that no timer comes too early or never, that no
page shows wrong contents and that no page table is written by a way around the hypervisor. Then
every frame's references are recounted. Emulation in parallel: the races are real.
"""

import re

import pytest

import machine
from control_domain import CONTROL, Shell, configuration, make_archive

STRESS = machine.GUESTS / "stress.elf"
OPTIONS = "dom0_max_vcpus=4"
PATIENCE = 300
# What has to have happened in a few seconds on any machine.
FIGURES = ["updates", "writes", "watches", "remnants", "flushes", "grants", "copies", "frames"]


def figures(booted):
    """The numbers of each line by name and key, once the guest is done."""
    end = booted.expect(r"^stress: (done|failed.*)$|^panic: .*$", PATIENCE)
    assert end.group(1) == "done", end.group()
    return {name: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", rest)}
            for name, rest in re.findall(r"^stress: (\w+) (\w+=.*)$", booted.text, re.MULTILINE)}


def assert_figures(found):
    assert all(found[name]["done"] > 0 for name in FIGURES), found
    assert found["events"]["sent"] == found["events"]["received"] > 0
    assert found["timers"]["fired"] > 0


def run_first_domain(boot, words, smp):
    """As first domain it moves its own virtual CPUs, and asks for the audit at its end."""
    booted = boot((STRESS, words), options=OPTIONS, smp=smp)
    found = figures(booted)
    assert_figures(found)
    if "moves no virtual CPUs" not in booted.text:
        assert found["moves"]["done"] > 0
    assert re.search(r"audit: ok", booted.text)


@pytest.mark.parametrize("smp", [1, 2, 4])
def test_first_domain(boot_bonsai, smp):
    run_first_domain(boot_bonsai, f"seconds=4 seed={smp}", smp)


@pytest.mark.soak
@pytest.mark.parametrize("smp", [2, 4])
def test_first_domain_for_a_minute(boot_bonsai, smp):
    run_first_domain(boot_bonsai, f"seconds=60 seed={100 + smp}", smp)


def run_guest(boot_bonsai, tmp_path, seconds):
    """Beside others, moved by the control domain; its memory comes back when it is destroyed."""
    archive = make_archive(
        tmp_path, {"stress.cfg": configuration("stress", "stress.elf", vcpus=4,
                                               extra=f"seconds={seconds}")}, guests=["stress"])
    shell = Shell(boot_bonsai((CONTROL, "auto=no"), (archive, ""), options="dom0_mem=128M",
                              memory="512M", smp=2))
    shell.run("create stress.cfg -q; destroy stress")  # what is allocated once is allocated now
    free = shell.info("free_pages")
    shell.run("create stress.cfg -q")
    for turn in range(seconds * 4):
        shell.run(f"vcpu-pin stress {turn % 4} {turn // 4 % 2}")
    for vcpu in range(4):
        shell.run(f"vcpu-pin stress {vcpu} all")
    shell.booted.send("console stress\r")
    assert_figures(figures(shell.booted))
    shell.detach()
    shell.booted.send("debug-keys a\r")
    assert shell.booted.expect(r"audit: (ok|\d+ errors)").group(1) == "ok"
    shell.run("destroy stress")
    while "stress" in shell.list():
        pass
    assert shell.info("free_pages") == free


def test_guest(boot_bonsai, tmp_path):
    run_guest(boot_bonsai, tmp_path, 4)


@pytest.mark.soak
def test_guest_for_a_minute(boot_bonsai, tmp_path):
    run_guest(boot_bonsai, tmp_path, 60)


def test_on_xen(boot_xen):
    """The same guest finds nothing wrong with another hypervisor."""
    booted = boot_xen((STRESS, "seconds=4"), options=f"dom0_mem=256M {OPTIONS} sched=credit")
    assert_figures(figures(booted))
