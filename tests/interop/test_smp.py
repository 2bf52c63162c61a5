# SPDX-License-Identifier: MIT
"""The guest kernel on several virtual CPUs, on Bonsai and on Debian's Xen."""

import pytest

import machine

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
