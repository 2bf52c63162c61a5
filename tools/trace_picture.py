# SPDX-License-Identifier: MIT
"""A trace as a picture: who ran where, one lane for each processor, one colour for each domain.

A column is one pixel of time. A domain that ran during part of it only fills that part of its
height, so that what is too quick to be seen one by one is seen as a share.
"""

import html
import math

import trace_records as records

COLOURS = ["#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#e15759", "#76b7b2", "#edc948", "#9c755f",
           "#ff9da7", "#86bc86"]
LEFT, WIDTH, RIGHT, TOP = 110, 900, 20, 46
LANE, ROW, GAP, TABLE_ROW = 44, 7, 22, 19
TABLE_COLUMNS = (("cycles", "time"), ("runs", "runs"), ("wakes", "wake-ups"), ("blocks", "blocks"),
                 ("events", "events"), ("hypercalls", "hypercalls"), ("faults", "faults"))
ROWS = (("hypercalls", "#555555", lambda event: event == records.HYPERCALL),
        ("events", "#1b7f79", lambda event: event in (records.EVENT_PENDING, records.WAKE)),
        ("faults", "#c03030", records.is_guest_fault))


class Picture:
    def __init__(self, trace, title, start, end):
        self.trace, self.title, self.start, self.end = trace, title, start, end
        self.scale = WIDTH / max(end - start, 1)
        self.parts = []
        domains = {segment.domain for segment in records.segments(trace)} - {records.IDLE}
        self.colours = {domain: COLOURS[i % len(COLOURS)]
                        for i, domain in enumerate(sorted(domains))}

    def text(self, x, y, words, size=12, anchor="start", extra=""):
        self.parts.append(f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}"'
                          f'{extra}>{html.escape(str(words))}</text>')

    def shares(self, processor):
        """Column by column: which part of it each domain ran."""
        columns = [{} for _ in range(WIDTH)]
        for segment in records.segments(self.trace):
            if segment.processor != processor or segment.domain == records.IDLE:
                continue
            begin = max(segment.start - self.start, 0) * self.scale
            end = min((segment.end - self.start) * self.scale, WIDTH)
            column = int(begin)
            while column < end and column < WIDTH:
                part = min(end, column + 1) - max(begin, column)
                columns[column][segment.domain] = columns[column].get(segment.domain, 0) + part
                column += 1
        return columns

    def boxes(self, processor):
        """By domain: rectangles of equal neighbouring columns, as x, y, width, height."""
        boxes = {domain: [] for domain in self.colours}
        for x, column in enumerate(self.shares(processor)):
            level = 0.0
            for domain in self.colours:
                if domain not in column:
                    continue
                height = max(round(column[domain] * LANE * 2) / 2, 0.5)
                y, level = LANE - level - height, level + height
                last = boxes[domain][-1] if boxes[domain] else None
                if last and last[0] + last[2] == x and last[1] == y and last[3] == height:
                    last[2] += 1
                else:
                    boxes[domain].append([x, y, 1, height])
        return boxes

    def lane(self, processor, top):
        self.text(LEFT - 10, top + LANE / 2 + 4, f"processor {processor}", 12, "end")
        self.parts.append(f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{LANE}" '
                          'fill="#f1f1ee"/>')
        for domain, boxes in self.boxes(processor).items():
            path = "".join(f"M{LEFT + x:g} {top + y:g}h{width:g}v{height:g}h-{width:g}z"
                           for x, y, width, height in boxes)
            if path:
                self.parts.append(f'<path fill="{self.colours[domain]}" d="{path}"/>')
        for row, (name, colour, wanted) in enumerate(ROWS):
            y = top + LANE + 2 + row * (ROW + 2)
            self.text(LEFT - 10, y + ROW, name, 8.5, "end", ' fill="#666666"')
            self.ticks(processor, y, colour, wanted)

    def ticks(self, processor, y, colour, wanted):
        """A mark for each column in which it happened, the stronger the more often."""
        counts = {}
        for record in self.trace.records:
            if record.processor == processor and wanted(record.event) and \
                    self.start <= record.time <= self.end:
                x = min(int((record.time - self.start) * self.scale), WIDTH - 1)
                counts[x] = counts.get(x, 0) + 1
        for low, high, opacity in ((1, 3, 0.35), (4, 15, 0.65), (16, 1 << 30, 1)):
            path = "".join(f"M{LEFT + x} {y}v{ROW}" for x, count in sorted(counts.items())
                           if low <= count <= high)
            if path:
                self.parts.append(f'<path stroke="{colour}" stroke-opacity="{opacity}" '
                                  f'transform="translate(.5 0)" d="{path}"/>')

    def axis(self, top, bottom):
        """Round steps of time, eight or so."""
        length = (self.end - self.start) / self.trace.khz  # milliseconds
        step = next((step for power in range(-4, 7) for step in
                     (10.0 ** power, 2 * 10.0 ** power, 5 * 10.0 ** power)
                     if length / step <= 10), length)
        offset = (self.start - self.trace.records[0].time) / self.trace.khz
        for i in range(math.ceil(offset / step), int((offset + length) / step) + 1):
            x = LEFT + (i * step - offset) * self.trace.khz * self.scale
            self.parts.append(f'<path stroke="#00000022" d="M{x:.1f} {top}V{bottom}"/>')
            self.text(round(x, 1), bottom + 15, f"{i * step:g}", 11, "middle")
        self.text(LEFT + WIDTH, bottom + 30, "milliseconds", 11, "end")

    def table(self, top):
        """The legend, with what each domain did."""
        table = records.summary(self.trace)
        total = sum(row["cycles"] for row in table.values()) or 1
        places = [LEFT + 270 + 100 * i for i in range(len(TABLE_COLUMNS))]
        for place, (_, name) in zip(places, TABLE_COLUMNS):
            self.text(place, top, name, 11, "end", ' fill="#666666"')
        for row, domain in enumerate([*self.colours, records.IDLE], 1):
            y = top + row * TABLE_ROW
            colour = self.colours.get(domain, "#f1f1ee")
            self.parts.append(f'<rect x="{LEFT}" y="{y - 10}" width="14" height="12" '
                              f'fill="{colour}" stroke="#00000044"/>')
            number = "" if domain == records.IDLE else f" ({domain})"
            self.text(LEFT + 22, y, records.domain_name(self.trace, domain) + number)
            for place, (key, _) in zip(places, TABLE_COLUMNS):
                value = table[domain][key]
                if key == "cycles":
                    share = 100 * value / total
                    value = f"{value / self.trace.khz:.1f} ms ({share:.1f} %)"
                self.text(place, y, value if value else "–", 12, "end")

    def draw(self):
        height_of_lane = LANE + len(ROWS) * (ROW + 2) + GAP
        bottom = TOP + height_of_lane * self.trace.processors - GAP + 6
        table = bottom + 54
        height = table + TABLE_ROW * (len(self.colours) + 1) + 14
        self.text(LEFT, 26, self.title, 16, extra=' font-weight="bold"')
        for processor in range(self.trace.processors):
            self.lane(processor, TOP + processor * height_of_lane)
        self.axis(TOP, bottom)
        self.table(table)
        width = LEFT + WIDTH + RIGHT
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
                f'width="{width}" height="{height}" font-family="sans-serif">\n'
                f'<rect width="{width}" height="{height}" fill="white"/>\n'
                + "\n".join(self.parts) + "\n</svg>\n")


def svg(trace, title, start=None, end=None):
    """The picture of a trace, or of the time from start to end (cycles)."""
    first, last = trace.records[0].time, trace.records[-1].time
    return Picture(trace, title, first if start is None else start,
                   last if end is None else end).draw()
