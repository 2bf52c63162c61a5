# SPDX-License-Identifier: MIT
"""The hypervisor runs a first domain on every machine, processor and amount of memory it should.

hello.elf checks memory, exceptions, time and events of the guest for itself; each boot must end
in its last line, without a failed check, and in the machine switched off.
"""

import machine
import pytest

HELLO = machine.GUESTS / "hello.elf"


def assert_hello(booted):
    booted.expect(r"^hello: done$")
    assert "FAILED" not in "".join(booted.lines("hello:"))
    booted.wait()


@pytest.mark.parametrize("cpu", ["qemu64", "Nehalem", "Skylake-Client", "EPYC", "max"])
def test_processors(boot_bonsai, cpu):
    assert_hello(boot_bonsai(HELLO, cpu=cpu))


@pytest.mark.parametrize("model", ["pc", "q35"])
@pytest.mark.parametrize("smp", [1, 4])
def test_machines(boot_bonsai, model, smp):
    assert_hello(boot_bonsai(HELLO, machine=model, smp=smp))


@pytest.mark.parametrize("memory", ["128M", "1G", "3G", "5G", "16G"])
def test_memory(boot_bonsai, memory):
    assert_hello(boot_bonsai(HELLO, memory=memory, options="dom0_mem=64M"))


def test_without_limit_on_first_domain(boot_bonsai):
    """Without dom0_mem= the first domain gets what is free, and that works too."""
    assert_hello(boot_bonsai(HELLO, memory="512M"))


def test_deterministic_time(boot_bonsai):
    assert_hello(boot_bonsai(HELLO, icount=True))
