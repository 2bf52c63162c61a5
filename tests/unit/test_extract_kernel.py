# SPDX-License-Identifier: MIT
"""tools/extract-kernel and tools/make-archive: every format of payload, and what is refused."""

import bz2
import gzip
import lzma
import pathlib
import subprocess

import pytest

TOOLS = pathlib.Path(__file__).parents[2] / "tools"
KERNEL = b"\x7fELF" + bytes(range(256)) * 64
LENGTH = len(KERNEL).to_bytes(4, "little")


def by_tool(*command):
    return subprocess.run(command, input=KERNEL, stdout=subprocess.PIPE, check=True).stdout + LENGTH


PAYLOADS = {
    "gzip": lambda: gzip.compress(KERNEL),
    "bzip2": lambda: bz2.compress(KERNEL) + LENGTH,
    "lzma": lambda: lzma.compress(KERNEL, lzma.FORMAT_ALONE) + LENGTH,
    "xz": lambda: lzma.compress(KERNEL) + LENGTH,
    "lz4": lambda: by_tool("lz4", "-l", "-c"),
    "zstd": lambda: by_tool("zstd", "-c", "-q"),
    "none": lambda: KERNEL,
}


def boot_image(payload):
    """As much of the boot protocol's header as tells where the payload is."""
    image = bytearray(5 * 512)
    image[0x202:0x206] = b"HdrS"
    image[0x206:0x208] = (0x20f).to_bytes(2, "little")
    image[0x248:0x24c] = (512).to_bytes(4, "little")
    image[0x24c:0x250] = len(payload).to_bytes(4, "little")
    return bytes(image) + bytes(512) + payload


def extract(tmp_path, image):
    (tmp_path / "vmlinuz").write_bytes(image)
    result = subprocess.run([TOOLS / "extract-kernel", tmp_path / "vmlinuz", tmp_path / "elf"],
                            stderr=subprocess.PIPE, text=True)
    return result.returncode, result.stderr


@pytest.mark.parametrize("name", PAYLOADS)
def test_payload(tmp_path, name):
    assert extract(tmp_path, boot_image(PAYLOADS[name]())) == (0, "")
    assert (tmp_path / "elf").read_bytes() == KERNEL


@pytest.mark.parametrize("image, reason", [
    (b"short", "not a Linux boot image"),
    (boot_image(b"gibberish"), "unknown compression"),
    (boot_image(gzip.compress(b"text")), "not an ELF file"),
    (boot_image(b"\x1f\x8b" + bytes(64)), "cannot be unpacked"),
    (boot_image(b"\xfd7zXZ" + bytes(64)), "cannot be unpacked"),
], ids=["short", "unknown", "text", "damaged-gzip", "damaged-xz"])
def test_refusal(tmp_path, image, reason):
    status, message = extract(tmp_path, image)
    assert status != 0 and reason in message and "Traceback" not in message


def test_archive_of_other_files(tmp_path):
    """What is no boot image goes in as it is, in the names' order."""
    root = tmp_path / "root"
    (root / "auto").mkdir(parents=True)
    for name in ("b", "a", "auto/c"):
        (root / name).write_text(name)
    subprocess.run([TOOLS / "make-archive", root, tmp_path / "archive"], check=True)
    with open(tmp_path / "archive", "rb") as archive:
        names = subprocess.run(["cpio", "-t", "--quiet"], stdin=archive, stdout=subprocess.PIPE,
                               check=True).stdout.split()
    assert names == [b"a", b"auto/c", b"b"]
