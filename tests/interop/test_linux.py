# SPDX-License-Identifier: MIT
"""Debian's Linux as a guest of the control domain: somebody else's front ends on our back ends.

What it shows: the domain builder takes a stock kernel, the store speaks Linux's dialect of the
protocol, and console and block back ends serve its drivers. On Xen it tests our control domain
alone; on Bonsai the hypervisor as well.
"""

import machine
import pytest
import shell

TEXT = b"written by linux\n"
MIB = 1 << 20
PARTITION = 9 * MIB  # the second partition: behind 1 MiB of table and 8 MiB of the first
SIZE = 16 * MIB


@pytest.fixture(params=["bonsai", "xen"])
def control(request, boot_bonsai, boot_xen, disk_image):
    """The control domain with the archive that holds Linux, and a disk."""
    boot, options = ((boot_bonsai, {"smp": 2}) if request.param == "bonsai" else (boot_xen, {}))
    booted = boot(machine.GUESTS / "control.elf", machine.BUILD / "linux.cpio",
                  options="dom0_mem=320M", memory="1G", extra=machine.disk_arguments(disk_image),
                  **options)
    return shell.Shell(booted, powers_off=request.param == "bonsai")


def test_linux_guest(control, disk_image):
    """It boots, finds its disk, and what it wrote is in its partition and nowhere else."""
    before = disk_image.read_bytes()
    control.booted.send("create linux.cfg -c\n")
    control.booted.expect(r"^linux: up on xen$")
    control.booted.expect(rf"^linux: disk of {SIZE // 512} sectors$")
    for line in ("written", "read back", "read all", "done"):
        control.booted.expect(rf"^linux: {line}$")
    control.booted.expect(r"has powered off")
    control.booted.expect(shell.CONTROL_PROMPT)  # the console is left when its domain ends
    control.wait_until_gone("linux")
    control.power_off()
    after = disk_image.read_bytes()
    expected = bytearray(before)
    expected[PARTITION + MIB:PARTITION + 2 * MIB] = (TEXT * (MIB // len(TEXT) + 1))[:MIB]
    assert after == bytes(expected)
