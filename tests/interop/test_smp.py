# SPDX-License-Identifier: MIT
"""The guest kernel on several virtual CPUs, on Bonsai and on Debian's Xen."""

import re

import pytest

import machine
from control_domain import CONTROL, Shell, configuration, make_archive

SELFTEST = (machine.GUESTS / "selftest.elf", "only=smp")
VERDICT = r"^Test result: (\w+) \((\d+) checks, (\d+) skipped\)"

# With its default scheduler and two processors Xen 4.17 sometimes leaves a virtual CPU that wants
# to run in the queue while both processors idle.
XEN = "dom0_mem=256M sched=credit"


def assert_success(booted, skipped):
    verdict = booted.expect(VERDICT)
    failures = [line for line in booted.lines("selftest:") if "... failure" in line]
    assert not failures
    assert verdict.group(1) == "SUCCESS"
    assert (verdict.group(3) == verdict.group(2)) == skipped


@pytest.mark.parametrize("smp, vcpus", [(2, 1), (2, 2), (1, 4), (4, 4), (2, 8)])
def test_on_bonsai(boot_bonsai, smp, vcpus):
    """Up, down a hundred times, events, timers and areas of each; as many as processors or more."""
    assert_success(boot_bonsai(SELFTEST, options=f"dom0_max_vcpus={vcpus}", smp=smp), vcpus == 1)


@pytest.mark.parametrize("vcpus", [1, 2, 4, 8])
def test_on_xen(boot_xen, vcpus):
    assert_success(boot_xen(SELFTEST, options=f"{XEN} dom0_max_vcpus={vcpus}", smp=2), vcpus == 1)


def wait_for_vcpus(shell, up):
    """Until the demo guest, attached, shows exactly the first so many of its four as up."""
    wanted = ["up"] * up + ["down"] * (4 - up)
    for _ in range(100):
        shell.booted.send("cpus\r")
        shell.booted.expect(r"^vcpu 3 .*$")
        shown = re.findall(r"^vcpu \d +(\w+) +ran", shell.booted.text, re.MULTILINE)[-4:]
        shell.booted.expect("^demo> ")
        if shown == wanted:
            return
    raise AssertionError(f"{shown} instead of {wanted}; console:\n{shell.booted.text}")


@pytest.mark.parametrize("hypervisor", ["bonsai", "xen"])
def test_hotplug(request, hypervisor, tmp_path):
    """`vcpu-set` writes into the store how many shall be up, and the guest follows, also busy."""
    archive = make_archive(
        tmp_path, {"demo.cfg": configuration("demo", vcpus=2, maxvcpus=4)}, guests=("demo",))
    booted = request.getfixturevalue(f"boot_{hypervisor}")(
        (CONTROL, "auto=no"), (archive, ""), options="dom0_mem=128M", memory="512M")
    shell = Shell(booted)
    shell.run("create demo.cfg")
    shell.attach("demo")
    wait_for_vcpus(shell, 2)
    for count in (4, 1, 3):
        shell.detach()
        shell.run(f"vcpu-set -i demo {count}")
        assert shell.list()["demo"]["State"] != "---c-"
        shell.attach("demo", "")
        booted.send("\r")
        wait_for_vcpus(shell, count)
    booted.send("spin 2\r")
    booted.expect(r"^3 virtual processors count$")
    shell.detach()
    shell.run("vcpu-set -i demo 1")
    shell.attach("demo", "")
    counted = [booted.expect(rf"^vcpu {vcpu} counted to (\d+)$").group(1) for vcpu in range(3)]
    assert all(int(number) > 0 for number in counted)
    wait_for_vcpus(shell, 1)
