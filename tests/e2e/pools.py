# SPDX-License-Identifier: BSD-2-Clause
"""Pools and the volumes in them, on sparse files."""
import os

import child
from contextlib import contextmanager
from initiator import GOOD
from peer import NAME, logged
from tap import expect
from zsand import IQN, Zsand, ZsanError, work_dir

OWN_DAEMONS = True
BLOCK = 512
BECOMING_READY = "02/04/01"


def disks(work, n, size=192 << 20):
    out = []
    for i in range(n):
        path = work / f"disk{i}"
        with open(path, "xb") as f:
            f.truncate(size)
        out.append(path)
    return out


def served(z, *volumes):
    """Targets, grants and all: LUN n of target t is volumes[n]."""
    z.portal()
    z.target("t", volumes)
    z.initiator(NAME)
    z.grant(NAME, "t")


def pool_state(z, name="tank"):
    return next((p["state"] for p in z.zsan("pool", "list") if p["name"] == name), None)


def naa(z, volume):
    return z.zsan("volume", "show", volume)["naa"]


def refused(z, status, *args):
    try:
        z.zsan(*args)
    except ZsanError as e:
        expect(e.status == status, f"{e}, not {status}")
        return e.text
    raise AssertionError(f"zsan {args} was not refused")


def fill(s, lun=0, blocks=16):
    """Writes 128 KiB and returns them."""
    data = os.urandom(blocks * 8192)
    expect(s.ready(lun).status == GOOD, "not ready")
    for i in range(blocks):
        r = s.write(i * 16, data[i * 8192:(i + 1) * 8192], lun)
        expect(r.status == GOOD, f"{r}")
    return data


def holds(s, data, lun=0):
    expect(s.ready(lun).status == GOOD, "not ready")
    expect(s.read(0, len(data) // BLOCK, lun).data == data, "other data")


def killed():
    """what was acknowledged survives kill -9, with the same identity"""
    work = work_dir("e2e-pools")
    d = disks(work, 2)
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", "mirror", *d)
        z.volume("tank/vm1", "64M")
        z.volume("two", "32M", dataset="tank/a/two", parents=True, sync="standard", block_size=4096)
        served(z, "tank/vm1", "two")
        who = naa(z, "tank/vm1"), naa(z, "two")
        with z.session("t", NAME) as s:
            data = fill(s)
        for _ in range(2):
            z.kill9()
            z.start()
            child.wait_for("the pool", lambda: pool_state(z) == "ONLINE")
            child.wait_for("the volume", lambda: z.zsan("volume", "show", "two")["state"] == "online")
            with z.session("t", NAME) as s:
                holds(s, data)
            expect((naa(z, "tank/vm1"), naa(z, "two")) == who, "another identity")
        cache = z.zsan("pool", "status", "tank")["pools"][0]
        asked = cache["cache_hits"] + cache["cache_misses"]
        expect(cache["cache_hits"] and cache["cache_hit_percent"] == cache["cache_hits"] * 100 // asked, f"{cache}")
        expect(logged(z, "pool.online"), "events are kept")
        alarms = logged(z, "volume.unavailable") + logged(z, "start.incomplete")
        expect(not alarms, f"a start is no alarm: {alarms}")


def moved():
    """export, import under another name elsewhere, and back: the LUN waits meanwhile"""
    work = work_dir("e2e-pools")
    d = disks(work, 3)
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", "raidz1", *d)
        z.volume("vm1", "64M", dataset="tank/vm1")
        served(z, "vm1")
        with z.session("t", NAME) as s:
            data = fill(s)
            expect("sessions" in refused(z, 6, "pool", "export", "tank"), "the message")
            z.zsan("pool", "export", "tank", "--force")
            expect(str(s.ready().sense) == BECOMING_READY, "the LUN of a pool that was exported")
            expect(z.zsan("pool", "list") == [], "it is still listed")
            refused(z, 4, "pool", "export", "tank")
            (work / "other").mkdir()
            with Zsand(work / "other") as other:
                expect(other.zsan("pool", "import", "tank", "tank2", "--devices", work)["name"] == "tank2", "its new name")
                other.volume("old", dataset="tank2/vm1")
                expect(other.zsan("volume", "show", "old")["size"] == 64 << 20, "size of what was there")
                served(other, "old")
                with other.session("t", NAME) as t:
                    holds(t, data)
                expect("tank2" in refused(z, 6, "pool", "import", "tank2", "--devices", work), "a pool in use")
                other.zsan("pool", "export", "tank2")
            z.zsan("pool", "import", "tank2", "tank", "--devices", work)
            child.wait_for("the volume", lambda: z.zsan("volume", "show", "vm1")["state"] == "online")
            holds(s, data)


@contextmanager
def lacking(*others):
    """A daemon started without one of the two disks of its pool, whose volume is LUN 0; what was written; what brings the disk back."""
    work = work_dir("e2e-pools")
    d = disks(work, 2)
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", *d)
        z.volume("tank/vm1", "64M")
        for name in others:
            z.volume(name, "8M")
        served(z, "tank/vm1", *others)
        with z.session("t", NAME) as s:
            data = fill(s)
        z.stop()
        d[1].rename(work / "away")
        z.start()
        yield z, data, lambda: (work / "away").rename(d[1])


def late():
    """a pool whose disks are missing at the start comes when they do, and its LUN with it"""
    with lacking("file") as (z, data, bring_back):
        with z.session("t", NAME) as s:
            expect(str(s.ready(0).sense) == BECOMING_READY, "a LUN without its pool")
            expect(s.ready(1).status == GOOD, "the other LUN has to wait")
            child.wait_for("a verdict", lambda: pool_state(z) == "missing")
            problems = z.zsan("status")["problems"]
            expect(any("tank" in p["object"] for p in problems), f"{problems}")
            refused(z, 9, "volume", "create", "tank/more", "--size", "8M")
            bring_back()
            child.wait_for("the pool", lambda: pool_state(z) == "ONLINE")
            child.wait_for("the LUN", lambda: s.ready(0).status == GOOD)
            holds(s, data)
        problems = z.zsan("status")["problems"]
        expect(not any("tank" in p["object"] for p in problems), f"{problems}")


def hurt():
    """a disk goes offline, comes back, and lacks nothing; a start without it goes on degraded"""
    work = work_dir("e2e-pools")
    d = disks(work, 2)
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", "mirror", *d)
        z.volume("tank/vm1", "64M")
        served(z, "tank/vm1")
        z.zsan("pool", "offline", "tank", d[0])
        expect(pool_state(z) == "DEGRADED", "not degraded")
        with z.session("t", NAME) as s:
            data = fill(s)
        text = z.try_zsan("pool", "status", "tank").stdout
        expect("OFFLINE" in text and "state: DEGRADED" in text, text)
        z.zsan("pool", "online", "tank", d[0])
        child.wait_for("the resilver", lambda: "resilvered" in z.zsan("pool", "status")["pools"][0]["scan"])
        z.zsan("pool", "offline", "tank", d[1])
        with z.session("t", NAME) as s:
            holds(s, data)
        z.zsan("pool", "online", "tank", d[1])
        child.wait_for("the scrub's turn", lambda: z.try_zsan("pool", "scrub", "tank").returncode == 0)
        child.wait_for("the scrub", lambda: "scrub repaired" in z.zsan("pool", "status")["pools"][0]["scan"])
        z.stop()
        d[0].rename(work / "away")
        z.start()
        child.wait_for("the pool", lambda: pool_state(z) == "DEGRADED")
        vdevs = z.zsan("pool", "status", "tank")["pools"][0]["vdevs"]
        expect([v["state"] for v in vdevs] == ["DEGRADED", "UNAVAIL", "ONLINE"], f"{vdevs}")
        child.wait_for("the volume", lambda: z.zsan("volume", "show", "tank/vm1")["state"] == "online")
        with z.session("t", NAME) as s:
            holds(s, data)


def volumes():
    """volumes in pools are made, resized, deleted, kept, served again, refused"""
    work = work_dir("e2e-pools")
    d = disks(work, 1)
    with Zsand(work) as z:
        refused(z, 4, "volume", "create", "tank/v", "--size", "8M")
        z.zsan("pool", "create", "tank", *d)
        refused(z, 5, "pool", "create", "tank", *d)
        refused(z, 6, "pool", "create", "more", *d)
        refused(z, 7, "pool", "create", "more", "mirror", "/nowhere/a")
        refused(z, 7, "pool", "create", "more", "log", d[0])
        z.volume("tank/v", "8M", volblocksize="8K", compression="lz4", checksum="sha256")
        refused(z, 5, "volume", "create", "w", "--dataset", "tank/v", "--size", "8M")
        refused(z, 4, "volume", "create", "w", "--dataset", "tank/w")
        refused(z, 4, "volume", "create", "w", "--dataset", "tank/a/w", "--size", "8M")
        refused(z, 8, "volume", "create", "w", "--dataset", "tank/w", "--size", "8G", "--thick")
        expect(z.zsan("volume", "resize", "tank/v", "16M")["size"] == 16 << 20, "its new size")
        refused(z, 7, "volume", "resize", "tank/v", "8M")
        expect(z.zsan("volume", "resize", "tank/v", "12M", "--force")["size"] == 12 << 20, "its smaller size")
        z.zsan("volume", "resize", "tank/v", "16M")
        who = naa(z, "tank/v")
        z.zsan("volume", "set", "tank/v", "--sync", "standard")
        z.zsan("volume", "delete", "tank/v", "--keep")
        again = z.volume("again", dataset="tank/v")
        expect((again["size"], again["sync"], again["naa"]) == (16 << 20, "standard", who), f"{again}")
        z.zsan("volume", "delete", "again")
        refused(z, 4, "volume", "create", "again", "--dataset", "tank/v")
        z.volume("tank/v", "8M")
        expect(naa(z, "tank/v") != who, "a new volume with an old identity")


def readonly():
    """a pool that is imported read-only serves its volumes write protected, with the identity they have"""
    work = work_dir("e2e-pools")
    d = disks(work, 1)
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", *d)
        z.volume("tank/v", "8M")
        served(z, "tank/v")
        who = naa(z, "tank/v")
        with z.session("t", NAME) as s:
            data = fill(s)
        z.zsan("pool", "export", "tank")
        z.zsan("pool", "import", "tank", "--devices", work, "--read-only")
        child.wait_for("the volume", lambda: z.zsan("volume", "show", "tank/v")["state"] == "online")
        expect(naa(z, "tank/v") == who, "another identity")
        with z.session("t", NAME) as s:
            holds(s, data)
            expect(str(s.write(0, bytes(512)).sense) == "07/27/00", "not write protected")
        z.zsan("volume", "delete", "tank/v", "--keep", "--force")
        z.volume("again", dataset="tank/v")
        expect(naa(z, "again") == who, "another identity")
        z.restart()
        child.wait_for("the pool", lambda: pool_state(z) == "ONLINE")
        expect(z.zsan("pool", "list")[0]["read_only"], "it is writable")


def swapped():
    """disks are attached, replaced, detached and added, a pool is given up and had back, and every start knows"""
    work = work_dir("e2e-pools")
    d = disks(work, 5)
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", d[0])
        z.volume("tank/v", "32M")
        served(z, "tank/v")
        with z.session("t", NAME) as s:
            data = fill(s)
            z.zsan("pool", "attach", "tank", d[0], d[1])
            resilvered = lambda: "resilvered" in z.zsan("pool", "status")["pools"][0]["scan"]  # noqa: E731
            child.wait_for("the copy", resilvered)
            z.zsan("pool", "replace", "tank", d[0], d[2])
            child.wait_for("the old disk leaves", lambda: str(d[0]) not in str(z.zsan("pool", "status")))
            z.zsan("pool", "detach", "tank", d[1])
            z.zsan("pool", "add", "tank", d[3], "spare", d[4])
            holds(s, data)
        text = z.try_zsan("pool", "status").stdout
        expect("spares" in text and "AVAIL" in text, text)
        expect(z.zsan("pool", "history", "tank", "--internal"), "no history")
        z.kill9()
        z.start()
        child.wait_for("the pool", lambda: pool_state(z) == "ONLINE")
        child.wait_for("the volume", lambda: z.zsan("volume", "show", "tank/v")["state"] == "online")
        names = [v["name"] for v in z.zsan("pool", "status")["pools"][0]["vdevs"]]
        expect(names == [str(d[2]), str(d[3]), str(d[4])], f"{names}")
        with z.session("t", NAME) as s:
            holds(s, data)
        z.zsan("pool", "destroy", "tank", "--force")
        found = z.zsan("pool", "found", work)
        expect([(p["name"], p["state"]) for p in found] == [("tank", "DESTROYED")], f"{found}")
        z.zsan("pool", "import", "tank", "--devices", work, "--destroyed")
        child.wait_for("the volume", lambda: z.zsan("volume", "show", "tank/v")["state"] == "online")
        with z.session("t", NAME) as s:
            holds(s, data)


def renamed():
    """a volume that hosts use gets another name, and moves to another folder: they notice nothing"""
    work = work_dir("e2e-pools")
    d = disks(work, 1)
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", *d)
        z.volume("tank/v", "32M")
        z.volume("other", "32M", dataset="tank/other")
        z.zsan("zfs", "create", "tank/a")
        served(z, "tank/v", "other")
        who = naa(z, "tank/v")
        with z.session("t", NAME) as s:
            data = fill(s)
            expect(s.ready(1).status == GOOD, "not ready")
            z.zsan("zfs", "rename", "tank/v", "tank/a/v2")
            z.zsan("zfs", "rename", "tank/other", "tank/a/other")
            for lun in (0, 1):
                expect(s.command(bytes(6), lun).status == GOOD, f"LUN {lun} noticed")
            expect(s.read(0, len(data) // BLOCK).data == data, "other data")
            expect(s.write(0, data[:8192]).status == GOOD, "WRITE")
            luns = {l["lun"]: l["volume"] for l in z.zsan("target", "show", IQN + "t")["luns"]}
            expect(luns == {0: "tank/a/v2", 1: "other"}, f"{luns}")
            expect(naa(z, "tank/a/v2") == who, "another identity")
            expect("volume.closed" not in z.log(), "it was closed")
            refused(z, 5, "zfs", "rename", "tank/a/v2", "tank/a/other")
        z.kill9()
        z.start()
        child.wait_for("the volumes", lambda: all(v["state"] == "online" for v in z.zsan("volume", "list")))
        with z.session("t", NAME) as s:
            holds(s, data)
        z.zsan("zfs", "rename", "tank/a", "tank/b")
        expect({v["name"] for v in z.zsan("volume", "list")} == {"tank/b/v2", "other"}, "the folder's new name")


CASES = [renamed, swapped, readonly, killed, moved, late, hurt, volumes]
