# SPDX-License-Identifier: BSD-2-Clause
"""Where memory may go, and how much of it many sessions take. Not for builds with sanitizers."""
import pathlib
import resource
import subprocess
import time

import child
from bench import BYSTANDER, TARGET, VILLAIN
from tap import expect, note
from zsand import program

IDLE, IDLE_MIB = 1000, 100
SESSIONS, DEPTH, BUDGET = 64, 128, 256 << 20
CAP_IPC_LOCK = 14
SLACK_MIB = 100  # beside the data: sessions, tasks, stacks, code


def load(z, *args):
    return child.spawn([program("tests/bench/zload-raw"), "--url", z.url("null"), "--initiator", VILLAIN, *args],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def field(pid, name, base=10):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(name + ":")), base)


def locked(z):
    """all memory is locked, for secrets lie in it, or the log says that it is not"""
    pid = z.process.pid
    may = field(pid, "CapEff", 16) >> CAP_IPC_LOCK & 1 or resource.prlimit(pid, resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY
    told = "memory=locked" in z.log()
    note(f"{field(pid, 'VmLck') >> 10} MiB locked")
    expect(told == bool(may), z.tail())
    expect((field(pid, "VmLck") > field(pid, "VmRSS") // 2) == told, f"{field(pid, 'VmLck')} KiB are locked")


def idle(z):
    """1,000 idle sessions take less than 100 MiB"""
    z.limits(max_connections_per_host=2 * IDLE)  # all are of one host
    before = z.rss_mib()
    p = load(z, "--idle", "--sessions", IDLE, "--seconds", 5)
    child.wait_for("1,000 sessions", lambda: z.zsan("status")["totals"]["sessions"] == IDLE, 30)
    time.sleep(2)
    now = z.rss_mib()
    out, _ = p.communicate(timeout=60)
    note(f"{before:.0f} MiB without, {now:.0f} MiB with {IDLE} sessions")
    expect(p.returncode == 0, out)
    expect(now < IDLE_MIB, f"{now:.0f} MiB")


def flood(z):
    """64 sessions with 128 writes of 1 MiB each stay inside the budget of data memory and give most of it back in some seconds, and a bystander is served"""
    z.limits(data_memory=BUDGET)
    p = load(z, "--sessions", SESSIONS, "--depth", DEPTH, "--block", "1m", "--mode", "write", "--verify", "off",
             "--seconds", 6)
    before, peak, served = z.rss_mib(), 0, 0  # what the sessions before it left to be used again is not its
    deadline = time.monotonic() + 40
    while p.poll() is None:
        expect(time.monotonic() < deadline, "the load does not end: commands are stuck")
        peak = max(peak, z.rss_mib())
        with z.session(TARGET, BYSTANDER, source="127.0.0.2") as s:
            served += s.ready().status == 0
        time.sleep(0.1)
    out = p.communicate()[0]
    left = (BUDGET >> 20) / 4 + SLACK_MIB / 2
    child.wait_for("memory to go back", lambda: z.rss_mib() - before < left, 20)  # idle slabs stay for some seconds
    after = z.rss_mib()
    note(f"from {before:.0f} to {peak:.0f} MiB and back to {after:.0f}, the bystander was served {served} times; {out.strip().splitlines()[-1]}")
    z.limits(data_memory=0)
    expect(p.returncode == 0, out)
    expect(peak - before < (BUDGET >> 20) + SLACK_MIB, f"from {before:.0f} to {peak:.0f} MiB")
    expect(served > 5, "the bystander was not served")


def tests(z):
    z.volume("null", "1G", engine="null")  # holds no data itself
    z.target("null", ["null"])
    z.grant(VILLAIN, "null")
    yield locked.__doc__, lambda: locked(z)
    yield idle.__doc__, lambda: idle(z)
    yield flood.__doc__, lambda: flood(z)
