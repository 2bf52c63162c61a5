# SPDX-License-Identifier: MIT
"""What a guest writes through its ring is on the disk, in its partition, and nowhere else."""

import struct

SECTOR = 512
WORDS = SECTOR // 8
MASK = (1 << 64) - 1
SECTORS = 16384  # of the demo guest's partition: 8 MiB


def pattern(seed, sector, count):
    """What the demo guest's `pattern` command writes: see pvguest/apps/demo.c."""
    first = seed + sector * WORDS
    words = ((first + i) * 0x9E3779B97F4A7C15 & MASK for i in range(count * WORDS))
    return struct.pack(f"<{count * WORDS}Q", *(word ^ word >> 32 for word in words))


def partition_start(image, number):
    """First byte of a GPT partition."""
    entry = 2 * SECTOR + (number - 1) * 128
    return struct.unpack_from("<Q", image, entry + 32)[0] * SECTOR


def test_pattern(boot_control, disk_image):
    before = disk_image.read_bytes()
    control = boot_control(disk=disk_image)
    control.attach("demo")
    assert "done" in control.demo("pattern 100 3000 12345")
    assert "done" in control.demo("verify 100 3000 12345")
    assert "done" in control.demo(f"pattern {SECTORS - 3} 3 99")
    assert "done" in control.demo("flush")
    control.detach()
    control.power_off()

    start = partition_start(before, 1)
    expected = bytearray(before)
    expected[start + 100 * SECTOR:start + 3100 * SECTOR] = pattern(12345, 100, 3000)
    end = start + SECTORS * SECTOR
    expected[end - 3 * SECTOR:end] = pattern(99, SECTORS - 3, 3)
    assert disk_image.read_bytes() == expected


def test_outside(boot_control, disk_image):
    """Requests beyond the partition's end are refused, also when they begin inside it."""
    before = disk_image.read_bytes()
    control = boot_control(disk=disk_image)
    control.attach("demo")
    assert "failed" in control.demo(f"write {SECTORS} text")
    assert "failed" in control.demo(f"pattern {SECTORS - 1} 2 1")
    assert "failed" in control.demo("read 18446744073709551615")
    assert "done" in control.demo("read 0")
    control.detach()
    assert disk_image.read_bytes() == before


def test_ram_disk(boot_control):
    """Where there is no disk, a RAM disk from the archive serves."""
    control = boot_control()
    control.attach("moss")
    assert "done" in control.demo("pattern 0 2048 7")
    assert "done" in control.demo("verify 0 2048 7")
    assert "differ" in control.demo("verify 0 2048 8")
