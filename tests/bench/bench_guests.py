# SPDX-License-Identifier: MIT
"""bench.elf as guest, with what it needs: a domain to exchange events and turns with, one to
exchange frames with, and a RAM disk whose every page begins with its number."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import control_domain  # noqa: E402 (found by the path above)

PAGE = 4096
DISK_PAGES = 2048
BENCH, PARTNER, ECHO = 1, 2, 3  # in the order in which they are made
ADDRESS = "00:16:3e:00:00:0{}"  # pvguest/bench/network.c knows the last one's


def archive_files(words=""):
    """The guests' configurations and the disk. The words are for who measures."""
    def guest(name, memory, extra, **keys):
        return control_domain.configuration(name, "bench.elf", memory, extra=extra, **keys)

    disk = b"".join(number.to_bytes(8, "little").ljust(PAGE, b"\0") for number in range(DISK_PAGES))
    return {
        "bench.cfg": guest("bench", 32, f"partner={PARTNER} {words}", vcpus=2,
                           disk=["file:disk.img,raw,xvda,rw"],
                           vif=[f"mac={ADDRESS.format(BENCH)}"]),
        "partner.cfg": guest("partner", 8, f"role=partner partner={BENCH}"),
        "echo.cfg": guest("echo", 16, "role=echo", vif=[f"mac={ADDRESS.format(ECHO)}"]),
        "disk.img": disk,
    }


def modules(directory, words=""):
    """The control domain and its archive, for a boot loader."""
    archive = control_domain.make_archive(directory, archive_files(words), ["bench"])
    return (control_domain.CONTROL, "auto=no"), (archive, "")


def start(booted):
    """Make the guests and show the console of the one that measures, from its beginning."""
    shell = control_domain.Shell(booted)
    shell.run("create bench -p -q")
    for name in ("partner", "echo"):
        shell.run(f"create {name} -q")
    shell.run("unpause bench")
    booted.send("console bench\r")
