# SPDX-License-Identifier: MIT
"""Fixtures of all tests that start a machine: each machine ends with its test."""

import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import machine as qemu  # noqa: E402 (found by the path above)
import shell  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: takes long; only `make soak` runs it")


@pytest.fixture
def start(tmp_path):
    """Start machines with given QEMU arguments."""
    machines = []

    def start_machine(*arguments):
        machines.append(qemu.Machine(tmp_path, list(arguments)))
        return machines[-1]

    yield start_machine
    for started in machines:
        started.close()


@pytest.fixture
def boot_bonsai(start):
    """Start Bonsai by QEMU's Multiboot loader; keywords as of machine_arguments()."""

    def boot(*modules, options="", extra=(), **hardware):
        return start(*qemu.machine_arguments(**hardware), *extra,
                     *qemu.kernel_arguments(qemu.BONSAI, f"console=com1 com1=115200 {options}",
                                            modules))

    return boot


@pytest.fixture
def boot_xen(start):
    """Start Debian's Xen with the given modules."""

    def boot(*modules, options="dom0_mem=256M", extra=(), memory="768M", smp=1):
        # Without SMAP: Xen 4.17 dies on QEMU's emulation of it.
        return start(*qemu.machine_arguments(cpu="Skylake-Client,-smap", memory=memory, smp=smp),
                     *extra, *qemu.kernel_arguments(
                         qemu.XEN, f"console=com1 com1=115200 noreboot {options}", modules))

    return boot


@pytest.fixture
def boot_iso(start, tmp_path):
    """Start the ISO by BIOS or UEFI, with a disk if a path is given."""

    def boot(uefi=False, disk=None, extra=(), **hardware):
        arguments = ["-cdrom", str(qemu.ISO), "-boot", "d", *extra]
        if uefi:
            arguments += qemu.firmware_arguments(tmp_path)
        if disk:
            arguments += qemu.disk_arguments(disk)
        return start(*qemu.machine_arguments(**{"memory": "512M", "smp": 2, **hardware}),
                     *arguments)

    return boot


@pytest.fixture
def disk_image(tmp_path):
    """A fresh GPT disk with the partitions of `make disk`, as its path."""
    path = tmp_path / "disk.img"
    with open(path, "wb") as image:
        image.truncate(32 << 20)
    subprocess.run(["/usr/sbin/sgdisk", "--clear", "--new=1:0:+8M", "--change-name=1:demo",
                    "--new=2:0:+16M", "--change-name=2:scratch", str(path)],
                   check=True, stdout=subprocess.DEVNULL)
    return path


@pytest.fixture(params=["bonsai", "xen"])
def boot_control(request, boot_bonsai, boot_xen):
    """Start the control domain with its archive on either hypervisor; return its shell.

    What holds on both is the ABI's; what holds on one only is a defect of ours.
    """

    def boot(disk=None, **keywords):
        modules = [qemu.GUESTS / "control.elf", qemu.BUILD / "domains.cpio"]
        extra = qemu.disk_arguments(disk) if disk else ()
        if request.param == "bonsai":
            booted = boot_bonsai(*modules, options="dom0_mem=128M", extra=extra,
                                 **{"memory": "512M", "smp": 2, **keywords})
        else:
            # One processor: with two, Xen in a loaded QEMU now and then sleeps over a wake-up.
            booted = boot_xen(*modules, options="dom0_mem=128M", extra=extra)
        return shell.Shell(booted, powers_off=request.param == "bonsai")

    return boot
