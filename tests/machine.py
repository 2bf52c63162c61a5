# SPDX-License-Identifier: MIT
"""A QEMU machine with its first serial port at hand.

Every wait is bounded; close() ends the machine by its own process. Nothing here asserts how long
something takes: the bounds are only there so that a hung test ends.
"""

import os
import pathlib
import re
import subprocess
import threading
import time

BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
BONSAI = BUILD / "bonsai-debug.elf"
ISO = BUILD / "bonsai.iso"
XEN = BUILD / "debian" / "xen.elf"
GUESTS = BUILD / "guests"
FIRMWARE = pathlib.Path("/usr/share/OVMF")

PATIENCE = float(os.environ.get("PATIENCE", 120))  # seconds; a loaded machine is slow
ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][0-9A-Za-z]|\r")


class Failure(AssertionError):
    """The machine did not do what was expected; the text carries its console."""


class Machine:
    """One QEMU process, started at construction."""

    def __init__(self, directory, arguments):
        self.directory = directory
        self.position = 0
        self.log = bytearray()
        self.changed = threading.Condition()
        command = ["qemu-system-x86_64", "-accel", "tcg", "-display", "none", "-net", "none",
                   "-no-reboot", "-monitor", "none", "-serial", "stdio", *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, bufsize=0)
        self.ended = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            data = self.process.stdout.read(4096)
            with self.changed:
                self.log += data
                self.ended = not data
                self.changed.notify_all()
            if not data:
                return

    @property
    def text(self):
        """All output so far, without carriage returns and escape sequences."""
        return ESCAPE_SEQUENCE.sub("", self.log.decode("latin-1"))

    def expect(self, pattern, patience=PATIENCE):
        """Wait for a regular expression behind the last match; return the match."""
        deadline = time.monotonic() + patience
        expression = re.compile(pattern, re.MULTILINE)
        with self.changed:
            while True:
                match = expression.search(self.text, self.position)
                if match:
                    self.position = match.end()
                    return match
                left = deadline - time.monotonic()
                if self.ended or left <= 0:
                    reason = "ended" if self.ended else f"was silent about it for {patience} s"
                    raise Failure(f"machine {reason}; expected {pattern!r}; console:\n{self.text}")
                self.changed.wait(left)

    def lines(self, prefix):
        """All complete lines that begin with a prefix."""
        return [line for line in self.text.split("\n")[:-1] if line.startswith(prefix)]

    def send(self, text):
        """Type on the serial console."""
        self.process.stdin.write(text.encode())

    def type(self, text, pause=0.02):
        """Type at a human's pace, for readers without a buffer (firmware, GRUB)."""
        for character in text:
            self.send(character)
            time.sleep(pause)

    def wait(self, patience=PATIENCE):
        """Wait until the machine switches itself off; return QEMU's exit status."""
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise Failure(f"machine still runs after {patience} s; console:\n{self.text}") from None
        self.reader.join(10)
        return status

    def close(self):
        """End the process if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(10)
        self.process.stdin.close()
        self.process.stdout.close()


def machine_arguments(machine="pc", cpu="max", smp=1, memory="256M", icount=False):
    """QEMU's arguments for the hardware itself."""
    arguments = ["-machine", machine, "-cpu", cpu, "-smp", str(smp), "-m", memory]
    if icount:
        arguments += ["-icount", "shift=0,sleep=off,align=off"]
    return arguments


def kernel_arguments(kernel, options, modules):
    """QEMU as a Multiboot 1 loader. A module is a path or a pair of path and command line."""
    arguments = ["-kernel", str(kernel), "-append", options]
    words = [module if isinstance(module, tuple) else (module, "") for module in modules]
    if words:
        # A comma separates modules, so within a command line it is doubled.
        arguments += ["-initrd", ",".join(
            f"{path} {line}".strip().replace(",", ",,") for path, line in words)]
    return arguments


def disk_arguments(path, identifier="disk"):
    """A virtio disk from a raw image."""
    return ["-drive", f"file={path},format=raw,if=none,id={identifier}",
            "-device", f"virtio-blk-pci,drive={identifier}"]


def firmware_arguments(directory):
    """UEFI firmware, with variables of its own."""
    variables = directory / "OVMF_VARS.fd"
    variables.write_bytes((FIRMWARE / "OVMF_VARS.fd").read_bytes())
    return ["-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE / 'OVMF_CODE.fd'}",
            "-drive", f"if=pflash,format=raw,file={variables}"]
