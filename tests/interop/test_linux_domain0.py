# SPDX-License-Identifier: MIT
"""Debian's Linux as the first domain: its own drivers for the machine's disk and network card, by
ACPI's tables, PCI, the I/O APIC's pins and messages. Xen's dom0 stands beside it: how long either
took from QEMU's start to user space is written down, not judged."""

import functools
import hashlib
import http.server
import threading
import time

import machine
import pytest
from linux_system import Linux

SYSTEM = machine.BUILD / "debian" / "system"
DRIVERS = "virtio_pci,virtio_blk,virtio_net,e1000,ahci,ata_piix,sd_mod"
REPORT = machine.BUILD / "linux-start.txt"
MIB = 1 << 20
DISK_MIB = 16
DISKS = {
    "virtio-blk": ("/dev/vda", ["-drive", "file={},format=raw,if=none,id=disk",
                                "-device", "virtio-blk-pci,drive=disk"]),
    "ide": ("/dev/sda", ["-drive", "file={},format=raw,if=ide"]),
    "ahci": ("/dev/sda", ["-device", "ahci,id=ahci", "-drive",
                          "file={},format=raw,if=none,id=disk",
                          "-device", "ide-hd,drive=disk,bus=ahci.0"]),
}


@pytest.fixture
def served_file(tmp_path):
    """A file that the host's own HTTP server gives out; its address seen from QEMU, and its sum."""
    folder = tmp_path / "served"
    folder.mkdir()
    content = b"".join(number.to_bytes(4, "little") for number in range(500_000))
    (folder / "file").write_bytes(content)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"10.0.2.2:{server.server_port}/file", hashlib.md5(content).hexdigest()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "domain0.img"
    path.write_bytes(b"".join(b"%016d" % number for number in range(DISK_MIB * MIB // 16)))
    return path


def modules():
    line = f"console=hvc0 loglevel=4 drivers={DRIVERS}"
    return [(SYSTEM / "standard.elf", line), SYSTEM / "standard.initrd"]


@pytest.mark.parametrize("board, processors, controller, card", [
    ("pc", 1, "virtio-blk", "e1000"),
    ("q35", 4, "ahci", "virtio-net-pci"),
    *(pytest.param(*case, marks=pytest.mark.soak) for case in [
        ("pc", 4, "ide", "virtio-net-pci"), ("q35", 1, "virtio-blk", "e1000"),
        ("pc", 2, "ahci", "e1000")])])
def test_devices(boot_bonsai, disk, served_file, board, processors, controller, card):
    """It reads the whole disk and fetches a file from the host, both unharmed."""
    device, arguments = DISKS[controller]
    network = ["-netdev", "user,id=network", "-device", f"{card},netdev=network"]
    linux = Linux(boot_bonsai(
        *modules(), options="dom0_mem=512M", memory="1G", machine=board, smp=processors,
        extra=[argument.format(disk) for argument in arguments] + network))
    assert linux.wait_until_up() == processors
    image = disk.read_bytes()
    assert hashlib.md5(image).hexdigest() in \
        linux.command(f"head -c {len(image)} {device} | md5sum")
    assert "lease of 10.0.2.15" in linux.command(
        "ip link set eth0 up; udhcpc -qni eth0 -s /etc/udhcpc")
    address, expected = served_file
    assert expected in linux.command(f"wget -qO- http://{address} | md5sum")
    kinds = linux.command("cat /proc/interrupts")
    assert "xen-pirq    -ioapic" in kinds and "xen-pirq    -msi" in kinds
    linux.command(f"dd if=/dev/zero of={device} bs=1M count=1 seek=2 conv=fsync")
    linux.booted.send("poweroff\n")
    linux.booted.wait()
    assert disk.read_bytes() == image[:2 * MIB] + bytes(MIB) + image[3 * MIB:]


def test_start_beside_xen(boot_bonsai, boot_xen):
    """Both hypervisors bring it to user space on the same machine; the times go into a report. Its
    log complains about nothing that it does not complain about on Xen."""
    lines, warnings = [], []
    for name, boot, more in (("Bonsai", boot_bonsai, {"cpu": "Skylake-Client,-smap"}),
                             ("Xen 4.17", boot_xen, {})):
        begin = time.monotonic()
        linux = Linux(boot(*modules(), options="dom0_mem=512M", memory="1G", **more))
        linux.wait_until_up()
        lines.append(f"Linux as domain 0 of {name}: user space {time.monotonic() - begin:.1f} s "
                     "after QEMU's start\n")
        warnings.append(linux.warnings())
        linux.booted.close()
    REPORT.write_text("".join(lines))
    assert warnings[0] - warnings[1] == set()
