# SPDX-License-Identifier: MIT
"""make guest: one kernel as a guest, its console in the terminal, and an exit status that says how
it ended."""

import os
import pathlib
import subprocess

import machine

PROGRAM = pathlib.Path(__file__).parents[2] / "tools" / "run-guest"
SYSTEM = machine.BUILD / "debian" / "system"


def run(typed="", wait_for=None, **settings):
    """Run a kernel, type a line when some text has come; its exit status and its console."""
    environment = {**os.environ, "BUILD": str(machine.BUILD), "TIMEOUT": str(machine.PATIENCE * 2),
                   **{name: str(value) for name, value in settings.items()}}
    process = subprocess.Popen([PROGRAM], env=environment, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
    output = b""
    while data := process.stdout.read(4096):
        output += data
        if wait_for and wait_for.encode() in output:
            process.stdin.write(typed.encode())
            wait_for = None
    process.stdin.close()
    return process.wait(), output.decode("latin-1")


def test_poweroff():
    status, output = run(KERNEL=machine.GUESTS / "hello.elf", CMDLINE='a "quoted" word')
    assert status == 0 and "hello: done" in output


def test_crash():
    status, output = run("crash\n", "demo> ", KERNEL=machine.GUESTS / "demo.elf", MEMORY=32)
    assert status == 1 and "Domain guest (id 1) has crashed" in output


def test_no_kernel(tmp_path):
    file = tmp_path / "text"
    file.write_text("not a kernel\n")
    status, output = run(KERNEL=file)
    assert status == 3 and "is not an ELF file" in output


def test_linux():
    """A boot image, an initial RAM disk and two processors."""
    status, output = run("poweroff\n", "linux# ", KERNEL=SYSTEM / "cloud.vmlinuz",
                         RAMDISK=SYSTEM / "cloud.initrd", CMDLINE="console=hvc0", VCPUS=2,
                         MEMORY=192)
    assert status == 0 and "linux: up on xen, 2 processors" in output
