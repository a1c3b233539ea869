# SPDX-License-Identifier: BSD-2-Clause
"""Compares the figures with what is promised."""
from . import cases

METRICS = {
    "iops": (lambda s: s["iops"], "IOPS"),
    "ops_per_cpu_s": (lambda s: 1e6 / s["server_us_per_op"], "IOPS per CPU second"),
    "cpu_per_op": (lambda s: s["server_us_per_op"], "CPU per operation"),
}


def judge(summary, probes):
    """One row per promise whose figures are there."""
    return _floors(summary) + _limits(probes)


def _floors(summary):
    rows = []
    for floor in cases.FLOORS:
        if floor.over not in summary or floor.under not in summary:
            continue
        get, words = METRICS[floor.metric]
        over, under = summary[floor.over], summary[floor.under]
        ratio = get(over) / get(under)
        rows.append({
            "what": f"{floor.text}: {words}",
            "is": f"{ratio:.2f}x",
            "wanted": f"{'<=' if floor.at_most else '>='} {floor.limit:g}x",
            "met": ratio <= floor.limit if floor.at_most else ratio >= floor.limit,
            "marked": over["marked"] or under["marked"],
        })
    return rows


def _limits(probes):
    rows = []
    for limit in cases.LIMITS:
        figures = probes.get(limit.probe, {}).get(cases.ZSAN)
        if figures is None:
            continue
        value = figures[limit.metric]
        rows.append({
            "what": limit.text,
            "is": f"{value:.2f} {limit.unit}",
            "wanted": f"< {limit.limit:g}",
            "met": value < limit.limit,
            "marked": False,
        })
    return rows
