# SPDX-License-Identifier: MIT
"""The control domain's archive and its shell, for tests on Bonsai and on Xen alike."""

import pathlib
import re
import subprocess

import machine

CONTROL = machine.GUESTS / "control.elf"
PROMPT = r"^bonsai> "
CTRL_C = "\x03"
CTRL_BRACKET = "\x1d"


def configuration(name, kernel="demo.elf", memory=16, **keys):
    """A guest's configuration as text."""
    lines = [f'name = "{name}"', f'kernel = "{kernel}"', f"memory = {memory}"]
    lines += [f"{key} = {value!r}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def make_archive(directory, files, guests=("hello", "demo")):
    """A cpio of the given files (name: text or bytes) and of guests' kernels."""
    root = pathlib.Path(directory) / "archive"
    members = {f"{guest}.elf": (machine.GUESTS / f"{guest}.elf").read_bytes() for guest in guests}
    members |= files
    for name, content in members.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    archive = root.with_suffix(".cpio")
    with open(archive, "wb") as output:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=root, stdout=output,
                       input="\n".join(sorted(members)).encode(), check=True)
    return archive


class Shell:
    """The prompt of a control domain that has been booted."""

    def __init__(self, booted):
        self.booted = booted
        booted.expect(PROMPT)

    def run(self, command, patience=machine.PATIENCE):
        """Type a command; return what it printed."""
        self.booted.send(command + "\r")
        self.booted.expect(re.escape(command) + r"\n")
        start = self.booted.position
        end = self.booted.expect(PROMPT, patience)
        return self.booted.text[start:end.start()]

    def list(self):
        """The rows of `list` by domain name."""
        head, *rows = [line.split() for line in self.run("list").strip().split("\n")]
        assert head == ["Name", "ID", "Mem", "VCPUs", "State", "Time(s)"]
        return {row[0]: dict(zip(head, row)) for row in rows}

    def info(self, key):
        return int(self.run(f"info {key}"))

    def attach(self, domain, prompt="demo> "):
        """Attach to a guest's console and wait for its prompt."""
        self.booted.send(f"console {domain}\r")
        self.booted.expect(re.escape(prompt))

    def detach(self):
        self.booted.send(CTRL_BRACKET)
        self.booted.expect(PROMPT)

    def clockwork(self, guest, patience=machine.PATIENCE):
        """What a guest of clockwork.elf printed, when its job is done: numbers by job and key."""
        self.booted.send(f"console {guest}\r")
        start = self.booted.position
        self.booted.expect(r"^clockwork: done", patience)
        text = self.booted.text[start:self.booted.position]
        self.detach()
        return {job: {key: int(value) for key, value in re.findall(r"(\w+)=(-?\d+)", rest)}
                for job, rest in re.findall(r"^clockwork: (\w+) (.*=.*)$", text, re.MULTILINE)}
