# SPDX-License-Identifier: MIT
"""bench.elf as first domain and as guest, on both hypervisors: every row does what it says.

Its figures are not looked at here; what they are for is in docs/benchmarks.md.
"""

import pathlib
import sys

import pytest

import machine

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "bench"))

import bench_guests  # noqa: E402 (found by the path above)
import rows  # noqa: E402

NEED_ANOTHER_DOMAIN = {"domain_event_round_trip", "domain_switch_pair", "block_read_4k_depth_1",
                       "block_read_4k_depth_32", "block_read_1m_sequential", "net_round_trip",
                       "net_frame_1514"}
CONTROLS = {"control_empty_loop", "control_read_clock"}


def figures(booted):
    booted.expect(r"^bench: done", 3 * machine.PATIENCE)
    found = {name: cost for name, _, cost in rows.ROW.findall(booted.text)}
    assert len(found) >= 38
    return found


@pytest.mark.parametrize("hypervisor", ["bonsai", "xen"])
def test_first_domain(request, hypervisor):
    boot = request.getfixturevalue(f"boot_{hypervisor}")
    found = figures(boot((machine.GUESTS / "bench.elf", ""), options="dom0_mem=256M "
                         "dom0_max_vcpus=2", memory="768M"))
    for name, cost in found.items():
        if name in NEED_ANOTHER_DOMAIN:
            assert cost == "skip", name
        else:
            assert cost.isdigit(), name


@pytest.mark.parametrize("hypervisor", ["bonsai", "xen"])
def test_guest(request, hypervisor, tmp_path):
    """With a partner for events and turns, one for frames, and a disk."""
    boot = request.getfixturevalue(f"boot_{hypervisor}")
    booted = boot(*bench_guests.modules(tmp_path), options="dom0_mem=128M", memory="512M")
    bench_guests.start(booted)
    found = figures(booted)
    for name, cost in found.items():
        assert cost.isdigit(), name
