# SPDX-License-Identifier: MIT
"""A guest that falls over does so alone: it is ended or refused, the others go on."""

import pytest

ENDING = ["null", "ud", "div", "stack"]
SURVIVED_BY_HOST = ["pagetable", "flood", "ring", "console", "spin"]
# What the control domain says about it, at a moment of its own: not in the middle of an echo.
NOTICED = {"ring": "the ring is shut", "console": "its console is shut"}


def assert_control_lives(control):
    domains = control.domains()
    assert domains["Domain-0"][3] == "r-----"
    control.attach("demo")
    assert "done" in control.demo("pattern 0 64 5")
    control.detach()


@pytest.mark.parametrize("kind", ENDING)
def test_guest_ends(boot_control, disk_image, kind):
    control = boot_control(disk=disk_image)
    control.attach("moss")
    control.booted.send(f"fault {kind}\n")
    control.booted.expect(r"Domain moss \(id \d+\) has crashed|moss.*crash")
    control.booted.send("\n")
    control.booted.expect(r"^bonsai> ")
    control.wait_until_gone("moss")
    assert_control_lives(control)


@pytest.mark.parametrize("kind", SURVIVED_BY_HOST)
def test_others_go_on(boot_control, disk_image, kind):
    control = boot_control(disk=disk_image)
    control.attach("moss")
    control.booted.send(f"fault {kind}\n")
    control.booted.expect(rf"fault {kind}\n")
    if kind in NOTICED:
        control.booted.expect(NOTICED[kind])
    control.detach()
    assert_control_lives(control)
    control.command("destroy moss")
    control.wait_until_gone("moss")
    assert_control_lives(control)


def test_in_flight(boot_control, disk_image):
    """A guest that dies inside a block request: the request ends, the guest goes."""
    control = boot_control(disk=disk_image)
    control.attach("demo")
    control.booted.send("fault inflight\n")
    control.booted.expect(r"demo.*crash|Domain demo")
    control.booted.send("\n")
    control.booted.expect(r"^bonsai> ")
    control.wait_until_gone("demo")
    assert "moss" in control.domains()
