# SPDX-License-Identifier: MIT
"""A wrong first module gives one clear line that names it and says what is wrong, and an end."""

import elf_file
import machine
import pytest

HELLO = machine.GUESTS / "hello.elf"


def make_text(_):
    return b"#!/bin/sh\nexit 0\n" * 10


def make_truncated(kernel):
    return kernel.data[:len(kernel.data) // 8]


def make_32_bit(_):
    return machine.BONSAI.read_bytes()


def make_other_machine(kernel):
    kernel.set_machine(183)
    return kernel.data


def make_without_notes(kernel):
    kernel.rename_notes()
    return kernel.data


def make_entry_outside(kernel):
    kernel.set_note(elf_file.NOTE_ENTRY, 0xFFFFFFFF90000000)
    return kernel.data


def make_hypercall_page_outside(kernel):
    kernel.set_note(elf_file.NOTE_HYPERCALL_PAGE, 0xFFFFFFFF90000000)
    return kernel.data


def make_other_interface(kernel):
    kernel.set_note(elf_file.NOTE_XEN_VERSION, "xen-9.0")
    return kernel.data


def make_demanding(kernel):
    kernel.set_note(elf_file.NOTE_FEATURES, "!flying_carpet")
    return kernel.data


def assert_refused(booted, text):
    """One line says it, nothing panics, and the machine stops in order."""
    booted.expect(rf"^.*module 1 .*kernel.*{text}.*$")
    booted.expect(r"stopped: there is no first domain")
    assert "hello:" not in booted.text
    assert "panic" not in booted.text
    assert len([line for line in booted.text.split("\n") if text in line]) == 1


@pytest.mark.parametrize("make, text", [
    (make_text, "is not an ELF file"),
    (make_truncated, "is truncated"),
    (make_32_bit, "is a 32-bit kernel"),
    (make_other_machine, "is not made for x86-64"),
    (make_without_notes, "has no Xen notes"),
    (make_entry_outside, "has its entry point outside"),
    (make_hypercall_page_outside, "has its hypercall page outside"),
    (make_other_interface, "is not built for the interface"),
    (make_demanding, "requires a feature"),
], ids=lambda value: value.__name__ if callable(value) else None)
def test_wrong_kernel(boot_bonsai, tmp_path, make, text):
    module = tmp_path / "kernel.elf"
    module.write_bytes(make(elf_file.ElfFile(HELLO)))
    assert_refused(boot_bonsai(module), text)


def test_no_module(boot_bonsai):
    booted = boot_bonsai()
    booted.expect(r"no module: the first domain's kernel must be given as first module")
    booted.expect(r"stopped: there is no first domain")


def test_too_little_memory(boot_bonsai):
    assert_refused(boot_bonsai(HELLO, options="dom0_mem=200K"), "needs at least 4096 KiB of memory")


def test_initrd_too_large(boot_bonsai, tmp_path):
    initrd = tmp_path / "initrd"
    initrd.write_bytes(bytes(16 << 20))
    assert_refused(boot_bonsai(HELLO, initrd, options="dom0_mem=16M"),
                   "needs at least 20480 KiB of memory")
