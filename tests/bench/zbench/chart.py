# SPDX-License-Identifier: BSD-2-Clause
"""Draws the summary as an SVG that follows the reader's light or dark theme.

Two panels per case, a bar per server: operations per second, with their ratio to the first server's,
and the server's CPU time per operation. A tick on the left panel is the floor.
"""
from xml.sax.saxutils import escape

from . import cases

WIDTH = 1000
MARGIN = 28
LABEL = 126  # the column with the names of the servers
PANEL = 400
GAP = 18
FIGURE = 104  # room for the figure behind a bar
BAR, BAR_GAP, CASE_GAP = 14, 4, 18
TOP = 132

CLASSES = {cases.TGT: "tgt", cases.ZSAN: "zsan", cases.SPIN: "spin", cases.ONE: "one",
           cases.TWO: "two"}

# what is painted: (light, dark)
COLOURS = {
    ".paper": ("#ffffff", "#11161d"),
    "text": ("#1c2430", "#e6eaf0"),
    ".soft": ("#66717f", "#93a0ae"),
    ".tgt": ("#9aa5b1", "#66727f"),
    ".zsan": ("#0f7b6c", "#2cc7ad"),
    ".spin": ("#5fb7a6", "#1b8371"),
    ".one": ("#3d6fb4", "#6ba3ee"),
    ".two": ("#0b3d80", "#b4d2ff"),
}
LINES = {".grid": ("#e3e7ec", "#26303b"), ".floor": ("#d1495b", "#ff7a88")}


def _style():
    """Plain rules for light, the same again for dark: every viewer knows at least the first."""
    def rules(theme):
        return "".join(f"{k} {{ fill: {v[theme]}; }} " for k, v in COLOURS.items()) + \
            "".join(f"{k} {{ stroke: {v[theme]}; }} " for k, v in LINES.items())

    return ("text { font: 12px system-ui, 'DejaVu Sans', sans-serif; }"
            " .title { font-size: 20px; font-weight: 600; } .case { font-weight: 600; }"
            " .end { text-anchor: end; } .floor { stroke-width: 2; } "
            + rules(0) + "@media (prefers-color-scheme: dark) { " + rules(1) + "}")


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
                f' role="img" aria-label="{escape(label)}"><style>{_style()}</style>'
                f'<rect width="{WIDTH}" height="{height:.0f}" rx="8" class="paper"/>'
                + "\n".join(self.parts) + "</svg>\n")


def draw(path, summary, context):
    groups = [(case, [(v, summary[case.key, v]) for v in case.variants if (case.key, v) in summary])
              for case in cases.CASES]
    groups = [(case, rows) for case, rows in groups if rows]
    canvas = Canvas()
    _head(canvas, groups, context)
    y = TOP
    for case, rows in groups:
        y = _case(canvas, case, rows, y)
    canvas.text(MARGIN, y + 6, "Medians; every case has a scale of its own. Hover over a bar for all its"
                " figures.  * other load on the machine.", "soft")
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


def _case(canvas, case, rows, y):
    """Within a case both panels are to scale: the longest bar, or floor, fills the panel."""
    base = rows[0][1]["iops"]
    floors = [_floor_of(case, v) or 0 for v, _ in rows]
    per_ratio = (PANEL - FIGURE) / max([f["iops"] / base for _, f in rows] + floors)
    per_us = (PANEL - FIGURE) / max(f["server_us_per_op"] for _, f in rows)
    canvas.line(MARGIN, y - CASE_GAP / 2, WIDTH - MARGIN, y - CASE_GAP / 2, "grid")
    canvas.text(MARGIN, y + 11, case.title, "case")
    y += BAR + BAR_GAP + 2
    for (variant, figures), floor in zip(rows, floors):
        hint = _hint(variant, figures)
        canvas.text(_left() - 10, y + 11, variant, "soft end")
        ratio = figures["iops"] / base
        canvas.bar(_left(), y, ratio * per_ratio, CLASSES[variant], hint)
        words = _short(figures["iops"]) + (f"  {ratio:.1f}x" if variant != rows[0][0] else "")
        _figure(canvas, _left(), y, ratio * per_ratio, floor * per_ratio,
                words + (" *" if figures["marked"] else ""))
        width = figures["server_us_per_op"] * per_us
        canvas.bar(_right(), y, width, CLASSES[variant], hint)
        _figure(canvas, _right(), y, width, 0, f"{figures['server_us_per_op']:,.1f} us")
        y += BAR + BAR_GAP
    return y + CASE_GAP


def _figure(canvas, x, y, width, floor, words):
    """The floor's tick, and the words behind the bar, or behind the tick where it would hit them."""
    end = max(width, 1.5)
    if floor:
        canvas.line(x + floor, y - 2, x + floor, y + BAR + 2, "floor")
        if end < floor < end + FIGURE - 16:
            end = floor
    canvas.text(x + end + 6, y + 11, words)


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
