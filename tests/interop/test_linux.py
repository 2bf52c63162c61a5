# SPDX-License-Identifier: MIT
"""Debian's Linux as a guest of the control domain: somebody else's front ends on our back ends.

What it shows: the domain builder takes a stock kernel, the store speaks Linux's dialect of the
protocol, and console, block and network back ends serve its drivers. On Xen it tests our control domain
alone; on Bonsai the hypervisor as well.
"""

import hashlib
import http.server
import random
import threading

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


@pytest.fixture
def web_server():
    """A file on a web server of the host: its address as QEMU's user network has it, its content."""
    content = random.Random(7).randbytes(8 * MIB)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://10.0.2.2:{server.server_port}/file", content
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("hypervisor, card", [("bonsai", "virtio-net-pci"), ("bonsai", "e1000"),
                                              ("bonsai", "e1000e"), ("xen", "virtio-net-pci"),
                                              ("xen", "e1000e")])
def test_linux_network(hypervisor, card, boot_bonsai, boot_xen, web_server):
    """Linux's front end gets an address, an echo and a whole file through the bridge and the card.

    The DHCP server names the file; what Linux read has the checksum of what the host sent.
    """
    url, content = web_server
    boot = boot_bonsai if hypervisor == "bonsai" else boot_xen
    booted = boot(machine.GUESTS / "control.elf", machine.BUILD / "linux.cpio",
                  options="dom0_mem=320M", memory="1G",
                  extra=["-netdev", f"user,id=net,bootfile={url}", "-device", f"{card},netdev=net"])
    control = shell.Shell(booted, powers_off=hypervisor == "bonsai")
    control.booted.send("create network.cfg -c\n")
    control.booted.expect(r"^linux: interface 00:16:3e:00:00:07$")
    control.booted.expect(r"^linux: address 10\.0\.2\.15$")
    control.booted.expect(r"^linux: ping answered$")
    fetched = control.booted.expect(r"^linux: fetched ([0-9a-f]{64})", patience=300)
    assert fetched.group(1) == hashlib.sha256(content).hexdigest()
    control.booted.expect(r"has powered off")
    control.booted.expect(shell.CONTROL_PROMPT)
    control.wait_until_gone("network")
    listed = control.command("network-list")
    assert "vif" not in listed  # the interface went with its guest
    assert "spoofed 0, malformed 0" in listed
    control.power_off()
