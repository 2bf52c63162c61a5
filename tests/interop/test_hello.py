# SPDX-License-Identifier: MIT
"""hello.elf prints the same lines as first domain of Bonsai and of Debian's Xen."""

import machine

HELLO = (machine.GUESTS / "hello.elf", "word=bonsai")


def hello_lines(booted):
    booted.expect(r"^hello: done\n")
    return booted.lines("hello:")


def test_on_xen(boot_xen):
    """The guest's own checks hold on Xen: what they expect is the ABI, not what Bonsai does."""
    lines = hello_lines(boot_xen(HELLO))
    assert "hello: first domain, privileged" in lines
    assert "hello: the word is bonsai" in lines
    assert not [line for line in lines if "FAILED" in line]


def test_same_lines(boot_xen, boot_bonsai):
    assert hello_lines(boot_bonsai(HELLO)) == hello_lines(boot_xen(HELLO))
