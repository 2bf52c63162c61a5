# SPDX-License-Identifier: MIT
"""Debian's Linux with a shell, as a guest of the control domain or as the first domain."""

import re

import machine
import shell

PROMPT = r"^linux# "
UP = r"^linux: up on xen, (\d+) processors$"
PATIENCE = 3 * machine.PATIENCE  # four processors of Linux on two of the host's
# Messages about the host's load, not about the hypervisor.
LOAD = re.compile(r"hrtimer: interrupt took|clocksource|soft lockup|rcu:|spinlock event irq")


class Linux:
    """The shell on a Linux console, wherever that console is."""

    def __init__(self, booted):
        self.booted = booted

    def wait_until_up(self):
        """Wait for user space; the number of processors it has."""
        processors = int(self.booted.expect(UP, PATIENCE).group(1))
        self.booted.expect(PROMPT)
        return processors

    def command(self, line):
        """Run one command, short enough for the terminal's line; what it printed."""
        self.booted.send(line + "\n")
        self.booted.expect(re.escape(line) + r"\n")
        start = self.booted.position
        end = self.booted.expect(PROMPT, PATIENCE)
        return self.booted.text[start:end.start()]

    def warnings(self):
        """What the kernel's log has of level warning and worse, without numbers and times."""
        lines = re.findall(r"^<([0-4])>\[ *[\d.]+\] (.*)$", self.command("dmesg -r"), re.MULTILINE)
        return {re.sub(r"\d+", "#", text) for _, text in lines if not LOAD.search(text)}


class Guest(Linux):
    """Linux as a guest: the control domain's shell and, while attached, the guest's."""

    def __init__(self, booted, powers_off=True):
        super().__init__(booted)
        self.control = shell.Shell(booted, powers_off)

    def create(self, configuration):
        self.booted.send(f"create {configuration} -c\n")
        return self.wait_until_up()

    def detach(self):
        self.control.detach()

    def seconds(self):
        """What `list` says of the processor time that the guest has used."""
        row = re.search(r"^linux .*$", self.control.command("list"), re.MULTILINE)
        return float(row.group(0).split()[5])
