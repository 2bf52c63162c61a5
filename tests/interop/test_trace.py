# SPDX-License-Identifier: MIT
"""What the control domain records of the hypervisor's work, on Xen and on Bonsai."""

import itertools
import json
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

import pytest

from control_domain import CONTROL, Shell, configuration, make_archive

TOOLS = pathlib.Path(__file__).parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import trace_records as records  # noqa: E402 (found by the path above)

FOREVER = "until=1000000000"
GUESTS = {
    "sleeper": f"job=sleep longest=2000 {FOREVER}",
    "spinner": f"job=spin {FOREVER}",
    "absent": "job=idle",
    # So that the spinner has to share: one that runs alone is never switched, and leaves no record.
    "rival": f"job=spin {FOREVER}",
    "other": f"job=spin {FOREVER}",
}


@pytest.fixture(params=["xen", "bonsai"])
def shell(request, tmp_path):
    files = {f"{name}.cfg": configuration(name, "clockwork.elf", 8, extra=words)
             for name, words in GUESTS.items()}
    archive = make_archive(tmp_path, files, guests=["clockwork"])
    boot = request.getfixturevalue(f"boot_{request.param}")
    booted = boot((CONTROL, "auto=no"), (archive, ""), options="dom0_mem=128M", memory="512M",
                  smp=1 if request.param == "xen" else 2)
    shell = Shell(booted)
    shell.run("create absent -p -q; create sleeper -q; create spinner -q; create rival -q; "
              "create other -q")
    return shell


def take(shell, words):
    """Record and decode; the trace that was taken last."""
    assert "~trace ends" in shell.run(f"trace {words}")
    return records.from_console(shell.booted.text)[-1]


def assert_whole(trace):
    """Nothing was lost, time goes on, and who stops on a processor is who was running there."""
    assert trace.complete and not [r for r in trace.records if r.event == records.LOST]
    for _, own in itertools.groupby(sorted(trace.records, key=lambda r: r.processor),
                                    key=lambda r: r.processor):
        own = list(own)
        assert all(a.time <= b.time for a, b in itertools.pairwise(own))
        switches = [record.words for record in own if record.event == records.SWITCH]
        assert all(a[2:4] == b[0:2] for a, b in itertools.pairwise(switches))


def test_who_ran(shell, tmp_path):
    """The domains that run are in the trace, by name; one that is paused is not."""
    trace = take(shell, "200ms")
    assert_whole(trace)
    domains = {name: number for number, name in trace.names.items()}
    assert set(domains) == {"Domain-0", *GUESTS}
    table = records.summary(trace)
    assert {domains["sleeper"], domains["spinner"], 0} <= set(table)
    assert domains["absent"] not in table
    sleeper, spinner = table[domains["sleeper"]], table[domains["spinner"]]
    # More than once: how often, in a fifth of a second of a machine that others use, nobody knows.
    for event in ("runs", "blocks", "hypercalls", "wakes"):
        assert sleeper[event] > 1
    assert spinner["hypercalls"] == 0 and spinner["blocks"] == 0


def test_only_what_was_asked_for(shell):
    """-e chooses by Xen's masks; off, nothing is recorded; the next trace begins anew."""
    first = take(shell, f"-e {records.TRC['TRC_SCHED']:#x} 200ms")
    assert_whole(first)
    scheduling = records.TRC["TRC_SCHED"] >> records.TRC["TRC_CLS_SHIFT"]
    others = [record for record in first.records
              if not record.event >> records.TRC["TRC_CLS_SHIFT"] & scheduling]
    assert records.SWITCH in {record.event for record in first.records}
    assert len(others) < 3  # Xen lets the call through that begins it
    second = take(shell, f"-e {records.TRC['TRC_PV']:#x} 200ms")
    assert records.HYPERCALL in {record.event for record in second.records}
    assert records.SWITCH not in {record.event for record in second.records}
    assert second.records[0].time > first.records[-1].time
    assert "Usage: trace" in shell.run("trace soon")


def test_tool(shell, tmp_path):
    """tools/trace makes of a console's log what browsers show."""
    take(shell, "100ms")
    log, picture, track = (tmp_path / name for name in ("log", "trace.svg", "trace.json"))
    log.write_text(shell.booted.text)
    subprocess.run([TOOLS / "trace", log, "--svg", picture, "--json", track], check=True)
    words = [node.text for node in xml.etree.ElementTree.parse(picture).iter() if node.text]
    assert "processor 0" in words and "spinner (3)" in words and "milliseconds" in words
    bars = [event for event in json.loads(track.read_text())["traceEvents"] if event["ph"] == "X"]
    assert "spinner vcpu 0" in {bar["name"] for bar in bars}
    assert all(bar["dur"] >= 0 for bar in bars)
