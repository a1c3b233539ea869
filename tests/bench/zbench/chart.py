# SPDX-License-Identifier: BSD-2-Clause
"""Draws the summary as an SVG that follows the reader's light or dark theme.

Two panels per case, a bar per server: operations per second, relative to tgt (to the slowest where
tgt has no part), and the server's CPU time per operation. A tick on the left panel is the floor.
"""
from xml.sax.saxutils import escape

from . import cases

WIDTH = 1000
MARGIN = 28
LABEL = 262  # the column with the names of cases and servers
PANEL = 300
GAP = 44
BAR, BAR_GAP, CASE_GAP = 14, 4, 18
TOP = 132

CLASSES = {cases.TGT: "tgt", cases.ZSAN: "zsan", cases.SPIN: "spin", cases.ONE: "one",
           cases.TWO: "two"}

STYLE = """
  svg { --bg: #ffffff; --ink: #1c2430; --soft: #66717f; --grid: #e3e7ec;
        --tgt: #9aa5b1; --zsan: #0f7b6c; --spin: #5fb7a6; --one: #3d6fb4; --two: #0b3d80; --floor: #d1495b; }
  @media (prefers-color-scheme: dark) {
    svg { --bg: #11161d; --ink: #e6eaf0; --soft: #93a0ae; --grid: #26303b;
          --tgt: #66727f; --zsan: #2cc7ad; --spin: #1b8371; --one: #6ba3ee; --two: #b4d2ff; --floor: #ff7a88; } }
  text { font: 12px system-ui, sans-serif; fill: var(--ink); }
  .title { font-size: 20px; font-weight: 600; } .case { font-weight: 600; }
  .soft { fill: var(--soft); } .value { font-variant-numeric: tabular-nums; }
  .end { text-anchor: end; } .grid { stroke: var(--grid); } .floor { stroke: var(--floor); stroke-width: 2; }
  .tgt { fill: var(--tgt); } .zsan { fill: var(--zsan); } .spin { fill: var(--spin); }
  .one { fill: var(--one); } .two { fill: var(--two); }
"""


class Canvas:
    def __init__(self):
        self.parts = []

    def text(self, x, y, words, classes=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{classes}">{escape(words)}</text>')

    def bar(self, x, y, width, classes, hint):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1.5):.1f}" height="{BAR}"'
                          f' rx="2" class="{classes}"><title>{escape(hint)}</title></rect>')

    def line(self, x1, y1, x2, y2, classes):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
                          f' class="{classes}"/>')

    def svg(self, height, label):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}"'
                f' role="img" aria-label="{escape(label)}"><style>{STYLE}</style>'
                f'<rect width="{WIDTH}" height="{height:.0f}" rx="8" style="fill: var(--bg)"/>'
                + "\n".join(self.parts) + "</svg>\n")


def draw(path, summary, context):
    groups = [(case, [(v, summary[case.key, v]) for v in case.variants if (case.key, v) in summary])
              for case in cases.CASES]
    groups = [(case, rows) for case, rows in groups if rows]
    canvas = Canvas()
    _head(canvas, groups, context)
    scales = _Scales(groups)
    y = TOP
    for case, rows in groups:
        y = _case(canvas, case, rows, scales, y)
    canvas.text(MARGIN, y + 6, "Medians. Operations: relative to tgt, or to the first bar where tgt has no"
                " part. Hover over a bar for all its figures. * other load on the machine.", "soft")
    with open(path, "w", encoding="utf-8") as f:
        f.write(canvas.svg(y + 24, "zsan and tgt: throughput and CPU time per operation"))


def _head(canvas, groups, context):
    machine = context["machine"]
    canvas.text(MARGIN, 40, "zsan and tgt on the same files", "title")
    canvas.text(MARGIN, 62, f"{machine['cores']} cores of {machine['cpu']}, Linux {machine['kernel']},"
                f" loopback, {machine['date']}", "soft")
    x = MARGIN
    for variant in dict.fromkeys(v for _, rows in groups for v, _ in rows):
        canvas.bar(x, 76, 14, CLASSES[variant], variant)
        canvas.text(x + 20, 87, variant)
        x += 40 + 7 * len(variant)
    if any(_floor_of(case, None) for case, _ in groups):
        canvas.line(x + 4, 75, x + 4, 91, "floor")
        canvas.text(x + 12, 87, "floor that zsan is to reach")
    canvas.text(_left(), TOP - 14, "operations per second", "soft")
    canvas.text(_right(), TOP - 14, "server CPU time per operation", "soft")


def _left():
    return MARGIN + LABEL


def _right():
    return _left() + PANEL + GAP


class _Scales:
    """Both panels: relative to the case's first bar, the longest bar of all fills the panel."""

    def __init__(self, groups):
        room = PANEL - 96  # for the figure behind the bar
        ops = [figures["iops"] / rows[0][1]["iops"] for _, rows in groups for _, figures in rows]
        floors = [_floor_of(case, v) or 0 for case, rows in groups for v, _ in rows]
        self.ops = room / max(ops + floors)
        self.room = room

    def cpu(self, figures, rows):
        return self.room * figures["server_us_per_op"] / max(f["server_us_per_op"] for _, f in rows)


def _case(canvas, case, rows, scales, y):
    canvas.line(MARGIN, y - CASE_GAP / 2, WIDTH - MARGIN, y - CASE_GAP / 2, "grid")
    canvas.text(MARGIN, y + 11, case.title.replace("batching client, ", "batching: "), "case")
    y += BAR + BAR_GAP + 2
    base = rows[0][1]
    for variant, figures in rows:
        hint = _hint(variant, figures)
        canvas.text(_left() - 10, y + 11, variant, "soft end")
        ratio = figures["iops"] / base["iops"]
        canvas.bar(_left(), y, ratio * scales.ops, CLASSES[variant], hint)
        words = f"{_short(figures['iops'])}" + (f"  {ratio:.1f}x" if figures is not base else "")
        canvas.text(_left() + max(ratio * scales.ops, 1.5) + 6, y + 11,
                    words + ("*" if figures["marked"] else ""), "value")
        floor = _floor_of(case, variant)
        if floor:
            x = _left() + floor * scales.ops
            canvas.line(x, y - 2, x, y + BAR + 2, "floor")
        width = scales.cpu(figures, rows)
        canvas.bar(_right(), y, width, CLASSES[variant], hint)
        canvas.text(_right() + width + 6, y + 11, f"{figures['server_us_per_op']:,.1f} us", "value")
        y += BAR + BAR_GAP
    return y + CASE_GAP


def _floor_of(case, variant):
    """The IOPS floor over tgt that holds for this bar (any of the case for variant None)."""
    for floor in cases.FLOORS:
        if floor.metric == "iops" and floor.under == (case.key, cases.TGT) \
                and floor.over[0] == case.key and variant in (None, floor.over[1]):
            return floor.limit
    return None


def _short(iops):
    return f"{iops / 1e6:.2f}M" if iops >= 1e6 else f"{iops / 1e3:.1f}k"


def _hint(variant, s):
    return (f"{variant}: {s['iops']:,.0f} IOPS ({s['low']:,.0f} to {s['high']:,.0f}), {s['mb_s']:,.0f} MB/s;"
            f" latency p50 {s['p50']:,.0f}, p99 {s['p99']:,.0f}, p99.9 {s['p99.9']:,.0f} us;"
            f" server {s['server_us_per_op']:,.1f} us per operation, {s['server_cores']:.2f} cores;"
            f" sync: {s['sync']}")
