# SPDX-License-Identifier: MIT
"""Trace records, as the control domain's `trace` prints them and as xentrace stores them.

The form is that of <xen/trace.h>; the numbers are read from there, no copy is kept.
"""

import base64
import collections
import pathlib
import re
import struct

HEADERS = pathlib.Path("/usr/include/xen")
IDLE = 0x7fff

Record = collections.namedtuple("Record", "processor time event words")  # time: cycles
Trace = collections.namedtuple("Trace", "khz processors names records raw complete")
Segment = collections.namedtuple("Segment", "processor start end domain vcpu")


def header_numbers(name, prefix):
    """The constants of a header whose names begin with a prefix."""
    numbers = {}
    text = (HEADERS / name).read_text().replace("\\\n", " ")
    for key, value in re.findall(rf"^#define\s+({prefix}\w+)\s+([^/\n]+)", text, re.MULTILINE):
        value = re.sub(r"\b(0x[0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", value)
        try:
            # The first counts: what follows is for older interfaces.
            numbers.setdefault(key, int(eval(value, {"__builtins__": {}}, dict(numbers))))
        except (NameError, SyntaxError, TypeError):
            continue  # not a number: a macro with arguments, or one that needs such
    return numbers


TRC = header_numbers("trace.h", "(?:TRC|TRACE)_")
EVENT_NAMES = {value: key[4:].lower() for key, value in TRC.items()
               if key.startswith("TRC_") and value & 0xfff}
EVENT_PENDING = TRC["TRC_GEN"] + 16  # Bonsai's own: <hypervisor/processor/trace.h>
EVENT_NAMES[EVENT_PENDING] = "event_pending"
HYPERCALLS = {value: key[13:] for key, value in
              header_numbers("xen.h", "__HYPERVISOR_").items()}

SWITCH, WAKE, BLOCK = (TRC[f"TRC_SCHED_{name}"] for name in ("SWITCH", "WAKE", "BLOCK"))
HYPERCALL = TRC["TRC_PV_HYPERCALL_V2"]
FAULT, TRAP = TRC["TRC_PV_PAGE_FAULT"], TRC["TRC_PV_TRAP"]
WIDE = TRC["TRC_64_FLAG"]
LOST, WRAP, PROCESSOR = (TRC[f"TRC_{name}"] for name in
                         ("LOST_RECORDS", "TRACE_WRAP_BUFFER", "TRACE_CPU_CHANGE"))


def is_guest_fault(event):
    return event & ~WIDE in (FAULT, TRAP)


def event_name(record):
    """What a record is about, in words."""
    if record.event == HYPERCALL and record.words:
        number = record.words[0] & 0xfffff
        return HYPERCALLS.get(number, f"hypercall {number}")
    event = record.event & ~WIDE if is_guest_fault(record.event) else record.event
    return EVENT_NAMES.get(event, f"{record.event:#x}")


def decode(raw):
    """All records of an xentrace file, in the order of their time."""
    records, position, processor, last = [], 0, 0, {}
    while position < len(raw):
        head, = struct.unpack_from("<I", raw, position)
        event, extra, timed = head & 0xfffffff, head >> 28 & 7, head >> 31
        position += 4
        time = last.get(processor, 0)
        if timed:
            time, = struct.unpack_from("<Q", raw, position)
            position += 8
        words = struct.unpack_from(f"<{extra}I", raw, position)
        position += 4 * extra
        if event == PROCESSOR:
            processor = words[0]
        elif event != WRAP:
            last[processor] = time
            records.append(Record(processor, time, event, words))
    return sorted(records, key=lambda record: record.time)


def from_console(text):
    """Every trace that a console's log holds."""
    traces = []
    pattern = (r"^~trace begins: (\d+) kHz, (\d+) processors$(.*?)"
               r"^~trace ends: (\d+) bytes(, cut short)?$")
    for match in re.finditer(pattern, text.replace("\r", ""), re.MULTILINE | re.DOTALL):
        khz, processors, body, size, cut = match.groups()
        names = dict(re.findall(r"^~domain (\d+) (.+)$", body, re.MULTILINE))
        raw = base64.b64decode("".join(re.findall(r"^~([A-Za-z0-9+/]+=*)$", body, re.MULTILINE)))
        if len(raw) != int(size):
            raise ValueError(f"{size} bytes were printed, {len(raw)} are in the log")
        traces.append(Trace(int(khz), int(processors), {int(key): name for key, name in
                                                        names.items()}, decode(raw), raw, not cut))
    return traces


def segments(trace):
    """Who ran where and when, idle times included."""
    found, running = [], {}
    if not trace.records:
        return found
    first, last = trace.records[0].time, trace.records[-1].time
    for record in trace.records:
        if record.event == SWITCH:
            start, *who = running.get(record.processor, (first, *record.words[:2]))
            found.append(Segment(record.processor, start, record.time, *who))
            running[record.processor] = (record.time, *record.words[2:4])
    found += [Segment(processor, start, last, *who)
              for processor, (start, *who) in running.items()]
    return found


def domain_name(trace, domain):
    return "idle" if domain == IDLE else trace.names.get(domain, f"domain {domain}")


def attributed(trace):
    """Each record with the domain that ran on its processor then."""
    running = {}
    for segment in segments(trace):
        running.setdefault(segment.processor, segment.domain)
    for record in trace.records:
        yield record, running.get(record.processor, IDLE)
        if record.event == SWITCH:
            running[record.processor] = record.words[2]


def summary(trace):
    """By domain: cycles it ran and how often what happened."""
    table = collections.defaultdict(collections.Counter)
    for segment in segments(trace):
        table[segment.domain]["cycles"] += segment.end - segment.start
        table[segment.domain]["runs"] += 1
    for record, domain in attributed(trace):
        if record.event == HYPERCALL:
            table[domain]["hypercalls"] += 1
        elif is_guest_fault(record.event):
            table[domain]["faults"] += 1
        elif record.event == EVENT_PENDING:
            table[record.words[0]]["events"] += 1
        elif record.event in (WAKE, BLOCK):
            table[record.words[0]]["wakes" if record.event == WAKE else "blocks"] += 1
    return table
