# SPDX-License-Identifier: MIT
"""Guests on the network: through the card to the host, through the bridge to each other.

The guests' addresses are what they are told (static), except where a test is about DHCP. A server
on the host and a forwarded port listen on the loopback interface only.
"""

import hashlib
import http.server
import pathlib
import re
import socket
import subprocess
import threading

import machine
import pytest
import shell

from control_domain import configuration, make_archive

CARDS = ["virtio-net-pci", "e1000", "e1000e"]
MEBIBYTE = 1 << 20
HOST = "10.0.2.2"  # where QEMU's user network has the host
WISHED = "10.0.2.15"
MIB = {"bonsai": 64, "xen": 8}  # Xen pays more for a hypercall under emulation: less of it


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def archive(tmp_path):
    """Demo guests with a card each: a function of a dictionary, name to address and options."""

    def make(guests):
        return make_archive(tmp_path, {
            f"{name}.cfg": configuration(name, extra=f"address={address}",
                                         vif=[f"mac=00:16:3e:00:00:{number:02x}{options}"])
            for number, (name, (address, options)) in enumerate(guests.items(), start=1)
        }, guests=["demo"])

    return make


@pytest.fixture(params=["bonsai", "xen"])
def hypervisor(request):
    return request.param


@pytest.fixture
def boot(hypervisor, boot_bonsai, boot_xen, archive):
    """The control domain with guests that are to be created, on a machine with a card."""

    def boot_with(guests, card="virtio-net-pci", forward=None):
        network = "user,id=net"
        if forward:
            network += f",hostfwd=tcp:127.0.0.1:{forward}-{WISHED}:80"
        modules = [machine.GUESTS / "control.elf", archive(guests)]
        extra = ["-netdev", network, "-device", f"{card},netdev=net"]
        if hypervisor == "bonsai":
            booted = boot_bonsai(*modules, options="dom0_mem=128M", memory="512M", smp=2,
                                 extra=extra)
        else:
            booted = boot_xen(*modules, options="dom0_mem=128M", extra=extra)
        return shell.Shell(booted, powers_off=hypervisor == "bonsai")

    return boot_with


def pair(options=""):
    return {"oak": ("10.9.0.1/24", options), "elm": ("10.9.0.2/24", "")}


def create(control, *names):
    """Create guests and wait until each has its address."""
    for name in names:
        control.command(f"create {name}")
        control.attach(name)
        assert "no address" not in control.demo("net up")
        control.detach()


def counter(control, name, what):
    """One number of network-list."""
    return int(re.search(rf"{what} (\d+)", control.command(f"network-list {name}")).group(1))


def assert_sent(text, mebibytes):
    assert f"sent and acknowledged as the same: {mebibytes * MEBIBYTE} bytes" in text


def assert_sound(control, hypervisor):
    """The hypervisor's own recount of every reference finds nothing; nobody crashed."""
    assert "has crashed" not in control.booted.text
    if hypervisor == "xen":
        return
    control.booted.send("debug-keys a\n")
    assert control.booted.expect(r"audit: (ok|\d+ errors)").group(1) == "ok"
    control.booted.send("\n")
    control.booted.expect(shell.CONTROL_PROMPT)


@pytest.mark.parametrize("card", CARDS)
def test_web_page(boot, card):
    """A guest gets the address it wished for by DHCP; curl on the host reads its page."""
    port = free_port()
    control = boot({"demo": (WISHED, "")}, card, port)
    create(control, "demo")
    url = f"http://127.0.0.1:{port}"
    curl = ["curl", "--silent", "--max-time", "60"]
    page = subprocess.run([*curl, "--fail", f"{url}/"], check=True, capture_output=True).stdout
    assert b"<h1>demo</h1>" in page
    assert f"<td>{WISHED}</td>".encode() in page
    received = int(re.search(rb"Packets received</th><td>(\d+)", page).group(1))
    page = subprocess.run([*curl, "--fail", f"{url}/index.html"], check=True,
                          capture_output=True).stdout
    assert int(re.search(rb"Packets received</th><td>(\d+)", page).group(1)) > received
    assert b"Views of this page</th><td>2<" in page
    code = subprocess.run([*curl, "--write-out", "%{http_code}", "--output", "/dev/null",
                           f"{url}/nothing"], check=True, capture_output=True).stdout
    assert code == b"404"
    control.attach("demo")
    assert "3 sent, 3 answered" in control.demo(f"ping {HOST} 3")


@pytest.fixture
def web_server(tmp_path):
    """A web server on the host; its port and what it serves."""
    root = pathlib.Path(tmp_path) / "www"
    root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments, **keywords):
            super().__init__(*arguments, directory=str(root), **keywords)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1], root
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("card", CARDS)
def test_fetch(boot, hypervisor, web_server, card):
    """A file from the host's web server has the right SHA-256 in the guest: 64 MiB on Bonsai."""
    port, root = web_server
    content = hashlib.shake_256(card.encode()).digest(MIB[hypervisor] * MEBIBYTE)
    (root / "file").write_bytes(content)
    control = boot({"demo": ("", "")}, card)
    create(control, "demo")
    control.attach("demo")
    answer = control.demo(f"fetch {HOST} {port} /file")
    assert f"fetched {len(content)} bytes" in answer
    assert f"sha256 {hashlib.sha256(content).hexdigest()}" in answer
    assert "failed" in control.demo(f"fetch {HOST} {port} /nothing")


def test_exchange(boot, hypervisor):
    """Two guests send to each other through the bridge; both ends compute the same SHA-256."""
    control = boot(pair())
    create(control, "oak", "elm")
    control.attach("oak")
    assert_sent(control.demo(f"send 10.9.0.2 {MIB[hypervisor]} 1"), MIB[hypervisor])
    control.detach()
    control.attach("elm")
    assert_sent(control.demo("send 10.9.0.1 4 2"), 4)
    control.detach()
    assert_sound(control, hypervisor)


@pytest.mark.soak
def test_exchange_gibibyte(boot):
    """The same with 1 GiB, which takes minutes."""
    control = boot(pair())
    create(control, "oak", "elm")
    control.attach("oak")
    control.booted.send("send 10.9.0.2 1024\n")
    control.booted.expect(rf"sent and acknowledged as the same: {1024 * MEBIBYTE} bytes",
                          patience=3600)


def test_reconnect(boot):
    """Either end starts again; what was in flight is repeated, and nothing is lost."""
    control = boot(pair())
    create(control, "oak", "elm")
    control.attach("oak")
    assert "done" in control.demo("net-reconnect")
    assert_sent(control.demo("send 10.9.0.2 1"), 1)
    control.booted.send("send 10.9.0.2 8\n")
    control.detach()
    for _ in range(3):
        control.command("network-restart")
    control.booted.send("console oak\n")
    control.booted.expect(rf"sent and acknowledged as the same: {8 * MEBIBYTE} bytes")


def transfer_and_kill(control, first, second):
    """Begin a transfer that would last, and destroy both ends in the middle of it."""
    create(control, "oak", "elm")
    control.attach("oak")
    control.booted.send("send 10.9.0.2 10000\n")
    control.detach()
    before = counter(control, "elm", "frames, \\d+ bytes; sent")
    for _ in range(200):
        if counter(control, "elm", "frames, \\d+ bytes; sent") > before + 100:
            break
    else:
        raise AssertionError("the transfer does not begin")
    control.command(f"destroy {first}")
    control.wait_until_gone(first)
    if first == "elm":  # it comes back while the other one still sends to who it was
        create(control, "elm")
    control.command(f"destroy {second}")
    control.wait_until_gone(second)
    if first == "elm":
        control.command("destroy elm")
        control.wait_until_gone("elm")


def test_killed_while_it_transfers(boot, hypervisor):
    """Either end is destroyed, and one created anew, in the middle: no frame or grant is lost.

    The control domain's heap grows while more happens at once than ever before, so rounds are
    repeated until two leave the same free memory; what leaks in each round never gets there.
    """
    control = boot(pair())
    figures = []
    for _ in range(8):
        transfer_and_kill(control, "elm", "oak")
        transfer_and_kill(control, "oak", "elm")
        figures.append((control.info("free_pages"), control.info("control_free_pages")))
        if figures[-1:] == figures[-2:-1]:
            break
    else:
        raise AssertionError(f"memory does not come back: {figures}")
    if hypervisor == "bonsai":  # Xen keeps some of its own memory for later
        assert len({free for free, _ in figures}) == 1
    assert_sound(control, hypervisor)


def test_spoofed(boot):
    """Frames with another's source address are dropped and counted; with leave they pass."""
    control = boot(pair())
    create(control, "oak", "elm")
    seen = counter(control, "elm", "frames, \\d+ bytes; sent")
    control.attach("oak")
    assert "spoof: 7 sent" in control.demo("spoof 7")
    assert "2 sent, 2 answered" in control.demo("ping 10.9.0.2 2")  # they are behind us
    control.detach()
    assert counter(control, "oak", "spoofed") == 7
    assert counter(control, "elm", "spoofed") == 0
    # Two echoes, perhaps the question who we are, and nothing of the seven.
    assert counter(control, "elm", "frames, \\d+ bytes; sent") - seen < 7


def test_flood(boot, hypervisor):
    """While one guest sends another all it can, the echoes between two quiet ones all come back."""
    control = boot({**pair(), "fir": ("10.9.0.3/24", ""), "ash": ("10.9.0.4/24", "")})
    create(control, "oak", "elm", "fir", "ash")
    control.attach("oak")
    assert "running" in control.demo("flood 10.9.0.2 60")
    control.detach()
    control.attach("fir")
    assert "20 sent, 20 answered" in control.demo("ping 10.9.0.4 20")
    control.detach()
    control.attach("oak")
    flooded = re.search(r"running; (\d+) sent", control.demo("flood"))
    assert flooded and int(flooded.group(1)) > 1000, "the flood was over, or none"
    control.detach()
    assert_sound(control, hypervisor)


def test_nonsense(boot, hypervisor):
    """An interface with nonsense in its ring is shut; the others go on, and the guest lives."""
    control = boot({**pair(), "fir": ("10.9.0.3/24", "")})
    create(control, "oak", "elm", "fir")
    control.attach("oak")
    control.booted.send("fault netring\n")
    control.booted.expect(r"vif\d+\.0: .*the interface is shut")
    control.booted.send("\n")
    control.booted.expect(shell.DEMO_PROMPT)
    control.demo("help")  # prompts that came in between are behind us
    assert "2 sent, 0 answered" in control.demo("ping 10.9.0.2 2")
    control.detach()
    control.attach("elm")
    assert_sent(control.demo("send 10.9.0.3 1"), 1)
    control.detach()
    control.attach("oak")
    assert "done" in control.demo("net-reconnect")
    control.demo("net up")
    assert "3 sent, 3 answered" in control.demo("ping 10.9.0.2 3")
    control.detach()
    assert_sound(control, hypervisor)


def test_link(boot):
    """Nothing passes an interface that is down, which is counted; up again, it works at once."""
    control = boot(pair())
    create(control, "oak", "elm")
    control.attach("oak")
    assert "2 sent, 2 answered" in control.demo("ping 10.9.0.2 2")  # they know each other now
    control.detach()
    control.command("network-link vif2.0 down")
    assert "vif2.0 on xenbr0: down" in control.command("network-list elm")
    control.attach("oak")
    assert "3 sent, 0 answered" in control.demo("ping 10.9.0.2 3")
    control.detach()
    assert counter(control, "elm", "dropped") >= 1
    control.command("network-link vif2.0 up")
    control.attach("oak")
    assert "4 sent, 4 answered" in control.demo("ping 10.9.0.2 4")
    control.detach()
    assert "not an interface" in control.command("network-link vif9.9 up")


def test_rate_and_leave(boot, hypervisor):
    """A guest sends no faster than its rate, by its own clock; antispoof=off lets it pose."""
    control = boot({"oak": ("10.9.0.1/24", ",rate=1MB/s,antispoof=off"),
                    "elm": ("10.9.0.2/24", "")})
    create(control, "oak", "elm")
    control.attach("oak")
    answer = control.demo("send 10.9.0.2 3 1")
    assert_sent(answer, 3)
    # 3 MiB less what is saved up at the start, 50 KB and a frame; a slow host only takes longer.
    assert int(re.search(r"bytes in (\d+) ms", answer).group(1)) > 2900
    assert "spoof: 5 sent" in control.demo("spoof 5")
    control.detach()
    assert counter(control, "oak", "spoofed") == 0
    assert_sound(control, hypervisor)


def test_address_taken(boot, hypervisor):
    """A second interface with an address of the bridge is refused; the first goes on."""
    control = boot({"oak": ("10.9.0.1/24", ""), "elm": ("10.9.0.2/24", ""),
                    "fir": ("10.9.0.3/24", ",mac=00:16:3e:00:00:01")})
    create(control, "oak", "elm")
    control.command("create fir")
    control.booted.send("\n")
    assert "vif3.0" not in control.command("network-list fir")
    control.attach("oak")
    assert "5 sent, 5 answered" in control.demo("ping 10.9.0.2 5")
    control.detach()
    control.command("destroy fir")
    control.wait_until_gone("fir")
    assert_sound(control, hypervisor)
