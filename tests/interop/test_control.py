# SPDX-License-Identifier: MIT
"""The control domain makes, runs, watches and ends guests: the same binary on Xen and on Bonsai."""

import re
import time

import pytest

from control_domain import CONTROL, CTRL_C, Shell, configuration, make_archive

FILES = {
    "hello.cfg": configuration("hello", "hello.elf"),
    "demo.cfg": configuration("demo"),
    "moss.cfg": configuration("moss", memory=8, extra="greeting=moss"),
    "phoenix.cfg": configuration("phoenix", on_crash="restart"),
    "relic.cfg": configuration("relic", on_crash="preserve", on_poweroff="preserve"),
    "heavy.cfg": configuration("heavy", cpu_weight=512, cap=50),
    "twins.cfg": configuration("twins", vcpus=1, maxvcpus=2, cpus=["1", "all"], cpus_soft="0"),
    "bound.cfg": configuration("bound", cpus="7"),
    "capped.cfg": configuration("capped", cap=101),
    "huge.cfg": configuration("huge", memory=100000),
    "small.cfg": configuration("small", memory=1, ramdisk="demo.elf"),
    "nokernel.cfg": configuration("nokernel", "absent.elf"),
    "text.cfg": configuration("text", "hello.cfg"),
    "syntax.cfg": 'name = "a"\nkernel = "b"\ndisk = [ \'x\'\n\'y\' ]\n',
    "unnamed.cfg": 'kernel = "hello.elf"\n',
    "unknown.cfg": configuration("unknown", "hello.elf", colour="red"),
    "script": "# a comment\ncreate hello -p\ndomid hello\n",
}


@pytest.fixture(params=["xen", "bonsai"])
def hypervisor(request):
    return request.param


@pytest.fixture
def boot_control(hypervisor, request, tmp_path):
    """Boot the control domain with FILES as its archive; give its shell."""

    def boot(words="", files=None, options="dom0_mem=128M", **keywords):
        archive = make_archive(tmp_path, FILES | (files or {}))
        if hypervisor == "xen" and keywords.get("smp", 1) > 1:
            options += " sched=credit"  # the default one sleeps over wake-ups: see test_smp.py
        start = request.getfixturevalue(f"boot_{hypervisor}")
        return Shell(start((CONTROL, words), (archive, ""), options=options, **keywords))

    return boot


def test_life_of_a_guest(boot_control):
    """Created paused, it owns its memory and does not run; let go, it says hello and is gone."""
    shell = boot_control()
    assert "Parsing config from hello.cfg" in shell.run("create hello -p")
    row = shell.list()["hello"]
    assert (row["ID"], row["Mem"], row["VCPUs"], row["State"], row["Time(s)"]) == (
        "1", "16", "1", "--p---", "0.0")
    assert shell.run("domid hello").strip() == "1"
    assert shell.run("domname 1").strip() == "hello"
    shell.booted.send("unpause hello\r")
    shell.booted.expect(r"^(bonsai> )?Domain hello \(id 1\) has powered off$")
    shell.booted.expect("action for poweroff: destroy\n")
    assert list(shell.list()) == ["Domain-0"]


def test_console(boot_control):
    """Attach, be heard, leave by Ctrl-]; the guest goes on and its log is shown again."""
    shell = boot_control()
    shell.run("create demo")
    shell.attach("demo")
    shell.booted.send("help\r")
    shell.booted.expect("the time of day")
    shell.detach()
    # It may not be through with its answer yet.
    states = (shell.list()["demo"]["State"] for _ in range(50))
    assert "-b----" in states
    shell.attach("demo")
    shell.booted.send("shutdown\r")
    shell.booted.expect(r"^Domain demo \(id 1\) has powered off$")


def test_pause(boot_control):
    """A guest that spins gets processor time, paused it gets none."""
    shell = boot_control()
    shell.run("create demo")
    shell.attach("demo")
    shell.booted.send("fault spin\r")
    shell.booted.expect("as you wish\n")
    shell.detach()
    shell.run("pause demo")
    before = shell.list()["demo"]
    assert before["State"] == "--p---"
    shell.run("repeat 20 list")
    assert shell.list()["demo"]["Time(s)"] == before["Time(s)"]
    shell.run("unpause demo")
    assert shell.list()["demo"]["State"] in ("r-----", "------")
    shell.run("destroy demo")
    assert list(shell.list()) == ["Domain-0"]


def test_shutdown_by_store(boot_control):
    """`shutdown` asks through control/shutdown; the guest obeys; the others go on."""
    shell = boot_control()
    shell.run("create demo; create moss")
    shell.attach("demo")
    shell.detach()
    assert "Shutting down domain 1" in shell.run("shutdown -w demo")
    assert sorted(shell.list()) == ["Domain-0", "moss"]


def test_reboot(boot_control):
    """A guest that reboots comes back as a new domain of the same name."""
    shell = boot_control()
    shell.run("create demo")
    shell.attach("demo")
    shell.booted.send("read\r" * 8)
    shell.detach()
    # A guest younger than a second is not restarted.
    while "0:00:00" in shell.run("uptime demo"):
        pass
    shell.run("reboot demo")
    shell.booted.expect("action for reboot: restart\n")
    while shell.list().get("demo", {"ID": "1"})["ID"] == "1":
        pass
    shell.attach("demo")



def test_crash(boot_control):
    """The end of a guest by its own fault is told with who, why and where; the others go on."""
    shell = boot_control()
    shell.run("create demo; create moss")
    shell.attach("demo")
    shell.booted.send("fault null\r")
    shell.booted.expect(r"^Domain demo \(id 1\) has crashed$")
    shell.booted.expect(r"vcpu 0 stopped at rip 0x[0-9a-f]+")
    shell.booted.expect(r"its last words: panic: exception 14")
    shell.booted.expect(r"action for crash: destroy\n")
    shell.booted.expect(r"^bonsai> ")
    assert sorted(shell.list()) == ["Domain-0", "moss"]


def test_crash_is_preserved(boot_control):
    shell = boot_control()
    shell.run("create relic")
    shell.attach("relic")
    shell.booted.send("crash\r")
    shell.booted.expect(r"action for crash: preserve\n")
    shell.detach()
    assert shell.list()["relic"]["State"] == "---sc-"
    shell.run("destroy relic")
    assert list(shell.list()) == ["Domain-0"]


@pytest.mark.parametrize("kind", ["ud", "stack", "pagetable"])
def test_fault_is_contained(boot_control, kind):
    shell = boot_control()
    shell.run("create demo; create moss")
    shell.attach("demo")
    shell.booted.send(f"fault {kind}\r")
    shell.booted.expect(r"^Domain demo \(id 1\) has crashed$")
    shell.booted.expect(r"action for crash: destroy\n")
    shell.booted.expect(r"^bonsai> ")
    assert sorted(shell.list()) == ["Domain-0", "moss"]


@pytest.mark.parametrize("kind", ["flood", "ring", "console", "inflight"])
def test_misbehaviour_is_contained(boot_control, kind):
    """What a guest does to its rings hurts nobody else, and it can be ended."""
    shell = boot_control()
    shell.run("create demo; create moss")
    shell.attach("demo")
    shell.booted.send(f"fault {kind}\r")
    shell.booted.expect("as you wish\n")
    shell.booted.send("\x1d\r")
    shell.booted.expect(r"^bonsai> ")
    shell.run("destroy demo")
    shell.attach("moss")
    shell.booted.send("help\r")
    shell.booted.expect("the time of day")
    shell.detach()
    assert sorted(shell.list()) == ["Domain-0", "moss"]


ERRORS = {
    "create absent": r"Failed to read config file: absent: not in the archive",
    "create nokernel": r"nokernel: absent.elf: not in the archive",
    "create text": r"text: hello.cfg .*ELF",
    "create small": r"small: demo.elf .*memory.*\(memory=1\)",
    "create huge": r"huge: not enough memory: 100000 MiB wanted, [0-9]+ MiB free",
    "create syntax": r"syntax.cfg:4: config parsing error: `,' or `\]' is expected in a list",
    "create unnamed": r"unnamed.cfg:2: Domain name must be specified.",
    "create capped": r"capped.cfg:5: cap= is more than 100 for each vcpu",
    "create bound": r"bound: choosing processors for its vcpus failed: error -22",
    "vcpu-pin 0 1 0": r"Error: Invalid argument 1 as VCPU.",
    "vcpu-pin 0 0 0-x": r"Invalid pcpu range: 0-x.",
    "vcpu-pin 0 0 7": r"Could not set affinity for vcpu `0': none of these processors is online.",
    "vcpu-pin 0 0 -": r"Usage: vcpu-pin DOMAIN VCPU\|all HARD \[SOFT\]",
    "vcpu-pin nobody all 0": r"nobody is an invalid domain identifier \(rc=-6\)",
    "vcpu-list nobody": r"nobody is an invalid domain identifier \(rc=-6\)",
    "vcpu-set 0 1": r"domain 0 is not a guest of this control domain",
    "vcpu-set 0 x": r"Error: Invalid argument.",
    "vcpu-set 0 2": r"You are overcommitting! You have 1 physical CPUs and want 2 vCPUs!",
    "sched-credit2 -w 5": r"Must specify a domain.",
    "sched-credit2 -d 0 -w 0": r"Cpu weight out of range, valid values are within range from 1",
    "sched-credit2 -d 0 -w 65536": r"Cpu weight out of range, valid values are within .* to 65535",
    "sched-credit2 -d 0 -c 101": r"Cpu cap out of range, valid range is from 0 to 100 ",
    "sched-credit2 -d nobody": r"nobody is an invalid domain identifier \(rc=-6\)",
    "sched all": r"Usage: sched",
    "destroy nobody": r"nobody is an invalid domain identifier \(rc=-6\)",
    "destroy 0": r"Cannot destroy privileged domain 0.",
    "pause 77": r"77 is an invalid domain identifier",
    "console Domain-0": r"Cannot console privileged domain 0.",
    "domid nobody": r"Can't get domid of domain name 'nobody'",
    "pause": r"Usage: pause DOMAIN",
    "create 'hello": r"unterminated quote",
    "dance": r"command not implemented: dance",
}


def test_errors(boot_control):
    """Each mistake has its answer, and none of them costs memory."""
    shell = boot_control()
    shell.run("repeat 5 'create hello -p -q; destroy hello'; create huge")  # heaps grow
    before = shell.info("control_free_pages")
    for command, answer in ERRORS.items():
        assert re.search(answer, shell.run(command)), command
    assert "unknown.cfg:4: warning: unknown key `colour' ignored" in shell.run("create unknown -p")
    shell.run("destroy unknown")
    assert list(shell.list()) == ["Domain-0"]
    assert shell.info("control_free_pages") == before


def test_same_name_twice(boot_control):
    shell = boot_control()
    shell.run("create hello -p")
    assert 'Domain with name "hello" already exists.' in shell.run("create hello -p")
    assert len(shell.list()) == 2


def test_paths_into_the_archive(boot_control):
    """Files are found by a path from the archive's root, however that is written."""
    shell = boot_control(files={f"{name}.cfg": configuration(name, kernel) for name, kernel in (
        ("plain", "demo.elf"), ("rooted", "/demo.elf"), ("dotted", "./demo.elf"))})
    for name in ("plain", "rooted", "dotted"):
        shell.run(f"create {name}")
    assert {"plain", "rooted", "dotted"} <= shell.list().keys()


def test_script_and_automatic_start(boot_control):
    """auto/ is started at boot, run= runs a file of commands."""
    shell = boot_control("run=script", {"auto/moss.cfg": FILES["moss.cfg"]})
    assert shell.booted.text.index("auto/moss.cfg") < shell.booted.text.index("create hello -p")
    assert sorted(shell.list()) == ["Domain-0", "hello", "moss"]


def test_no_automatic_start(boot_control):
    shell = boot_control("auto=no", {"auto/moss.cfg": FILES["moss.cfg"]})
    assert list(shell.list()) == ["Domain-0"]


def test_repeat_is_interrupted(boot_control):
    shell = boot_control()
    shell.booted.send("repeat 1000000 'domid self'\r")
    shell.booted.expect(r"^0\n0\n")
    shell.booted.send(CTRL_C)
    shell.booted.expect(r"^[0-9]+ rounds, 0 failures")


def test_information(boot_control, hypervisor):
    """info, dmesg, uptime, vcpu-list, top and help say what they should."""
    shell = boot_control()
    information = dict(re.split(r"\s*: ", line, maxsplit=1)
                       for line in shell.run("info").strip().split("\n"))
    assert information["nr_cpus"] == "1"
    assert information["xen_pagesize"] == "4096"
    assert information["xen_caps"].split()[0] == "xen-3.0-x86_64"
    assert 0 < int(information["free_memory"]) < int(information["total_memory"])
    assert "console=com1" in information["xen_commandline"]
    assert {"xen": "Xen", "bonsai": "Bonsai"}[hypervisor] in shell.run("dmesg")
    assert re.search(r"^Domain-0 +0 +0:0", shell.run("uptime"), re.MULTILINE)
    assert re.search(r"^Domain-0 +0 +0 +0 ", shell.run("vcpu-list"), re.MULTILINE)
    assert "create" in shell.run("help")
    shell.booted.send("top\r")
    shell.booted.expect(r"^NAME +STATE +CPU\(sec\)")
    shell.booted.expect(r"^Domain-0 ")
    shell.booted.send("q")
    shell.booted.expect(r"^bonsai> ")


def test_shares_of_processor_time(boot_control):
    """cpu_weight= and cap= reach the scheduler, sched-credit2 shows and changes each alone."""
    shell = boot_control()
    shell.run("create heavy -p")
    shares = shell.run("sched-credit2")
    assert re.search(r"^Domain-0 +0 +256 +0$", shares, re.MULTILINE)
    assert re.search(r"^heavy +1 +512 +50$", shares, re.MULTILINE)
    assert shell.run("sched-credit2 -d heavy -w 100") == ""
    assert shell.run("sched-credit2 -d heavy").split("\n")[1].split() == ["heavy", "1", "100", "50"]
    assert shell.run("sched-credit2 -d heavy -c 0") == ""
    assert shell.run("sched-credit2 -d heavy").split("\n")[1].split() == ["heavy", "1", "100", "0"]
    assert "Usage" in shell.run("sched-credit2 -d heavy -w many")


def vcpus(shell, domain):
    """The rows of `vcpu-list` for one domain: its affinities by vcpu, and CPU and state."""
    head, *rows = shell.run(f"vcpu-list {domain}").strip().split("\n")
    assert head.split() == ["Name", "ID", "VCPU", "CPU", "State", "Time(s)",
                            "Affinity", "(Hard", "/", "Soft)"]
    rows = [row.split() for row in rows]
    return {int(row[2]): {"CPU": row[3], "State": row[4], "Hard": row[6], "Soft": row[8]}
            for row in rows}


def wait_until(condition):
    """Ask again and again, a bounded number of times."""
    for _ in range(200):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to that")


def test_affinity(boot_control, hypervisor):
    """cpus= pins, vcpu-list shows it, vcpu-pin changes it; the vcpu then runs there."""
    shell = boot_control(smp=2)
    shell.run("create twins")
    shell.attach("twins")
    shell.detach()
    wait_until(lambda: vcpus(shell, "twins")[0] == {
        "CPU": "1", "State": "-b-", "Hard": "1", "Soft": "0"})
    assert vcpus(shell, "twins")[1] == {"CPU": "-", "State": "--p", "Hard": "all", "Soft": "0"}
    assert shell.run("vcpu-pin twins 0 0 all") == ""
    shell.attach("twins")
    shell.booted.send("fault spin\r")
    shell.booted.expect("as you wish\n")
    shell.detach()
    row = vcpus(shell, "twins")[0]
    assert (row["CPU"], row["Hard"], row["Soft"]) == ("0", "0", "all")
    assert shell.run("vcpu-pin twins all 1 -") == ""
    wait_until(lambda: vcpus(shell, "twins")[0]["CPU"] == "1")
    assert {row["Hard"] for row in vcpus(shell, "twins").values()} == {"1"}
    assert shell.run("vcpu-pin Domain-0 0 0") == ""
    # The domain that asks has one processor, the one that spins the other.
    head, columns, first, second = shell.run("sched").strip().split("\n")
    assert head == "Scheduler: " + {"bonsai": "credit2",
                                    "xen": "credit (sched=credit)"}[hypervisor]
    assert columns.split() == ["CPU", "Runs", "Runnable", "Idle(s)", "Idle(%)"]
    assert first.split()[:3] == ["0", "Domain-0/0", "0"]
    assert second.split()[:3] == ["1", "twins/0", "0"]
    assert shell.run("vcpu-pin twins 0 all,^1") == ""
    assert vcpus(shell, "twins")[0]["Hard"] == "0"


def test_policy_is_told(boot_control, hypervisor):
    """`sched` tells which policy was asked for at boot; shares are told and taken under each."""
    policy = {"bonsai": "rr", "xen": "credit2"}[hypervisor]
    shell = boot_control(options=f"dom0_mem=128M sched={policy}")
    assert shell.run("sched").startswith(f"Scheduler: credit2 (sched={policy})\n")
    shell.run("create hello -p")
    assert shell.run("sched-credit2 -d hello -w 100") == ""
    assert re.search(r"^hello +1 +100 +0$", shell.run("sched-credit2"), re.MULTILINE)


def test_number_of_vcpus(boot_control):
    """vcpus=, maxvcpus= and `vcpu-set` reach the guest; the hypervisor has all of them."""
    shell = boot_control(smp=2)
    shell.run("create twins")

    def online():
        return [number for number, row in vcpus(shell, "twins").items() if row["CPU"] != "-"]

    assert list(vcpus(shell, "twins")) == [0, 1]
    assert online() == [0]
    for wanted in (2, 1, 2):
        assert shell.run(f"vcpu-set twins {wanted}") == ""
        wait_until(lambda: len(online()) == wanted)
    assert shell.list()["twins"]["VCPUs"] == "2"
    assert "Requested 3 VCPUs, however maxcpus is 2!" in shell.run("vcpu-set -i twins 3")
    assert "You have 2 physical CPUs and want 3 vCPUs" in shell.run("vcpu-set twins 3")
    assert "Error: Invalid argument." in shell.run("vcpu-set twins 0")


def test_large_guest(boot_control):
    """A guest larger than what one block of the control domain's memory could describe."""
    shell = boot_control(files={"large.cfg": configuration("large", memory=2200)}, memory="3072M")
    before = shell.info("free_pages")
    shell.run("create large")
    shell.attach("large")
    shell.detach()
    assert shell.list()["large"]["Mem"] == "2200"
    shell.run("destroy large")
    assert shell.info("free_pages") > before - 64


def test_leaks_nothing(boot_control, hypervisor):
    """1,000 rounds of create and destroy leave free memory where it was."""
    shell = boot_control()
    again = "repeat {} 'create hello -p -q; destroy hello'"
    assert "20 rounds, 0 failures" in shell.run(again.format(20))  # heaps grow to their size
    free, own = shell.info("free_pages"), shell.info("control_free_pages")
    assert "1000 rounds, 0 failures" in shell.run(again.format(1000), patience=400)
    assert shell.info("control_free_pages") == own
    if hypervisor == "bonsai":  # Xen keeps some of its own memory for later
        assert shell.info("free_pages") == free


def test_leaks_nothing_when_guests_ran(boot_control, hypervisor):
    """The same with guests that use their rings when they are ended."""
    shell = boot_control(smp=2, files={"disk.img": bytes(1 << 20), "demo.cfg": configuration(
        "demo", disk=["file:disk.img,raw,xvda,rw"])})
    again = "repeat {} 'create demo -q; create moss -q; destroy demo; destroy moss'"
    assert "20 rounds, 0 failures" in shell.run(again.format(20))
    free, own = shell.info("free_pages"), shell.info("control_free_pages")
    assert "40 rounds, 0 failures" in shell.run(again.format(40), patience=400)
    # Less than a page a round: the heap grows by one when more happens at once than ever before.
    assert own - shell.info("control_free_pages") < 8
    if hypervisor == "bonsai":
        assert shell.info("free_pages") == free


def test_restarts_the_machine(boot_control, hypervisor):
    """`reboot` resets the machine; QEMU is told to end then."""
    shell = boot_control()
    shell.booted.send("reboot\r")
    shell.booted.expect("^Restarting the machine$")
    if hypervisor == "bonsai":  # Xen is told not to by `noreboot`
        shell.booted.wait()


def test_powers_off(boot_control, hypervisor):
    """`shutdown` ends the guests, then the machine."""
    shell = boot_control()
    shell.run("create demo; create hello -p")
    shell.attach("demo")
    shell.detach()
    shell.booted.send("shutdown\r")
    shell.booted.expect(r"^Domain demo \(id 1\) has powered off$")
    shell.booted.expect("^Powering off the machine$")
    if hypervisor == "bonsai":
        shell.booted.wait()
    else:
        shell.booted.expect("Hardware Dom0 halted")
