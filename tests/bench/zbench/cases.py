# SPDX-License-Identifier: BSD-2-Clause
"""What is measured, and what is promised. Data only."""
from dataclasses import dataclass, field

# A variant is a server and how it is started; runner.py makes them.
TGT = "tgt"
ZSAN = "zsan"  # default reactors, no spin
SPIN = "zsan+spin"
ONE = "zsan 1 reactor"
TWO = "zsan 2 reactors"

NOISE = 0.9  # "not slower" allows for what two equal runs differ by


@dataclass(frozen=True)
class Case:
    key: str
    title: str
    media: str  # "ram", "disk", "null"
    mode: str  # "read", "write"
    block: str
    depth: int
    variants: tuple
    tool: str = "iscsi"
    sessions: int = 1
    luns: int = 1
    threads: int = 1

    def options(self):
        verify = "off" if self.media == "null" else "stamp"
        return {"mode": self.mode, "block": self.block, "depth": self.depth,
                "sessions": self.sessions, "threads": self.threads, "verify": verify}


@dataclass(frozen=True)
class Floor:
    """value(over) / value(under) compared with limit. over and under: (case, variant)."""

    text: str
    metric: str  # "iops", "ops_per_cpu_s", "cpu_per_op"
    over: tuple
    under: tuple
    limit: float
    at_most: bool = False


@dataclass(frozen=True)
class Limit:
    """One figure that must stay under a limit."""

    text: str
    probe: str
    metric: str
    limit: float
    unit: str


_ALL = (TGT, ZSAN, SPIN)
_PAIR = (TGT, ZSAN)

CASES = (
    Case("r4k-1", "4 KiB random read, depth 1", "ram", "read", "4k", 1, _ALL),
    Case("r4k-8", "4 KiB random read, depth 8", "ram", "read", "4k", 8, _ALL),
    Case("r4k-32", "4 KiB random read, depth 32", "ram", "read", "4k", 32, _ALL),
    Case("w4k-32", "4 KiB random write, depth 32", "ram", "write", "4k", 32, _ALL),
    Case("r256k-16", "256 KiB read, depth 16", "ram", "read", "256k", 16, _ALL),
    Case("w256k-16", "256 KiB write, depth 16", "ram", "write", "256k", 16, _ALL),
    Case("r4k-4x4", "4 KiB read, 4 sessions on 4 LUNs", "ram", "read", "4k", 32, _PAIR,
         sessions=4, luns=4, threads=2),
    Case("r4k-4x1", "4 KiB read, 4 sessions on 1 LUN", "ram", "read", "4k", 32, _PAIR,
         sessions=4, luns=1, threads=2),
    Case("raw-1x1", "batching client, 4 KiB read, 1 session", "ram", "read", "4k", 32,
         (TGT, ONE), tool="raw"),
    Case("raw-4x4", "batching client, 4 KiB read, 4 sessions on 4 LUNs", "ram", "read", "4k", 32,
         (TGT, ONE, TWO), tool="raw", sessions=4, luns=4, threads=2),
    Case("raw-4x1", "batching client, 4 KiB read, 4 sessions on 1 LUN", "ram", "read", "4k", 32,
         (TGT, ONE), tool="raw", sessions=4, luns=1, threads=2),
    Case("null-4x4", "null volume: batching client, 4 KiB read, 4 sessions", "null", "read", "4k",
         32, (ONE, TWO), tool="raw", sessions=4, luns=4, threads=2),
    Case("null-w4k", "null volume: batching client, 4 KiB write, 4 sessions", "null", "write", "4k",
         32, (ONE, TWO), tool="raw", sessions=4, luns=4, threads=2),
    Case("disk-r4k", "disk: 4 KiB random read, depth 32", "disk", "read", "4k", 32, _PAIR),
    Case("disk-w4k", "disk: 4 KiB durable random write, depth 32", "disk", "write", "4k", 32, _PAIR),
    Case("disk-r256k", "disk: 256 KiB read, depth 16", "disk", "read", "256k", 16, _PAIR),
    Case("disk-w256k", "disk: 256 KiB durable write, depth 16", "disk", "write", "256k", 16, _PAIR),
)


def _against_tgt(text, metric, case, limit, variant=ZSAN, at_most=False):
    return Floor(text, metric, (case, variant), (case, TGT), limit, at_most)


FLOORS = (
    _against_tgt("4K read QD32", "iops", "r4k-32", 3.0),
    _against_tgt("4K read QD32", "ops_per_cpu_s", "r4k-32", 5.0),
    _against_tgt("4K write QD32", "iops", "w4k-32", 1.7),
    _against_tgt("4K write QD32", "ops_per_cpu_s", "w4k-32", 3.0),
    _against_tgt("4K read QD8", "iops", "r4k-8", 2.2),
    _against_tgt("4K read QD1 without spin", "iops", "r4k-1", 1.2),
    _against_tgt("4K read QD1 with spin", "iops", "r4k-1", 2.3, variant=SPIN),
    _against_tgt("256K write", "iops", "w256k-16", 3.0),
    _against_tgt("256K write", "cpu_per_op", "w256k-16", 0.25, at_most=True),
    _against_tgt("256K read", "iops", "r256k-16", 1.5),
    _against_tgt("256K read", "cpu_per_op", "r256k-16", 0.5, at_most=True),
    _against_tgt("4 sessions on 4 LUNs, 2 reactors", "iops", "r4k-4x4", 5.0),
    Floor("batching client, 2 reactors over 1", "iops", ("raw-4x4", TWO), ("raw-4x4", ONE), 1.6),
    Floor("4 sessions on 1 LUN over 1 session", "iops", ("raw-4x1", ONE), ("raw-1x1", ONE), NOISE),
)

LIMITS = (
    Limit("1,000 idle sessions, memory", "idle-sessions", "rss_mib", 100, "MiB"),
    Limit("1,000 idle sessions, CPU", "idle-sessions", "cpu_pct", 1.0, "% of a core"),
    Limit("idle daemon, CPU", "idle", "cpu_pct", 0.5, "% of a core"),
    Limit("64 sessions x depth 128 x 1 MiB writes, memory", "flood", "over_budget_mib", 64,
          "MiB beside the data budget"),
)


@dataclass
class Plan:
    """How long everything takes."""

    rounds: int
    seconds: float
    warmup: float
    idle_seconds: float
    flood_seconds: float
    lun_mib: int = 256
    disk_mib: int = 1024
    skip_spin: frozenset = field(default_factory=frozenset)


FULL = Plan(rounds=5, seconds=3.0, warmup=0.7, idle_seconds=20, flood_seconds=10)
# Quick: spin only where a floor asks for it.
QUICK = Plan(rounds=1, seconds=1.5, warmup=0.4, idle_seconds=6, flood_seconds=4, disk_mib=512,
             skip_spin=frozenset(c.key for c in CASES) - {"r4k-1", "r4k-8"})
