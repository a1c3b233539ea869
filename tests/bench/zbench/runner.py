# SPDX-License-Identifier: BSD-2-Clause
"""Runs the cases, servers in turns, and keeps every run."""
import os
import shutil
import statistics
import tempfile
import time

from . import cases, load, machine
from .servers import Lun, Tgt

MARK_CORES = 0.2  # runs with more load of others than this are marked
FLOOD_BUDGET_MIB = 256
RAM_LUNS = 4


class BadData(Exception):
    pass


class Bench:
    def __init__(self, generators, plan, zsan, disk_dir, say=print):
        """zsan: function(work folder, **settings) -> Server, or None to measure only tgt."""
        self.generators, self.plan, self.zsan, self.say = generators, plan, zsan, say
        self.work = tempfile.mkdtemp(prefix="zsan-bench-")
        self.ram = tempfile.mkdtemp(prefix="zsan-bench-", dir="/dev/shm")
        self.disk = tempfile.mkdtemp(prefix="zsan-bench-", dir=disk_dir)
        self.runs, self.probes, self.problems = [], {}, []

    def close(self):
        for folder in (self.ram, self.disk, self.work):
            shutil.rmtree(folder, ignore_errors=True)

    # ---- what is served, and by whom ----

    def luns(self, media, count):
        if media == "null":
            return [Lun("null", 1 << 30)] * count
        if media == "disk":
            return [Lun("file", self.plan.disk_mib << 20, os.path.join(self.disk, "lun"), True)]
        size = self.plan.lun_mib << 20
        return [Lun("file", size, os.path.join(self.ram, f"lun{i}")) for i in range(count)]

    def server(self, variant):
        """A new server of that variant, or None when it can't be had."""
        if variant == cases.TGT:
            return Tgt(self.work)
        if self.zsan is None:
            return None
        settings = {cases.ZSAN: {"spin": False},
                    cases.SPIN: {"spin": True},
                    cases.ONE: {"spin": False, "reactors": 1},
                    cases.TWO: {"spin": False, "reactors": 2}}[variant]
        server = self.zsan(self.work, **settings)
        server.name = variant
        return server

    # ---- data ----

    def prepare(self):
        """Makes the files and writes every sector through a server, so that reads are verifiable."""
        for media, count in (("ram", RAM_LUNS), ("disk", 1)):
            luns = self.luns(media, count)
            for lun in luns:
                with open(lun.path, "wb") as f:
                    os.posix_fallocate(f.fileno(), 0, lun.size)
            with self.server(cases.TGT).serving(luns) as server:
                self._checked("fill", self.generators.run(
                    "raw", server, server.urls,
                    {"fill": True, "block": "256k", "depth": 16, "verify": "full"}))

    def verify(self):
        """Every server must return what was written before its speed means anything."""
        for variant in (cases.TGT, cases.ONE, cases.TWO, cases.SPIN):
            for media in ("ram", "disk"):
                server = self.server(variant)
                if server is None or (media == "disk" and variant not in (cases.TGT, cases.TWO)):
                    continue
                with server.serving(self.luns(media, 1)):
                    for tool, block in (("iscsi", "4k"), ("raw", "4k"), ("raw", "64k"),
                                        ("raw", "1m")):
                        self._checked(f"verify {media} {block} {tool}", self.generators.run(
                            tool, server, server.urls,
                            {"mode": "mixed", "block": block, "depth": 8, "verify": "full",
                             "warmup": 0, "seconds": 0.3, "sessions": 2}))
                self.say(f"  data verified: {variant} on {media}")

    def _checked(self, what, result, reads_checked=True):
        problem = load.complaint(result, reads_checked)
        if problem:
            self.problems.append(f"{what}: {problem}")
            self.say(f"  PROBLEM {what}: {problem}")
        return result

    # ---- timed cases ----

    def run_case(self, case):
        self.say(f"{case.title} ({case.tool})")
        variants = [v for v in case.variants
                    if not (v == cases.SPIN and case.key in self.plan.skip_spin)]
        for turn in range(self.plan.rounds):
            for variant in variants:
                server = self.server(variant)
                if server is not None:
                    self._run_once(case, variant, server, turn)

    def _run_once(self, case, variant, server, turn):
        luns = self.luns(case.media, case.luns)
        options = case.options() | {"seconds": self.plan.seconds, "warmup": self.plan.warmup}
        with server.serving(luns):
            result = self.generators.run(case.tool, server, server.urls, options)
        self._checked(f"{case.key} {variant}", result, case.media != "null")
        result |= {"case": case.key, "variant": variant, "round": turn,
                   "sync": server.sync_mode(luns[0]),
                   "marked": result["other_cores"] > MARK_CORES}
        self.runs.append(result)
        self.say(f"  {variant:16} {result['iops']:10,.0f} IOPS {result['mb_s']:8,.1f} MB/s"
                 f" {result['server_us_per_op'] or 0:7.1f} us/op"
                 f" other {result['other_cores']:.2f}{' *' if result['marked'] else ''}")

    # ---- probes: figures that aren't speed ----

    def run_probes(self):
        for variant in (cases.TGT, cases.ZSAN):
            if self.server(variant) is not None:
                self._probe_idle(variant)
                self._probe_idle_sessions(variant)
        if self.zsan is not None:
            self._probe_flood()

    def _keep(self, probe, variant, figures):
        self.probes.setdefault(probe, {})[variant] = figures
        self.say(f"  {probe} {variant}: " + ", ".join(f"{k} {v:.2f}" for k, v in figures.items()))

    def _probe_idle(self, variant):
        with self.server(variant).serving(self.luns("ram", 1)) as server:
            time.sleep(1)
            window = machine.Window(server.pid)
            time.sleep(self.plan.idle_seconds)
            window.close()
            self._keep("idle", variant, {"cpu_pct": 100 * window.cores("server"),
                                         "rss_mib": machine.rss_mib(server.pid)})

    def _probe_idle_sessions(self, variant):
        with self.server(variant).serving(self.luns("ram", 1)) as server:
            result = self._checked(f"idle sessions {variant}", self.generators.run(
                "raw", server, server.urls,
                {"idle": True, "sessions": 1000, "warmup": 1, "seconds": self.plan.idle_seconds}))
            self._keep("idle-sessions", variant,
                       {"alive": result["alive"], "pings": result["pings"],
                        "cpu_pct": 100 * result["server_cores"],
                        "rss_mib": result["server_rss_mib"]})

    def _probe_flood(self):
        """tgt isn't asked: it takes all 8 GiB into memory and answers after minutes."""
        server = self.zsan(self.work, spin=False, limits={"data_memory": FLOOD_BUDGET_MIB << 20})
        with server.serving(self.luns("ram", 1)):
            result = self._checked("flood", self.generators.run(
                "raw", server, server.urls,
                {"mode": "write", "block": "1m", "depth": 128, "sessions": 64, "verify": "off",
                 "warmup": 1, "seconds": self.plan.flood_seconds}))
            self._keep("flood", cases.ZSAN,
                       {"mb_s": result["mb_s"], "busy": result["busy"],
                        "peak_rss_mib": result["server_peak_rss_mib"],
                        "over_budget_mib": result["server_peak_rss_mib"] - FLOOD_BUDGET_MIB})


def summarise(runs):
    """Medians per (case, variant), of the unmarked runs where there are any."""
    groups = {}
    for run in runs:
        groups.setdefault((run["case"], run["variant"]), []).append(run)
    return {key: _median(group) for key, group in groups.items()}


def _median(group):
    quiet = [r for r in group if not r["marked"]] or group

    def median(get):
        return statistics.median(get(r) for r in quiet)

    figures = {k: median(lambda r, k=k: r[k] or 0) for k in (
        "iops", "mb_s", "server_us_per_op", "server_cores", "client_cores", "other_cores")}
    figures |= {k: median(lambda r, k=k: r["latency_us"][k]) for k in ("p50", "p99", "p99.9")}
    iops = [r["iops"] for r in quiet]
    return figures | {"sync": group[0]["sync"], "runs": len(quiet), "low": min(iops),
                      "high": max(iops), "marked": all(r["marked"] for r in group)}
