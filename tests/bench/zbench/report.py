# SPDX-License-Identifier: BSD-2-Clause
"""The tables on the terminal and the JSON beside the chart."""
import json

from . import cases

COLUMNS = (  # heading, width, how a summary's figure is shown
    ("IOPS", 10, lambda s: f"{s['iops']:,.0f}"),
    ("MB/s", 9, lambda s: f"{s['mb_s']:,.1f}"),
    ("p50 us", 9, lambda s: f"{s['p50']:,.0f}"),
    ("p99 us", 9, lambda s: f"{s['p99']:,.0f}"),
    ("p99.9 us", 9, lambda s: f"{s['p99.9']:,.0f}"),
    ("server us/op", 13, lambda s: f"{s['server_us_per_op']:,.1f}"),
    ("server cores", 13, lambda s: f"{s['server_cores']:.2f}"),
    ("client", 7, lambda s: f"{s['client_cores']:.2f}"),
    ("other", 6, lambda s: f"{s['other_cores']:.2f}" + ("*" if s["marked"] else "")),
    ("spread", 7, lambda s: f"{100 * (s['high'] - s['low']) / s['iops']:.0f} %"),
    ("sync", 22, lambda s: s["sync"]),
)


def print_summary(summary, say):
    heading = "".join(f"{name:>{width}}" for name, width, _ in COLUMNS)
    for case in cases.CASES:
        rows = [(v, summary[case.key, v]) for v in case.variants if (case.key, v) in summary]
        if not rows:
            continue
        say(f"\n{case.title}")
        say(f"  {'':16}{heading}")
        for variant, figures in rows:
            say(f"  {variant:16}" + "".join(f"{show(figures):>{w}}" for _, w, show in COLUMNS))
        base = summary.get((case.key, cases.TGT))
        for variant, figures in rows:
            if base and variant != cases.TGT:
                say(f"  {variant} / tgt: " + ", ".join(ratios(figures, base)))


def ratios(figures, base):
    yield f"{figures['iops'] / base['iops']:.2f}x IOPS"
    if figures["server_us_per_op"] and base["server_us_per_op"]:
        share = base["server_us_per_op"] / figures["server_us_per_op"]
        yield f"{share:.2f}x IOPS per CPU second"


def print_verdicts(rows, say):
    if not rows:
        return
    say("\nPromises")
    width = max(len(r["what"]) for r in rows)
    for r in rows:
        say(f"  {'met   ' if r['met'] else 'MISSED'}  {r['what']:{width}}  {r['is']:>34}"
            f"  wanted {r['wanted']}{'  (other load)' if r['marked'] else ''}")


def write_json(path, context, bench, summary, verdicts):
    document = dict(context)
    document["summary"] = [{"case": case, "variant": variant} | figures
                           for (case, variant), figures in summary.items()]
    document |= {"probes": bench.probes, "promises": verdicts, "problems": bench.problems,
                 "runs": bench.runs}
    with open(path, "w", encoding="utf-8") as f:
        json.dump(_rounded(document), f, indent=1)
        f.write("\n")


def _rounded(value):
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    return value
