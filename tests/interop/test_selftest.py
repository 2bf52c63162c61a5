# SPDX-License-Identifier: MIT
"""selftest.elf, one check per hypercall and error path, on Bonsai and on Debian's Xen.

What passes on Xen is a statement about the ABI; that it passes here too is one about Bonsai.
"""

import pytest

import machine
from control_domain import CONTROL, Shell, configuration, make_archive

SELFTEST = machine.GUESTS / "selftest.elf"
VERDICT = r"^Test result: (\w+) \((\d+) checks, (\d+) skipped\)"


def assert_success(booted):
    verdict, checks, skipped = booted.expect(VERDICT).groups()
    failures = [line for line in booted.lines("selftest:") if "... failure" in line]
    assert not failures
    assert verdict == "SUCCESS"
    assert int(checks) - int(skipped) > 150


@pytest.mark.parametrize("cpu", ["qemu64", "Skylake-Client", "max"])
def test_first_domain(boot_bonsai, cpu):
    assert_success(boot_bonsai(SELFTEST, cpu=cpu))


def test_first_domain_of_xen(boot_xen):
    assert_success(boot_xen(SELFTEST))


@pytest.mark.parametrize("hypervisor", ["bonsai", "xen"])
def test_unprivileged(request, hypervisor, tmp_path):
    archive = make_archive(tmp_path, {"selftest.cfg": configuration("selftest", "selftest.elf")},
                           guests=("selftest",))
    boot = request.getfixturevalue(f"boot_{hypervisor}")
    booted = boot(CONTROL, archive, options="dom0_mem=128M", memory="512M")
    Shell(booted)
    booted.send("create -c selftest.cfg\r")
    assert_success(booted)
