# SPDX-License-Identifier: MIT
"""Every reference to every frame is accounted for while domains run, fail, end and come again."""

import re

import machine
import pytest
import shell


@pytest.fixture
def control(boot_bonsai):
    booted = boot_bonsai(machine.GUESTS / "control.elf", machine.BUILD / "domains.cpio",
                         options="dom0_mem=128M", memory="512M", smp=2)
    return shell.Shell(booted)


def assert_audit(control):
    """The hypervisor recounts; its messages may come after the prompt."""
    control.booted.send("debug-keys a\n")
    found = control.booted.expect(r"audit: (ok|\d+ errors)")
    assert found.group(1) == "ok"
    control.booted.send("\n")
    control.booted.expect(shell.CONTROL_PROMPT)


def test_audit(control):
    """Rings and grants connected, a disk used, a guest dead of a fault, another destroyed."""
    assert_audit(control)
    control.attach("demo")
    assert "done" in control.demo("pattern 0 64 5")
    control.detach()
    assert_audit(control)
    control.attach("moss")
    control.booted.send("fault null\n")
    control.booted.expect(r"Domain moss \(id \d+\) has crashed")
    control.booted.send("\n")
    control.booted.expect(shell.CONTROL_PROMPT)
    control.wait_until_gone("moss")
    assert_audit(control)
    control.command("destroy demo")
    control.wait_until_gone("demo")
    assert_audit(control)
    assert not re.search(r"PANIC|crashed in the hypervisor", control.booted.text)
