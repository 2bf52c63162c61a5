# SPDX-License-Identifier: MIT
"""What start-up finds on a machine: its processors, its clocks, its options."""

import re

import machine
import pytest

HELLO = machine.GUESTS / "hello.elf"
TSC = r"^\(bonsai\) TSC at (\d+)\.(\d+) MHz, measured by the (.*)$"


@pytest.mark.parametrize("smp", [1, 2, 3, 8])
def test_all_processors_start(boot_bonsai, smp):
    booted = boot_bonsai(HELLO, smp=smp)
    booted.expect(rf"^\(bonsai\) {smp} CPUs, ")
    booted.wait()
    assert "does not start" not in booted.text
    assert "ticks apart" not in booted.text


@pytest.mark.parametrize("extra, reference", [
    ([], "HPET"),
    (["-no-hpet"], "ACPI PM timer"),
])
def test_tsc_rate_is_exact(boot_bonsai, extra, reference):
    """Where a tick is a nanosecond, every reference must measure just that, to 100 ppm."""
    booted = boot_bonsai(HELLO, icount=True, extra=extra)
    booted.wait()
    mhz, khz, used = re.search(TSC, booted.text, re.M).groups()
    assert used == reference
    assert abs(int(mhz) * 1000 + int(khz) - 1000000) <= 100


def test_without_acpi(boot_bonsai):
    """One processor, the PIT as reference, and no way to switch off: the guest still runs."""
    booted = boot_bonsai(HELLO, extra=["-no-acpi", "-no-hpet"], smp=2)
    booted.expect(r"^\(bonsai\) ACPI: no root pointer, one processor")
    booted.expect(r"measured by the PIT")
    booted.expect(r" 1 CPUs, ")
    booted.expect(r"^hello: done$")


def test_second_serial_port(boot_bonsai, tmp_path):
    """console=com2 moves everything to the second port."""
    second = tmp_path / "second.log"
    booted = boot_bonsai(HELLO, options="console=com2", extra=["-serial", f"file:{second}"])
    booted.wait()
    assert "hello: done" in second.read_text()
    assert "hello" not in booted.text


def test_last_words(boot_bonsai):
    """The processor that ends the machine sends what is left to say, and no other does."""
    for _ in range(4):
        booted = boot_bonsai(machine.GUESTS / "selftest.elf", smp=2)
        booted.wait()
        assert booted.text.endswith("\n(bonsai) domain 0 shut down: powering off\n")
