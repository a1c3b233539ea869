# SPDX-License-Identifier: BSD-2-Clause
"""Two paths: an initiator and zsand joined by two networks, a portal and a port group on each, a LUN in a pool. What the paths say of
themselves, and writes that go on when a network, a portal or a session dies."""
import os
import struct
import time
from contextlib import contextmanager

import child
from initiator import CHECK_CONDITION, GOOD, LoginError, Session
from netns import inside, ip, join, missing, networks  # noqa: F401 (run asks missing)
from peer import NAME, attention, session_ids
from tap import expect
from zsand import IQN, Zsand, work_dir

OWN_DAEMONS = True
PORT, BLOCKS = 3260, 16
OPTIMIZED, STANDBY, IMPLICIT = 0, 2, 1
INQUIRY_CHANGED, ALUA_CHANGED = "06/3f/03", "06/2a/06"


class World:
    """A server with a foot in two networks, a client with the other."""

    def __init__(self, z, server, client):
        self.z, self.server, self.client = z, server, client
        for n in (1, 2):
            join(server, client, n)
        z.limits(nop_interval_ms=2000, nop_timeout_ms=3000)
        for n in (1, 2):
            z.portal(f"10.77.{n}.1", PORT, group=n)
        disks = [z.state / f"disk{i}" for i in range(2)]
        for path in disks:
            with open(path, "xb") as f:
                f.truncate(192 << 20)
        z.zsan("pool", "create", "tank", "mirror", *disks)
        z.volume("tank/v", "64M")
        z.target("t", ["tank/v"])
        z.initiator(NAME, auth="mutual")
        self.chap = z.grant(NAME, "t")

    def take_away(self, n):
        """A portal that is the last of its group goes only when no target is served through that group."""
        self.z.zsan("target", "set", IQN + "t", "--portal-groups", 3 - n)
        self.z.zsan("portal", "remove", f"10.77.{n}.1", "--port", PORT, "--group", n)

    def bring_back(self, n):
        self.z.zsan("portal", "add", f"10.77.{n}.1", "--port", PORT, "--group", n)
        self.z.zsan("target", "set", IQN + "t", "--portal-groups", "1,2")

    def login(self, n):
        with inside(self.client):
            return Session((f"10.77.{n}.1", PORT), IQN + "t", NAME, chap=self.chap, timeout=3, isid=bytes([0x80, 0, 0, n, 0, 0]))


@contextmanager
def world(name):
    with networks(2) as (server, client), inside(server), Zsand(work_dir("e2e-paths-" + name)) as z:
        yield World(z, server, client)


# ---- what paths say of themselves ----------------------------------------------------------------


def port_groups(s):
    """REPORT TARGET PORT GROUPS: {group: (state, [relative port, ...])}."""
    r = s.command(struct.pack(">BBIIBB", 0xa3, 0x0a, 0, 4096, 0, 0), read=4096)
    expect(r.status == GOOD, f"REPORT TARGET PORT GROUPS: {r}")
    out, at = {}, 4
    while at < len(r.data):
        state, _, group, _, _, _, n = struct.unpack_from(">BBHBBBB", r.data, at)
        out[group] = (state & 15, [p for _, p in struct.iter_unpack(">HH", r.data[at + 8:at + 8 + 4 * n])])
        at += 8 + 4 * n
    return out


def names(s):
    """Page 83h: what is the LUN's, the relative port and the port group of this path."""
    lun, port, group, page, at = [], None, None, s.inquiry(0x83), 4
    while at < len(page):
        kind, data = page[at + 1], page[at + 4:at + 4 + page[at + 3]]
        if kind & 0x30 == 0:
            lun.append(data)
        elif kind & 15 == 4:
            port = struct.unpack(">HH", data)[1]
        elif kind & 15 == 5:
            group = struct.unpack(">HH", data)[1]
        at += 4 + len(data)
    return lun, port, group


def seen(w):
    """Both paths say the same of the LUN and of all ports, and each its own of itself: {group: relative port}."""
    with w.login(1) as a, w.login(2) as b:
        child.wait_for("the LUN", lambda: a.ready().status == b.ready().status == GOOD)
        expect(a.command(struct.pack(">BBBHB", 0x12, 0, 0, 96, 0), read=96).data[5] >> 4 & IMPLICIT, "no implicit ALUA")
        groups = port_groups(a)
        expect(port_groups(b) == groups, f"{groups} on one path, {port_groups(b)} on the other")
        (lun, *mine), (same, *other) = names(a), names(b)
        expect(lun and lun == same, "two LUNs for a host")
        ports = {mine[1]: mine[0], other[1]: other[0]}
        expect({g: (OPTIMIZED, [p]) for g, p in ports.items()} == {g: groups[g] for g in ports}, f"{groups}, and paths {ports}")
        return {g: p for g, (_, [p]) in groups.items()}


def stable():
    """both paths tell the same port groups, and relative ports stay through restart, kill -9 and portals that come and go"""
    with world("stable") as w:
        z, first = w.z, seen(w)
        expect(sorted(first) == [1, 2] and len(set(first.values())) == 2, f"{first}")
        z.restart()
        expect(seen(w) == first, "after a restart")
        z.kill9()
        z.start()
        expect(seen(w) == first, "after kill -9")
        w.take_away(1)
        w.bring_back(1)
        expect(seen(w) == first, "after a portal was away")
        with w.login(2) as s:
            s.ready()
            z.zsan("portal", "add", "127.0.0.1", "--port", PORT, "--group", 3)
            z.zsan("target", "set", IQN + "t", "--portal-groups", "1,2,3")
            expect(attention(s) == INQUIRY_CHANGED, "a host is not told that there are more ports")
            more = port_groups(s)
        new = more.pop(3)[1][0]
        expect({g: p for g, (_, [p]) in more.items()} == first and new not in first.values(), f"{first}, then {more} and {new}")
        z.zsan("target", "set", IQN + "t", "--portal-groups", "2")
        z.zsan("target", "set", IQN + "t", "--portal-groups", "1,2,3")
        expect(seen(w) == first | {3: new}, "after the target was away from a group")


def drained():
    """the operator gives a path up before its network is worked on: hosts are told, and it lasts until he takes it back"""
    with world("drained") as w:
        z = w.z
        with w.login(1) as a, w.login(2) as b:
            child.wait_for("the LUN", lambda: a.ready().status == b.ready().status == GOOD)
            z.zsan("portal", "group", 2, "--alua-state", "standby")
            expect(attention(a) == attention(b) == ALUA_CHANGED, "a host is not told that its paths changed")
            expect({g: s for g, (s, _) in port_groups(a).items()} == {1: OPTIMIZED, 2: STANDBY}, f"{port_groups(a)}")
            expect(port_groups(a) == port_groups(b), "the paths disagree")
            expect(a.read(0, 1).status == GOOD, "the path that is left")
            expect(b.read(0, 1).status == CHECK_CONDITION, "I/O by a path that was given up")
        z.restart()
        with w.login(1) as a, w.login(2) as b:
            child.wait_for("the LUN", lambda: a.ready().status == GOOD)
            expect(b.ready().status == CHECK_CONDITION, "a path that was given up is ready")
            expect(port_groups(b)[2][0] == STANDBY and a.read(0, 1).status == GOOD, "after a restart")
            z.zsan("portal", "group", 2, "--alua-state", "optimized")
            expect(attention(b) == ALUA_CHANGED and b.read(0, 1).status == GOOD, "a path that was taken back")


# ---- writes that go on ---------------------------------------------------------------------------


class Writer:
    """Every write has its own place; each that was answered with GOOD is kept to be compared."""

    def __init__(self, w):
        self.w, self.paths, self.written = w, {n: w.login(n) for n in (1, 2)}, {}
        for s in self.paths.values():
            expect(s.ready().status == GOOD, "not ready")

    def write(self, n):
        lba, data = len(self.written) * BLOCKS, os.urandom(BLOCKS * 512)
        r = self.paths[n].write(lba, data)
        if r.status == CHECK_CONDITION and r.sense.key == 6:  # ports came or went
            r = self.paths[n].write(lba, data)
        expect(r.status == GOOD, f"path {n}, block {lba}: {r}")
        self.written[lba] = data

    def many(self, n, count=20):
        for _ in range(count):
            at = time.monotonic()
            self.write(n)
            expect(time.monotonic() - at < 2, f"a write over path {n} took {time.monotonic() - at:.1f} s")

    def leave_open(self, n):
        """A write whose data the target will wait for."""
        s = self.paths[n]
        s.send(s.command_pdu(struct.pack(">BBQIBB", 0x8a, 0, 100000, BLOCKS, 0, 0), 0, s.next_itt(), 0, bytes(BLOCKS * 512)))

    def dead(self, n):
        try:
            self.paths[n].write(100000, bytes(BLOCKS * 512))
        except (OSError, EOFError):
            self.paths[n].close()
            return
        raise AssertionError(f"path {n} still works")

    def again(self, n):
        self.paths[n] = child.wait_for(f"path {n} comes back", lambda: self._try(n))
        expect(self.paths[n].ready().status == GOOD, "not ready")

    def _try(self, n):
        try:
            return self.w.login(n)
        except (OSError, EOFError, LoginError):
            return None

    def compare(self):
        for n, s in self.paths.items():
            expect(s.ready().status == GOOD, "not ready")
            for lba, data in self.written.items():
                expect(s.read(lba, BLOCKS).data == data, f"other data at block {lba} over path {n}")
            s.close()


def survives(w, fail, mend):
    """Path 1 fails with a write half sent, path 2 goes on; path 1 comes back. Then path 2 fails."""
    j = Writer(w)
    for dying, other in ((1, 2), (2, 1)):
        j.many(1, 5)
        j.many(2, 5)
        j.leave_open(dying)
        fail(dying, j)
        j.many(other)
        j.dead(dying)
        child.wait_for("zsand sees it", lambda: j.many(other, 1) or len(session_ids(w.z)) == 1)
        mend(dying)
        j.again(dying)
        j.many(dying)
    j.compare()


def network():
    """writes go on over the other network while one is down, and over both when it is back"""
    with world("network") as w:
        survives(w, lambda n, _: ip(w.server, "link", "set", f"net{n}", "down"),
                 lambda n: ip(w.server, "link", "set", f"net{n}", "up"))


def portal():
    """writes go on when a portal is taken away, and over both when it is back"""
    with world("portal") as w:
        survives(w, lambda n, _: w.take_away(n), w.bring_back)


def session():
    """writes go on when a session is dropped, and over both when it logs in again"""
    def drop(n, j):
        port = j.paths[n].sock.getsockname()[1]
        one = next(s["id"] for s in w.z.zsan("session", "list") if str(s["peer"]).endswith(f":{port}"))
        w.z.zsan("session", "drop", one)

    with world("session") as w:
        survives(w, drop, lambda n: None)


CASES = [stable, drained, network, portal, session]
