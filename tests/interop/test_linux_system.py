# SPDX-License-Identifier: MIT
"""Debian's Linux as a guest: both kernels as their packages have them, with 1, 2 and 4 processors,
what it makes of its memory, its root file system, its keys and its end, and what its log complains
about."""

import re
import subprocess
import time

import machine
import pytest
import shell
from linux_system import Guest, PROMPT

SYSTEM = machine.BUILD / "debian" / "system"
ROOT = SYSTEM / "root.ext4"
MIB = 1 << 20
PARTITION = 9 * MIB  # the second one of the test disk
CPU = "Skylake-Client,-smap"  # what Xen is booted on


@pytest.fixture
def boot_guest(boot_bonsai, boot_xen):
    """The control domain with one of the kernels, on either hypervisor."""

    def boot(hypervisor="bonsai", kernel="cloud", disk=None, cpu="max"):
        modules = [machine.GUESTS / "control.elf", machine.BUILD / f"linux-{kernel}.cpio"]
        keywords = {"options": "dom0_mem=320M", "memory": "1G",
                    "extra": machine.disk_arguments(disk) if disk else ()}
        if hypervisor == "bonsai":
            return Guest(boot_bonsai(*modules, smp=2, cpu=cpu, **keywords))
        return Guest(boot_xen(*modules, **keywords), powers_off=False)

    return boot


@pytest.mark.parametrize("configuration", [
    "cloud4", "standard2", *(pytest.param(name, marks=pytest.mark.soak) for name in
                             ("cloud1", "cloud2", "standard1", "standard4"))])
def test_boot(boot_guest, configuration):
    """It comes up with its processors, has the right time, and sleeps when it has nothing to do."""
    kernel, processors = configuration[:-1], int(configuration[-1])
    guest = boot_guest(kernel=kernel)
    assert guest.create(configuration) == processors
    assert abs(int(guest.command("date +%s").split()[0]) - time.time()) < 600
    first, second = map(int, guest.command("date +%s; sleep 2; date +%s").split())
    assert second >= first + 2
    guest.detach()
    before = guest.seconds()
    time.sleep(4)
    assert guest.seconds() - before < 2, "an idle guest uses the processor"
    used = guest.control.command("hypercalls linux")
    assert re.search(r"^mmu_update +[1-9]\d*$", used, re.MULTILINE)
    assert re.search(r"^sched_op +[1-9]\d*$", used, re.MULTILINE)
    guest.control.command("shutdown -w linux")
    guest.control.wait_until_gone("linux")
    guest.control.command("debug-keys a")
    assert "audit: ok" in guest.booted.text
    guest.control.power_off()


@pytest.mark.parametrize("hypervisor", ["bonsai", pytest.param("xen", marks=pytest.mark.soak)])
def test_root_file_system(boot_guest, disk_image, hypervisor):
    """It lives on an ext4 file system in a partition; what it wrote is there and nothing is broken."""
    with open(disk_image, "r+b") as disk:
        disk.seek(PARTITION)
        disk.write(ROOT.read_bytes())
    guest = boot_guest(hypervisor, disk=disk_image)
    assert guest.create("cloud-disk") == 2
    assert "/dev/xvda / ext4 rw" in guest.command("cat /proc/mounts")
    assert "done" in guest.command("seq 20000 > /numbers && sync && echo done")
    guest.detach()
    guest.control.command("shutdown linux")
    guest.booted.expect(r"Domain linux .* has powered off")
    guest.control.wait_until_gone("linux")
    guest.control.power_off()

    root = disk_image.with_suffix(".root")
    root.write_bytes(disk_image.read_bytes()[PARTITION:PARTITION + ROOT.stat().st_size])
    subprocess.run(["/usr/sbin/e2fsck", "-fn", root], check=True)
    numbers = subprocess.run(["/usr/sbin/debugfs", "-R", "cat /numbers", root], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    assert numbers == "".join(f"{number}\n" for number in range(1, 20001))


@pytest.mark.parametrize("hypervisor", ["bonsai", pytest.param("xen", marks=pytest.mark.soak)])
def test_requests(boot_guest, hypervisor):
    """Its balloon driver follows mem-set, SysRq keys reach it, and it restarts when asked to."""
    guest = boot_guest(hypervisor)
    guest.create("cloud1")

    def memory():
        return guest.control.domains()["linux"][1]

    def wait_for_memory(mebibytes):
        for _ in range(100):
            if memory() == mebibytes:
                return
            time.sleep(0.2)
        raise AssertionError(f"the guest has {memory()} MiB, not {mebibytes}")

    guest.detach()
    guest.control.command("mem-set linux 128")
    wait_for_memory(128)
    guest.control.command("mem-set linux 160m")
    wait_for_memory(160)
    assert "static_max" in guest.control.command("mem-set linux 500")
    assert memory() == 160
    guest.control.command("sysrq linux s")
    guest.booted.send("console linux\n")
    guest.booted.expect("sysrq: Emergency Sync")
    guest.detach()
    guest.control.command("reboot linux")
    guest.booted.expect(r"Domain linux .* wants to reboot")
    guest.booted.expect(r"action for reboot: restart")
    for _ in range(100):
        if "linux" in guest.control.domains():
            break
        time.sleep(0.2)
    guest.booted.send("console linux\n")
    assert guest.wait_until_up() == 1


@pytest.mark.parametrize("hypervisor", ["bonsai", pytest.param("xen", marks=pytest.mark.soak)])
def test_vcpu_set(boot_guest, hypervisor):
    """It uses one of its two processors at first; `vcpu-set` gives it the other and takes it back."""
    guest = boot_guest(hypervisor)
    assert guest.create("cloud-plug") == 1
    # Xen's machine has one processor: more are asked for knowingly.
    for number, (wanted, present) in enumerate(((2, "0-1"), (1, "0"), (2, "0-1"))):
        guest.detach()
        assert guest.control.command(f"vcpu-set -i linux {wanted}") == ""
        # The log is shown again first; what follows is new.
        guest.booted.send(f"console linux\necho round {number}\n")
        guest.booted.expect(rf"^round {number}\n")
        guest.booted.expect(PROMPT)
        for _ in range(100):
            if guest.command("cat /sys/devices/system/cpu/present").strip() == present:
                break
            time.sleep(0.2)
        if wanted == 2:  # what a distribution's udev rule does
            guest.command("echo 1 > /sys/devices/system/cpu/cpu1/online")
        assert int(guest.command("nproc")) == wanted
    guest.detach()
    assert guest.control.domains()["linux"][2] == 2


@pytest.mark.parametrize("configuration", [
    "cloud2", *(pytest.param(name, marks=pytest.mark.soak) for name in
                ("cloud1", "standard1", "standard2"))])
def test_warnings(boot_guest, configuration):
    """The kernel's log has no warning that the same guest does not also have on Xen."""
    found = {}
    for hypervisor in ("xen", "bonsai"):
        guest = boot_guest(hypervisor, configuration[:-1], cpu=CPU)
        guest.create(configuration)
        found[hypervisor] = guest.warnings()
        guest.booted.close()
    assert found["bonsai"] - found["xen"] == set()


def test_packed_kernel_is_named(boot_bonsai, tmp_path):
    """A boot image that nobody unpacked is not started, and the reason is told."""
    root = tmp_path / "archive"
    root.mkdir()
    (root / "vmlinuz").write_bytes((SYSTEM / "cloud.vmlinuz").read_bytes())
    (root / "packed.cfg").write_text('name = "packed"\nkernel = "vmlinuz"\nmemory = 64\n')
    archive = tmp_path / "packed.cpio"
    with open(archive, "wb") as output:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=root, stdout=output,
                       input=b"vmlinuz\npacked.cfg", check=True)
    control = shell.Shell(boot_bonsai(machine.GUESTS / "control.elf", archive,
                                      options="dom0_mem=96M"))
    assert "is a Linux boot image (bzImage)" in control.command("create packed")
    control.power_off()
