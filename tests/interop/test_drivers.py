# SPDX-License-Identifier: MIT
"""Disks and their drivers: kinds of interrupt, names of disks, reconnection, damaged tables."""

import machine
import pytest
import shell

from control_domain import configuration, make_archive

SECTOR = 512
DEMO_SECTORS = 16384  # of the first partition: 8 MiB
SCRATCH_SECTORS = 32768  # of the second one: 16 MiB

# What a disk may hang on, and how its interrupts come then.
ATTACHMENTS = {
    "pc-msix": ("pc", [], "", "MSI-X"),
    "pc-pin": ("pc", [], ",vectors=0", "pin"),
    "q35-msix": ("q35", [], "", "MSI-X"),
    "q35-pin": ("q35", [], ",vectors=0", "pin"),
    "q35-port": ("q35", ["-device", "pcie-root-port,id=root-port"], ",bus=root-port", "MSI-X"),
}


@pytest.fixture(params=["bonsai", "xen"])
def boot(request, boot_bonsai, boot_xen):
    """The control domain with any archive and any disk, on either hypervisor."""

    def boot_with(archive, extra, board="pc"):
        modules = [machine.GUESTS / "control.elf", archive]
        extra = ["-machine", board, *extra]
        if request.param == "bonsai":
            booted = boot_bonsai(*modules, options="dom0_mem=128M", memory="512M", smp=2,
                                 machine=board, extra=extra)
        else:
            booted = boot_xen(*modules, options="dom0_mem=128M", extra=extra)
        return shell.Shell(booted, powers_off=request.param == "bonsai")

    return boot_with


@pytest.fixture
def archive(tmp_path):
    """The demo guest with given disks: a function of a dictionary, name to disk."""

    def make(guests):
        files = {f"{name}.cfg": configuration(name, memory=8, disk=[disk])
                 for name, disk in guests.items()}
        return make_archive(tmp_path, files | {"scratch.img": bytes(64 * SECTOR)}, guests=["demo"])

    return make


@pytest.mark.parametrize("attachment", ATTACHMENTS)
def test_attachment(boot, disk_image, attachment):
    board, devices, options, interrupt = ATTACHMENTS[attachment]
    control = boot(machine.BUILD / "domains.cpio", [
        *devices, "-drive", f"file={disk_image},format=raw,if=none,id=disk",
        "-device", f"virtio-blk-pci,drive=disk{options}"], board)
    assert f"interrupt by {interrupt}\n" in control.booted.text
    control.attach("demo")
    assert "done" in control.demo("pattern 0 2000 3")
    assert "done" in control.demo("verify 0 2000 3")


def test_names(boot, disk_image, archive):
    """Every way to name a disk; each guest sees its own extent."""
    control = boot(archive({
        "label": "phy:/dev/disk/by-partlabel/scratch,raw,xvda,r",
        "extent": "/dev/vda@40+24,raw,xvda,w",
        "file": "file:scratch.img,raw,xvda,w",
        "number": "/dev/vda1,raw,xvda,w",
    }), machine.disk_arguments(disk_image))
    sizes = {"label": SCRATCH_SECTORS, "extent": 24, "file": 64, "number": DEMO_SECTORS}
    for name, sectors in sizes.items():
        control.command(f"create {name}")
        control.attach(name)
        assert f"{sectors} sectors" in control.demo("disk")
        writes = control.demo(f"pattern {sectors - 8} 8 1")
        assert ("failed" if name == "label" else "done") in writes
        assert "failed" in control.demo(f"read {sectors}")
        control.detach()


def test_shared(boot, disk_image, archive):
    """A disk that somebody writes is nobody else's; readers may share."""
    control = boot(archive({
        "writer": "/dev/vda1,raw,xvda,w",
        "reader": "/dev/vda1,raw,xvda,r",
        "second": "/dev/vda@2048+1,raw,xvda,r",
    }), machine.disk_arguments(disk_image))
    control.command("create reader")
    control.command("create second")
    for name in ("reader", "second"):
        control.attach(name)
        assert "done" in control.demo("read 0")
        control.detach()
    control.command("create writer")
    assert "cannot open /dev/vda1" in control.booted.text
    control.command("destroy reader")
    control.command("destroy second")
    control.command("destroy writer")
    for name in ("reader", "second", "writer"):
        control.wait_until_gone(name)
    control.command("create writer")
    control.attach("writer")
    assert "done" in control.demo("write 0 mine")


def test_damaged_table(boot, disk_image):
    """A damaged primary table is replaced by the backup, and that is said."""
    with open(disk_image, "r+b") as image:
        image.seek(SECTOR + 56)
        image.write(b"\xff")
    control = boot(machine.BUILD / "domains.cpio", machine.disk_arguments(disk_image))
    assert "its backup is used" in control.booted.text
    control.attach("demo")
    assert f"{DEMO_SECTORS} sectors" in control.demo("disk")


def test_no_disk(boot, archive):
    """Without a disk the guest of one waits for it, and nothing else suffers."""
    control = boot(archive({"number": "/dev/vda1,raw,xvda,w", "file": "scratch.img,raw,xvda,w"}), [])
    control.command("create number")
    control.command("create file")
    control.attach("file")
    assert "done" in control.demo("read 0")


def test_reconnect(boot, disk_image):
    """Either end starts again, also in the middle of requests; nothing is lost."""
    slow = ["-drive", f"file={disk_image},format=raw,if=none,id=disk,throttling.iops-total=40",
            "-device", "virtio-blk-pci,drive=disk"]
    control = boot(machine.BUILD / "domains.cpio", slow)
    control.attach("demo")
    control.booted.send("pattern 0 8000 11\n")
    control.detach()
    for _ in range(3):
        control.command("block-restart")
    control.attach("demo")
    assert "done" in control.demo("verify 0 8000 11")
    for _ in range(3):
        assert "done" in control.demo("reconnect")
        assert "done" in control.demo("verify 7000 1000 11")
