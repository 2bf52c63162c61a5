# SPDX-License-Identifier: MIT
"""The control domain's shell and the demo guest's, on a machine's console."""

import re

CONTROL_PROMPT = r"^bonsai> "
DEMO_PROMPT = r"^demo> "
LEAVE_CONSOLE = "\x1d"


class Shell:
    """Types commands and returns what they print. Starts by waiting for the prompt."""

    def __init__(self, booted, powers_off=True):
        self.booted = booted
        self.powers_off = powers_off
        self.booted.expect(CONTROL_PROMPT)

    def command(self, line, prompt=CONTROL_PROMPT):
        """Run one command; what is printed up to the next prompt."""
        self.booted.send(line + "\n")
        self.booted.expect(re.escape(line) + r"\n")
        start = self.booted.position
        end = self.booted.expect(prompt)
        return self.booted.text[start:end.start()]

    def domains(self):
        """`list` as a dictionary: name to identifier, MiB, VCPUs, state."""
        lines = [line.split() for line in self.command("list").split("\n")]
        assert ["Name", "ID", "Mem", "VCPUs", "State", "Time(s)"] in lines
        # A notice of the control domain may come in between.
        rows = [line for line in lines if len(line) == 6 and line[1].isdigit()]
        return {row[0]: (int(row[1]), int(row[2]), int(row[3]), row[4]) for row in rows}

    def info(self, key):
        return int(self.command(f"info {key}"))

    def attach(self, domain):
        """Attach to a demo guest's console, at its prompt."""
        self.booted.send(f"console {domain}\n")
        self.booted.expect(rf"console {domain}\n")
        self.booted.send("\n")
        self.booted.expect(DEMO_PROMPT)
        self.demo("help")  # prompts that came in between are behind us

    def demo(self, line):
        """A command of the demo guest, while attached."""
        return self.command(line, DEMO_PROMPT)

    def detach(self):
        self.booted.send(LEAVE_CONSOLE)
        self.booted.expect(CONTROL_PROMPT)

    def wait_until_gone(self, domain, patience=50):
        """Until `list` no longer shows the domain; bounded by a number of tries."""
        for _ in range(patience):
            if domain not in self.domains():
                return
        raise AssertionError(f"{domain} is still there; console:\n{self.booted.text}")

    def power_off(self):
        """Shut the control domain down; Xen with `noreboot` halts then, and QEMU is ended."""
        self.booted.send("shutdown self\n")
        if self.powers_off:
            self.booted.wait()
        else:
            self.booted.expect(r"halting machine")
            self.booted.close()
