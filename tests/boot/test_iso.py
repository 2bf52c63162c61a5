# SPDX-License-Identifier: MIT
"""The ISO boots to the prompt by every way that a PC has, with the demo's domains running."""

import re

import pytest

PROMPT = r"^bonsai> "


def type_command(booted, command):
    """Type a shell command at the prompt and return what it printed."""
    booted.send(command + "\n")
    booted.expect(re.escape(command) + r"\n")
    start = booted.position
    end = booted.expect(PROMPT)
    return booted.text[start:end.start()]


def reach_prompt(booted, key):
    booted.expect(r"Bonsai \(Multiboot 1\)")
    booted.send(key)
    booted.expect(r"^\(bonsai\) Bonsai ")
    booted.expect(PROMPT)


@pytest.mark.parametrize("key", ["b", "1"])
def test_bios(boot_iso, disk_image, key):
    booted = boot_iso(disk=disk_image)
    reach_prompt(booted, key)
    assert_three_domains(booted)
    booted.send("shutdown self\n")
    booted.wait()


def test_uefi(boot_iso, disk_image):
    booted = boot_iso(uefi=True, disk=disk_image)
    reach_prompt(booted, "b")
    assert_three_domains(booted)
    booted.send("shutdown self\n")
    booted.wait()


def assert_three_domains(booted):
    """As `xl list` has it: Name ID Mem VCPUs State Time(s)."""
    head, *rows = [line.split() for line in type_command(booted, "list").strip().split("\n")]
    assert head == ["Name", "ID", "Mem", "VCPUs", "State", "Time(s)"]
    assert sorted(row[0] for row in rows) == ["Domain-0", "demo", "moss"]
    for _, _, _, _, state, _ in rows:
        assert re.fullmatch(r"[r-][b-]----", state)


def test_without_disk(boot_iso):
    """The guest whose disk is missing is reported; the one with a RAM disk runs."""
    booted = boot_iso()
    reach_prompt(booted, "b")
    assert "moss" in type_command(booted, "list")
