#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make scale`: what making, listing and ending a domain costs beside so many others.

The domains are of 2 MiB, and all sleep and wake. Under -icount the TSC counts executed
instructions, a nanosecond each, so the figures are of work done and repeat, whatever the host does.
"""

import argparse
import json
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import control_domain  # noqa: E402 (found by the path above)
import machine  # noqa: E402

ROUNDS = 4
SLEEPER = "job=sleep longest=2000000 until=1000000000"
COMMANDS = ("create", "destroy", "list", "domid")


class Scale:
    """A machine with a control domain and a growing number of domains."""

    def __init__(self, directory, counts):
        files = {f"d{i}.cfg": control_domain.configuration(f"d{i}", "clockwork.elf", 2,
                                                           extra=SLEEPER)
                 for i in range(max(counts) + ROUNDS)}
        archive = control_domain.make_archive(directory, files, guests=["clockwork"])
        memory = 512 + 5 * max(counts)
        self.machine = machine.Machine(directory, [
            *machine.machine_arguments(memory=f"{memory}M", icount=True),
            *machine.kernel_arguments(machine.BONSAI, "console=com1 com1=115200 dom0_mem=256M",
                                      [(control_domain.CONTROL, "auto=no"), (archive, "")])])
        self.shell = control_domain.Shell(self.machine)
        self.count = 0

    def cost(self, command):
        """Thousands of instructions of one command."""
        answer = self.shell.run(f"repeat 1 '{command}'", patience=600)
        match = re.search(r"^1 rounds, 0 failures, (\d+) us each$", answer, re.MULTILINE)
        if not match:
            raise machine.Failure(f"{command}: {answer[-2000:]}")
        return int(match[1])

    def grow(self, count):
        while self.count < count:
            self.cost(f"create d{self.count} -q")
            self.count += 1

    def row(self):
        """The costs now, each the least of some."""
        costs = {name: [] for name in COMMANDS}
        for i in range(self.count, self.count + ROUNDS):
            costs["create"].append(self.cost(f"create d{i} -q"))
            costs["list"].append(self.cost("list"))
            costs["domid"].append(self.cost(f"domid d{i}"))
            costs["destroy"].append(self.cost(f"destroy d{i}"))
        return {name: min(values) for name, values in costs.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("counts", type=int, nargs="*", default=[10, 50, 100, 200, 350, 500])
    counts = sorted(parser.parse_args().counts)
    rows = {}
    print("Thousands of instructions for one command of the shell.\n\n"
          "| domains | create | destroy | list, each domain | free MiB |\n"
          "| ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as directory:
        scale = Scale(pathlib.Path(directory), counts)
        try:
            for count in counts:
                scale.grow(count)
                row = rows[count] = scale.row()
                print(f"| {count} | {row['create']} | {row['destroy']} | "
                      f"{row['list'] / (count + 1):.1f} | {scale.shell.info('free_memory')} |",
                      flush=True)
            states = re.findall(r"^d\d+ .* ([a-z-]{6}) ", scale.shell.run("list"), re.MULTILINE)
            print(f"\n{len(states)} domains beside the control domain at the end, "
                  f"{sum(state[1] == 'b' for state in states)} of them asleep just then.")
        finally:
            scale.machine.close()
    (machine.BUILD / "scale.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
