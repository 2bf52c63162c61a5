# SPDX-License-Identifier: MIT
"""hostile.elf attacks from an unprivileged domain: it is refused or ended, nobody else notices.

After each round the control domain still answers, no other domain is gone, the memory of the
attackers has come back, and a recount of every frame's references finds them right.
"""

import socket

import pytest

import machine
from control_domain import CONTROL, PROMPT, Shell, configuration, make_archive

REFUSED = {
    "memory": ["self-reference", "every-frame", "foreign-frames", "superpages", "writable-table",
               "swapped-tables", "long-arrays", "exchange-far", "read-hypervisor", "take-memory",
               "stale-memory", "stale-memory"],
    "processor": ["syscall-noncanonical", "bases-noncanonical", "every-msr", "mov-ss", "far-calls",
                  "every-interrupt", "debug-registers", "iret-to-ring-0"],
    "entry": ["returns-noncanonical", "registers", "compat-entries", "upcall-race",
              "translation-race"],
    "store": ["store-ring"],
    "storms": ["events", "timers", "yields", "pins"],
    "vcpus": ["initialise-race", "request-race", "port-race", "tables-race"],
}
ENDED = ["null", "pagetables", "stack-in-hypervisor", "iret-from-hypervisor", "crash"]
MAY_END = ["iret-in-multicall", "sysenter-nested", "pool-race"]
FOR_EVER = ["spin", "flood"]
ENDLESS = ["endless-multicall", "endless-updates", "endless-flushes", "endless-copies"]
SEEDS = range(1, 9)


def attacker(name, words=""):
    return configuration(name, "hostile.elf", vcpus=4 if name.endswith("-race") else 1,
                         extra=f"attack={words or name}")


@pytest.fixture
def shell(boot_bonsai, tmp_path):
    """A control domain on Bonsai with a configuration per attack, and a bystander running."""
    names = sum(REFUSED.values(), []) + ENDED + MAY_END + FOR_EVER + ENDLESS + ["ring"]
    files = {f"{name}.cfg": attacker(name) for name in names}
    files |= {f"random{seed}.cfg": attacker(f"random{seed}", f"random seed={seed} rounds=5000")
              for seed in SEEDS}
    files |= {"auto/bystander.cfg": configuration("bystander")}
    archive = make_archive(tmp_path, files, guests=("hostile", "demo"))
    shell = Shell(boot_bonsai(CONTROL, archive, options="dom0_mem=128M", memory="512M", smp=2))
    # The first domain that comes and goes: what is allocated once is allocated then.
    attack(shell, "crash", r"Domain crash \(id \d+\) has crashed")
    wait_for_peace(shell)
    return shell


def attack(shell, name, end):
    """Start an attacker attached to its console; wait for how it ends; be back at the prompt."""
    shell.booted.send(f"create -c {name}.cfg\r")
    match = shell.booted.expect(end)
    shell.booted.expect(PROMPT)
    return match


def wait_for_peace(shell):
    """Until the attackers are gone; the others must be there all the time."""
    while (domains := set(shell.list())) != {"Domain-0", "bystander"}:
        assert {"Domain-0", "bystander"} <= domains


def assert_unharmed(shell, free_before):
    wait_for_peace(shell)
    assert shell.info("free_pages") == free_before
    shell.booted.send("debug-keys a\r")
    assert shell.booted.expect(r"audit: (ok|\d+ errors)").group(1) == "ok"


@pytest.mark.parametrize("kind", REFUSED)
def test_refused(shell, kind):
    free = shell.info("free_pages")
    for name in REFUSED[kind]:
        outcome = attack(shell, name, rf"^hostile: {name} (refused|got through)")
        assert outcome.group(1) == "refused", name
    assert_unharmed(shell, free)


def test_console_ring(shell):
    """Whoever serves the ring refuses it; the guest goes on without a console."""
    free = shell.info("free_pages")
    attack(shell, "ring", r"console: domain \d+: impossible ring indices")
    assert_unharmed(shell, free)


def test_ended(shell):
    free = shell.info("free_pages")
    for name in ENDED:
        outcome = attack(shell, name, rf"Domain {name} \(id \d+\) has crashed|got through")
        assert "crashed" in outcome.group(), name
    assert_unharmed(shell, free)


def test_may_end(shell):
    free = shell.info("free_pages")
    for name in MAY_END:
        attack(shell, name, rf"Domain {name} \(id \d+\) has|hostile: {name} refused")
    assert_unharmed(shell, free)


def test_for_ever(shell):
    """The control domain's commands still work while its neighbours do their worst."""
    free = shell.info("free_pages")
    for name in FOR_EVER:
        shell.run(f"create {name}.cfg")
    assert {"spin", "flood", "bystander"} <= set(shell.list())
    for name in FOR_EVER:
        shell.run(f"destroy {name}")
    assert_unharmed(shell, free)


@pytest.mark.parametrize("name", ENDLESS)
def test_endless(shell, name):
    """A batch of two thousand million requests delays neither a pause nor the end."""
    free = shell.info("free_pages")
    shell.run(f"create {name}.cfg")
    shell.run(f"pause {name}")
    assert "p" in shell.list()[name]["State"]
    shell.run(f"unpause {name}")
    assert "p" not in shell.list()[name]["State"]
    shell.run(f"destroy {name}")
    assert_unharmed(shell, free)


def test_random(shell):
    """Hypercalls with random arguments, from several seeds that can be repeated."""
    free = shell.info("free_pages")
    for seed in SEEDS:
        attack(shell, f"random{seed}", rf"Domain random{seed} \(id \d+\) has|hostile: random ref")
    assert_unharmed(shell, free)


def inject_nmi(path):
    """One for each processor, by QEMU's control protocol."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(path))
        with control.makefile("rw") as lines:
            lines.readline()
            for command in ("qmp_capabilities", "inject-nmi"):
                lines.write(f'{{"execute": "{command}"}}\n')
                lines.flush()
                assert "return" in lines.readline()


def test_segment_gone(boot_bonsai, tmp_path):
    """An NMI finds two processors in a guest's code segment that cannot be loaded any more."""
    control = tmp_path / "control"
    booted = boot_bonsai((machine.GUESTS / "hostile.elf", "attack=segment-gone"), smp=4,
                         options="dom0_max_vcpus=4",
                         extra=("-qmp", f"unix:{control},server=on,wait=off"))
    booted.expect("^hostile: the segment is gone")
    inject_nmi(control)
    # Of two that crash at once, one may stop the other before it has said so.
    end = booted.expect(r"crashed at .*: no handler|domain 0 ended \(reason 3\)|PANIC: .*").group()
    assert "PANIC" not in end
