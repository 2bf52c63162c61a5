# SPDX-License-Identifier: MIT
"""Who runs when, for how long, and what the clocks say meanwhile.

Under -icount QEMU's virtual clock, on which all its devices and the TSC run, counts executed
instructions: here 16 ns each. So a run repeats to the nanosecond, sleep
costs no wall time, and a minute takes seconds. The TSC then counts that clock's nanoseconds: it is
the reference that guests compare system time with. clockwork.elf does the measuring.
"""

import json
import re
import socket

import machine
import pytest

from control_domain import CONTROL, Shell, configuration, make_archive

ICOUNT = ("-icount", "shift=4,sleep=off,align=off")
SECOND = 10**9
TICK = SECOND // 1000
PPM_100 = 1e-4


@pytest.fixture
def boot_guests(boot_bonsai, tmp_path):
    """Boot the control domain with guests of clockwork.elf by name: words of its command line.

    A script makes them: what a test types comes at a time that depends on the host.
    """

    def boot(guests, commands=(), extra=ICOUNT, smp=1, options="", memory="256M", **keys):
        files = {f"{name}.cfg": configuration(name, "clockwork.elf", 8, extra=words,
                                              **keys.get(name, {}))
                 for name, words in guests.items()}
        files["script"] = "".join(
            f"{line}\n" for line in [*(f"create {name} -q" for name in guests), *commands])
        archive = make_archive(tmp_path, files, guests=["clockwork"])
        return Shell(boot_bonsai((CONTROL, "auto=no run=script"), (archive, ""),
                                 options=f"dom0_mem=96M {options}", extra=extra, smp=smp,
                                 memory=memory))

    return boot


def assert_accounted(times):
    """Clock and run-state agree with the TSC, which counts nanoseconds here."""
    assert abs(times["elapsed"] - times["tsc"]) <= times["elapsed"] * PPM_100
    assert abs(times["unaccounted"]) <= 10000


def assert_share(times, share):
    assert times["running"] / times["elapsed"] == pytest.approx(share, rel=0.02)
    assert times["blocked"] == 0


SLEEPERS = ["singleshot", "set_timer", "poll", "periodic"]


@pytest.mark.parametrize("by", SLEEPERS)
def test_two_spin_one_sleeps(boot_guests, by):
    """For a minute: half of the processor each, the third wakes on time, clocks are right."""
    window = "from=2000 until=62000"
    shell = boot_guests({"one": f"job=spin {window}", "two": f"job=spin {window}",
                         "sleeper": f"job=sleep by={by} {window}"})
    for name in ("one", "two"):
        times = shell.clockwork(name)["spin"]
        assert_accounted(times)
        assert_share(times, 1 / 2)
    sleeper = shell.clockwork("sleeper")
    assert_accounted(sleeper["sleep"])
    assert sleeper["sleep"]["elapsed"] > 59 * SECOND
    assert sleeper["late"]["rounds"] > 5000
    assert sleeper["late"]["longest"] <= TICK


def test_all_kinds_of_sleepers_at_once(boot_guests):
    window = "from=2000 until=12000"
    shell = boot_guests({"one": f"job=spin {window}", "two": f"job=spin {window}"} |
                        {by: f"job=sleep by={by} {window}" for by in SLEEPERS})
    for by in SLEEPERS:
        sleeper = shell.clockwork(by)
        assert_accounted(sleeper["sleep"])
        assert sleeper["late"]["longest"] <= TICK


def test_sleep_is_not_hoarded(boot_guests):
    """Who slept for ten seconds while another spun gets its half from then on, not more."""
    shell = boot_guests({"always": "job=spin from=2000 until=22000",
                         "late": "job=spin from=12000 until=22000"})
    assert_share(shell.clockwork("late")["spin"], 1 / 2)
    assert_share(shell.clockwork("always")["spin"], 3 / 4)


def test_weights(boot_guests):
    """cpu_weight= divides the processor."""
    window = "from=2000 until=12000"
    weights = {"heavy": 512, "normal": 256, "light": 64}
    shell = boot_guests({name: f"job=spin {window}" for name in weights},
                        heavy={"cpu_weight": 512}, light={"cpu_weight": 64})
    for name, weight in weights.items():
        times = shell.clockwork(name)["spin"]
        assert_accounted(times)
        assert_share(times, weight / sum(weights.values()))


def test_weight_changes(boot_guests):
    """sched-credit2 changes a weight; a cap beyond the domain's vcpus changes nothing."""
    window = "from=2000 until=12000"
    shell = boot_guests({"one": f"job=spin {window}", "two": f"job=spin {window}"},
                        ["sched-credit2 -d one -w 768", "sched-credit2 -d two -w 1024 -c 150"])
    assert "cap out of range" in shell.booted.text
    assert_share(shell.clockwork("one")["spin"], 3 / 4)
    assert_share(shell.clockwork("two")["spin"], 1 / 4)


# ---- several processors ----


def assert_near(value, expected, tolerance):
    assert value == pytest.approx(expected, rel=tolerance)


WINDOW = "from=3000 until=13000"


def spinners(count=8, words=f"job=spin {WINDOW}"):
    return {f"spin{i}": words for i in range(count)}


def weights(count=8, unit=256):
    return {f"spin{i}": {"cpu_weight": unit << i % 4} for i in range(count)}


def spun(shell, guest):
    """What all virtual CPUs of a guest ran within the window."""
    got = shell.clockwork(guest)
    return got["spin"]["running"] + got.get("others", {"running": 0})["running"]


@pytest.mark.parametrize("unit", [16, 256])
def test_weights_on_two_processors(boot_guests, unit):
    """Eight that spin, weights 1:2:4:8 two each: each gets its share within 1 %."""
    shell = boot_guests(spinners(), smp=2, **weights(unit=unit))
    for i in range(8):
        assert_near(spun(shell, f"spin{i}"), 20 * SECOND * (1 << i % 4) / 30, 0.01)


def test_weights_of_domains_with_two_vcpus(boot_guests):
    shell = boot_guests(spinners(4), smp=2, **{
        name: {**settings, "vcpus": 2} for name, settings in weights(4).items()})
    for i in range(4):
        assert_near(spun(shell, f"spin{i}"), 20 * SECOND * (1 << i) / 15, 0.01)


def test_shares_and_latency_beside_sleepers(boot_guests):
    """While four wake a thousand times a second: shares within 1 %, 99 % of wake-ups on time."""
    guests = spinners() | {by: f"job=sleep by={by} longest=1900 {WINDOW}" for by in SLEEPERS[:3]}
    shell = boot_guests(guests, smp=2, **weights(), **{
        by: {"cpu_weight": 1024} for by in SLEEPERS[:3]})
    times = [spun(shell, f"spin{i}") for i in range(8)]
    for i, time in enumerate(times):
        assert_near(time, sum(times) * (1 << i % 4) / 30, 0.01)
    for by in SLEEPERS[:3]:
        late = shell.clockwork(by)["late"]
        assert late["rounds"] > 8000
        assert late["over"] < late["rounds"] / 100, late


@pytest.mark.parametrize("cap,vcpus,smp", [(10, 1, 1), (50, 1, 1), (50, 2, 2), (150, 2, 2)])
def test_cap(boot_guests, cap, vcpus, smp):
    """A capped domain gets its cap within 1 % of it over ten seconds; who is not gets the rest."""
    settings = {"cpu_weight": 2048, "cap": cap, "vcpus": vcpus}
    shell = boot_guests({"capped": f"job=spin {WINDOW}", **spinners(2)}, smp=smp, capped=settings)
    times = [spun(shell, name) for name in ("capped", "spin0", "spin1")]
    assert_near(times[0], cap * SECOND / 10, 0.01)
    assert_near(sum(times), smp * 10 * SECOND, 0.01)


def test_affinity(boot_guests):
    """cpus= and vcpu-pin: two share the processor they are bound to, a third has the other."""
    shell = boot_guests(spinners(3), ["vcpu-pin spin1 all 1"], smp=2, spin0={"cpus": "1"})
    assert_near(spun(shell, "spin0"), 5 * SECOND, 0.01)
    assert_near(spun(shell, "spin1"), 5 * SECOND, 0.01)
    assert_near(spun(shell, "spin2"), 10 * SECOND, 0.01)


def test_round_robin(boot_guests):
    """sched=rr: the same for all, whatever their weight."""
    shell = boot_guests(spinners(3), options="sched=rr", **weights(3))
    for i in range(3):
        assert_near(spun(shell, f"spin{i}"), 10 * SECOND / 3, 0.01)


def switch_cost(boot_guests, domains, vcpus, options):
    """Instructions from one vcpu's SCHEDOP_yield to the next one's, all of them yielding."""
    words = "job=yield from=4000 until=4120 last=80"
    guests = {f"yield{i}": words for i in range(domains)}
    shell = boot_guests(guests, options=options, extra=["-icount", "shift=0,sleep=off,align=off"],
                        memory="1G", **{name: {"vcpus": vcpus, "maxvcpus": vcpus}
                                        for name in guests})
    return 80 * 10**6 / sum(shell.clockwork(name)["yields"]["sum"] for name in guests)


@pytest.mark.parametrize("policy", ["fair", "rr"])
def test_switch_costs_the_same_beside_many(boot_guests, policy):
    """With 10 and with 504 runnable vcpus, within 2 %."""
    few = switch_cost(boot_guests, 2, 5, f"sched={policy}")
    many = switch_cost(boot_guests, 63, 8, f"sched={policy}")
    print(f"sched={policy}: a switch costs {few:.0f} instructions with 10, {many:.0f} with 504")
    assert_near(many, few, 0.02)


def test_unknown_policy(boot_bonsai):
    booted = boot_bonsai((machine.GUESTS / "clockwork.elf", "job=none"), options="sched=credit")
    booted.expect("sched=credit is not known, it may be fair or rr: fair$")
    booted.expect("^clockwork: done$")


def test_pause_is_accounted(boot_guests):
    """A pause shows in the run-state as time offline, and the rest still adds up."""
    shell = boot_guests({"one": "job=spin from=0 until=4000", "two": "job=spin from=0 until=4000"},
                        ["pause one", "repeat 100 list", "unpause one"])
    times = shell.clockwork("one")["spin"]
    assert_accounted(times)
    assert times["offline"] > 0


@pytest.mark.parametrize("clock", ["HPET", "ACPI PM timer"])
def test_against_another_clock(boot_bonsai, clock):
    """A minute of system time, calibrated by either counter, is a minute of the CMOS clock."""
    extra = ["-rtc", "clock=vm", *ICOUNT] + (["-no-hpet"] if clock != "HPET" else [])
    booted = boot_bonsai((machine.GUESTS / "clockwork.elf", "job=reference until=62000"),
                         extra=extra, options="dom0_mem=64M")
    booted.expect(f"measured by the {clock}$")
    elapsed = int(booted.expect(r"^clockwork: reference elapsed=(\d+) ")[1])
    seconds = round(elapsed / SECOND)
    assert seconds >= 60
    assert abs(elapsed - seconds * SECOND) <= elapsed * PPM_100
    booted.wait()


def count_interrupts(boot_bonsai, log, until):
    booted = boot_bonsai((machine.GUESTS / "clockwork.elf", f"job=idle until={until}"),
                         extra=[*ICOUNT, "-d", "int", "-D", str(log)], options="dom0_mem=64M")
    booted.expect(r"^clockwork: done$")
    booted.wait()
    return log.read_text().count("Servicing hardware INT")


def test_idle_takes_no_interrupts(boot_bonsai, tmp_path):
    """A minute in which nobody wants to run costs no interrupt more than a second of it."""
    second = count_interrupts(boot_bonsai, tmp_path / "second", 1000)
    minute = count_interrupts(boot_bonsai, tmp_path / "minute", 60000)
    assert minute - second <= 2


@pytest.mark.parametrize("smp", [1, 2, 4])
def test_idle_machine(boot_guests, tmp_path, smp):
    """A minute of the control domain and two guests that wait: under 20 interrupts a second."""
    counts = []
    for until in (5000, 65000):
        log = tmp_path / str(until)
        guests = {name: f"job=idle until={until}" for name in ("one", "two")}
        shell = boot_guests(guests, smp=smp, extra=[*ICOUNT, "-d", "int", "-D", str(log)])
        for name in guests:
            assert shell.clockwork(name)["idle"]["elapsed"] > 0
        shell.booted.close()
        counts.append(log.read_text().count("Servicing hardware INT"))
    assert counts[1] - counts[0] < 60 * 20 * smp
    print(f"{(counts[1] - counts[0]) / 60 / smp} interrupts a second on each of {smp}")


class Monitor:
    """QEMU's own view of the machine."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.stream = self.socket.makefile("rw")
        self.stream.readline()
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        self.stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "return" in answer:
                return answer["return"]

    def halted(self):
        """For each processor whether it stands in HLT."""
        text = self.execute("human-monitor-command", **{"command-line": "info registers -a"})
        return [flag == "1" for flag in re.findall(r"HLT=(\d)", text)]


def test_idle_halts(boot_guests, tmp_path):
    """With three domains that wait, every processor halts."""
    path = tmp_path / "monitor"
    shell = boot_guests({"one": "job=none", "two": "job=none"}, smp=2,
                        extra=["-qmp", f"unix:{path},server=on,wait=off"])
    shell.clockwork("two")
    monitor = Monitor(path)
    for _ in range(100):
        if monitor.halted() == [True, True]:
            break
    samples = [monitor.halted() for _ in range(20)]
    assert samples.count([True, True]) >= 18, samples


def wakers(by, rounds):
    """Two pairs that send events to and fro, four that sleep by the four timers."""
    guests = {}
    for pair in (0, 1):
        words = f"by={by} rounds={rounds}"
        guests[f"ping{pair}"] = f"job=ping peer={2 * pair + 2} {words}"
        guests[f"pong{pair}"] = f"job=pong peer={2 * pair + 1} {words}"
    return guests | {
        f"sleeper-{kind}": f"job=sleep by={kind} longest=2000 rounds=200 until=1000000"
        for kind in SLEEPERS}


def assert_all_answered(shell, rounds):
    """A lost wake-up leaves its domain waiting for ever, and this without its answer."""
    for pair in (0, 1):
        assert shell.clockwork(f"ping{pair}")["ping"]["rounds"] == rounds
        assert shell.clockwork(f"pong{pair}")["pong"]["rounds"] == rounds
    for kind in SLEEPERS:
        assert shell.clockwork(f"sleeper-{kind}")["late"]["rounds"] == 200


@pytest.mark.parametrize("smp", [1, 2, 4])
@pytest.mark.parametrize("by", ["block", "poll"])
def test_no_wake_up_is_lost(boot_guests, smp, by):
    """Two pairs of domains send events to and fro while others sleep by timers, in parallel."""
    shell = boot_guests(wakers(by, 2000), smp=smp, extra=[])
    assert_all_answered(shell, 2000)


@pytest.mark.parametrize("smp", [2, 4])
@pytest.mark.parametrize("by", ["block", "poll"])
def test_no_wake_up_is_lost_by_moving(boot_guests, smp, by):
    """The same while vcpu-pin drives them from processor to processor as fast as it can."""
    guests = wakers(by, 2000)
    moves = [f"vcpu-pin {name} 0 {(number + turn) % smp}"
             for turn in range(120) for number, name in enumerate(guests)]
    shell = boot_guests(guests, [*moves, *(f"vcpu-pin {name} 0 all" for name in guests)], smp=smp,
                        extra=[])
    assert "error" not in shell.booted.text
    assert_all_answered(shell, 2000)
