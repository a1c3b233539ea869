# SPDX-License-Identifier: BSD-2-Clause
"""What is measured of the pool engine, at the volume contract and through the target, and what is promised. Data only."""
from dataclasses import dataclass, replace

RAM, DISK = "ram", "disk"
FILE, POOL, MEM, LIBZPOOL = "file", "pool", "mem", "libzpool"
FLUSHED = "file, flushed"
POOL_MIRROR, POOL_RAIDZ = "pool mirror:2", "pool raidz1:6"


@dataclass(frozen=True)
class Case:
    """options go to zload-volume (and, as far as they know them, to orc bench and to zsand); variants: name -> more of them."""

    key: str
    title: str
    media: str
    options: dict
    variants: dict
    tool: str = ""  # through the target: which of load.py's generators asks it
    spans: float = 1  # measured so many times as long as others


# What zsand gives its pools on a machine with 8 GiB.
_MEMORY = {"cache": "2G", "dirty": "800M"}
_SYNC = {"sync": "always", **_MEMORY}
_ASYNC = {"sync": "disabled", **_MEMORY}
_PLAIN = {FILE: {"engine": "file"}, POOL: {"engine": "pool"}}
# A file that nobody flushes is written to what caches the disk; a pool flushes with every txg. This one does as often.
_FLUSHED = {FILE: {"engine": "file"}, FLUSHED: {"engine": "file", "flush": "200M", "sync": "standard"}, POOL: {"engine": "pool"}}
_OPENZFS = {POOL: {"engine": "pool"}, LIBZPOOL: {"engine": "libzpool"}}
# Durable writes gather for a txg of every 5 s, whose writing costs them a quarter of their speed: two of these at least.
_TXGS = 2.5
_SEQUENTIAL = {"block": "128K", "sequential": True}
_LAYOUTS = {
    POOL: {"engine": "pool", "layout": "single", "disks": 1},
    POOL_MIRROR: {"engine": "pool", "layout": "mirror", "disks": 2},
    POOL_RAIDZ: {"engine": "pool", "layout": "raidz1", "disks": 6},
}

_AT_CONTRACT = (
    Case("w4k-32", "durable 4 KiB random write, depth 32", DISK,
         {"mode": "write", "block": "4K", "depth": 32, "fill": True, **_SYNC}, _PLAIN, spans=_TXGS),
    Case("w4k-1", "durable 4 KiB random write, depth 1", DISK,
         {"mode": "write", "block": "4K", "depth": 1, "fill": True, **_SYNC}, _PLAIN, spans=_TXGS),
    Case("w128k-sync", "durable 128 KiB sequential write, depth 8", DISK,
         {"mode": "write", "depth": 8, **_SEQUENTIAL, **_SYNC}, _PLAIN),
    Case("w128k-async", "128 KiB sequential write, depth 8", DISK,
         {"mode": "write", "depth": 8, **_SEQUENTIAL, **_ASYNC}, _FLUSHED),
    Case("w128k-lz4", "128 KiB sequential write of data that lz4 halves, depth 8", DISK,
         {"mode": "write", "depth": 8, "zeros": 60, "compression": "lz4", **_SEQUENTIAL, **_ASYNC}, _FLUSHED),
    Case("r128k-cold", "128 KiB sequential read, nothing cached, depth 8", DISK,
         {"mode": "read", "depth": 8, "fill": True, "cold": True, **_SEQUENTIAL, **_SYNC, "cache": "32M"}, _PLAIN),
    Case("w16k-async", "16 KiB random write, depth 32", DISK,
         {"mode": "write", "block": "16K", "depth": 32, "fill": True, **_ASYNC}, _PLAIN),
    Case("r4k-cached", "cached 4 KiB random read, depth 32", RAM,
         {"mode": "read", "block": "4K", "depth": 32, "size": "256M", "fill": True, **_SYNC, "cache": "1G"},
         {MEM: {"engine": "mem"}, POOL: {"engine": "pool"}}),
    Case("z-w4k", "4 KiB random write, depth 32, beside OpenZFS's engine", RAM,
         {"mode": "write", "block": "4K", "depth": 32, "fill": True, **_ASYNC}, _OPENZFS),
    Case("z-w4k-sync", "durable 4 KiB random write, depth 32, beside OpenZFS's engine", RAM,
         {"mode": "write", "block": "4K", "depth": 32, "fill": True, **_SYNC}, _OPENZFS),
    Case("z-w128k", "128 KiB sequential write, depth 8, beside OpenZFS's engine", RAM,
         {"mode": "write", "depth": 8, **_SEQUENTIAL, **_ASYNC}, _OPENZFS),
    Case("layouts", "128 KiB sequential write, depth 8, by layout", RAM,
         {"mode": "write", "depth": 8, **_SEQUENTIAL, **_ASYNC}, _LAYOUTS),
)

# What a zsand is asked for, too, with one session of each of these generators: the same commands.
_TOOLS = {
    "w4k-32": ("iscsi",),
    "w4k-1": ("iscsi",),
    "w128k-sync": ("iscsi",),
    "w128k-async": ("iscsi",),
    "r128k-cold": ("iscsi",),
    "r4k-cached": ("iscsi", "raw"),
}
_CLIENTS = {"iscsi": "", "raw": ", batching client"}


def _key_through_target(key, tool):
    return f"target-{tool}-{key}"


def _through_target(case, tool):
    """The generators don't flush: without the variants that do."""
    return replace(case, key=_key_through_target(case.key, tool), tool=tool,
                   title=f"{case.title}, through the target{_CLIENTS[tool]}",
                   variants={v: more for v, more in case.variants.items() if "flush" not in more})


CASES = _AT_CONTRACT + tuple(_through_target(c, tool) for c in _AT_CONTRACT for tool in _TOOLS.get(c.key, ()))


@dataclass(frozen=True)
class Floor:
    text: str
    metric: str  # iops, per_cpu_s
    case: str
    over: str
    under: str
    limit: float


_AT_CONTRACT_FLOORS = (
    Floor("durable 4K write QD32 over file", "iops", "w4k-32", POOL, FILE, 1.5),
    Floor("durable 4K write QD1 over file", "iops", "w4k-1", POOL, FILE, 0.8),
    Floor("durable 128K sequential write over file", "iops", "w128k-sync", POOL, FILE, 0.65),
    Floor("128K sequential write over file", "iops", "w128k-async", POOL, FILE, 0.8),
    Floor("128K sequential write over file that flushes", "iops", "w128k-async", POOL, FLUSHED, 0.8),
    Floor("128K sequential write by lz4 over file that flushes", "iops", "w128k-lz4", POOL, FLUSHED, 1.0),
    Floor("128K sequential write by lz4 over file", "iops", "w128k-lz4", POOL, FILE, 1.0),
    Floor("128K sequential cold read over file", "iops", "r128k-cold", POOL, FILE, 0.75),
    Floor("16K random write over file", "iops", "w16k-async", POOL, FILE, 0.6),
    Floor("cached 4K read over mem", "iops", "r4k-cached", POOL, MEM, 0.9),
    Floor("4K random write over libzpool", "per_cpu_s", "z-w4k", POOL, LIBZPOOL, 5.0),
    Floor("durable 4K random write over libzpool", "per_cpu_s", "z-w4k-sync", POOL, LIBZPOOL, 5.0),
    Floor("128K sequential write over libzpool", "per_cpu_s", "z-w128k", POOL, LIBZPOOL, 3.0),
)


def _floor_through_target(floor, tool):
    return replace(floor, case=_key_through_target(floor.case, tool), text=f"{floor.text} through the target{_CLIENTS[tool]}")


FLOORS = _AT_CONTRACT_FLOORS + tuple(_floor_through_target(f, tool) for f in _AT_CONTRACT_FLOORS for tool in _TOOLS.get(f.case, ()))
LATENCY = ("w4k-32", POOL, "p99.9", 100e3)  # case, variant, metric, at most so many us
TIMES = {"rp1 created": 2.0, "rp1 imported": 2.0}  # seconds, at most
RP1 = "+".join(["raidz1:6"] * 6)
RP1_DISKS = 36
