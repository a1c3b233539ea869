# SPDX-License-Identifier: BSD-2-Clause
"""Floods from one address, from a few dozen, and from another one each time, one kind after the other. A host at another address, with
mutual CHAP, logs in and out all the while: it is let in every time. What the daemon made of it is said in figures, which judge nothing: the
machine may be busy."""
import itertools
import pathlib
import struct
import threading
import time

import pdu
from bench import AWAY, TARGET, VILLAIN
from initiator import Chap, GOOD, LoginError, OPERATIONAL, SECURITY, Session
from logins import NAMES, answer, login
from pdu import Wire, loopback_addresses
from tap import Skip, expect, note
from zsand import IQN

HOST = IQN + "legitimate"
SECONDS, THREADS = 2.0, 4
PORT6 = 3266  # the network is this test's own
GROWTH_MIB = 150  # a bound against growth without one; most of it is the sanitizers' quarantine
CHAP = []


def high_water(z):
    """MiB, from when the daemon started."""
    text = pathlib.Path(f"/proc/{z.process.pid}/status").read_text(encoding="ascii")
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


# ---- attacks: one go each, which says what came of it ---------------------------------------------------


class Attacker:
    """One thread of an attack, with the addresses that it comes from in turn."""

    def __init__(self, z, sources, portal=0):
        self.address, self.sources, self.kept, self.tally = z.address(portal), itertools.cycle(sources), [], {}

    def wire(self):
        return Wire(self.address, source=next(self.sources), timeout=5)

    def run(self, kind, until):
        while time.monotonic() < until:
            said = kind(self)
            self.tally[said] = self.tally.get(said, 0) + 1
        for w in self.kept:
            w.close()


def login_flood(a):
    """logins of a name that nobody knows"""
    try:
        with a.wire() as w:
            w.send(login(NAMES | {"InitiatorName": IQN + "nobody"}))
            status = answer(w)
        return "closed" if status < 0 else f"refused {status:04x}"
    except EOFError:
        return "closed"


def slow_logins(a):
    """logins that never get on, as many as there is room for"""
    return step(a, lambda w: w.send(login(NAMES, flags=OPERATIONAL << 2)), 40)


def hoarding(a):
    """connections that say nothing, as many as there is room for"""
    return step(a, lambda w: None, 400)


def step(a, say, most):
    """One connection more, or something said on one that there is."""
    kept = a.kept
    try:
        if len(kept) < most:
            kept.append(a.wire())
        w = kept.pop(0)
        say(w)
        w.sock.settimeout(0.002)
        try:
            if not w.sock.recv(4096):
                w.close()
                return "closed"
        except TimeoutError:
            pass
        kept.append(w)
        return "held"
    except (EOFError, OSError):
        return "closed"


def giant_text(a):
    """negotiations in which a login sends text without end"""
    try:
        with a.wire() as w:
            for n in range(64):
                w.send(login({}, stage=SECURITY, flags=0x40 | SECURITY << 2,
                             data=(pdu.keys_text(NAMES) if n == 0 else b"") + b"X-a=" + b"a" * 8000))
                status = struct.unpack_from(">H", w.recv().bhs, 36)[0]
                if status:
                    return f"refused {status:04x} at {n + 1} PDUs"
        return "taken"
    except EOFError:
        return "closed"


def discovery(a):
    """discovery sessions that ask for all targets again and again"""
    kept = a.kept
    try:
        if not kept:
            kept.append(Session(a.address, None, VILLAIN, source=next(a.sources), discovery=True, timeout=5))
        s = kept[0]
        s.send(pdu.build(pdu.TEXT | pdu.IMMEDIATE, itt=s.next_itt(), words=(pdu.NO_TAG, s.cmd_sn, s.exp_stat_sn),
                         data=b"SendTargets=All\0"))
        text = s.recv()
        s.exp_stat_sn = pdu.word(text, 24) + 1
        if s.itt % 50 == 0:
            kept.pop().close()
        return "answered" if IQN.encode() in text.data else "refused"
    except LoginError as e:
        return f"refused {e.status:04x}"
    except EOFError:
        kept.clear()
        return "closed"


def guesses(a):
    """wrong secrets of a name that there is"""
    try:
        chap = Chap(HOST, "not the secret of it", None, None)
        Session(a.address, IQN + TARGET, HOST, chap=chap, source=next(a.sources), timeout=5).close()
        return "taken"
    except LoginError as e:
        return f"refused {e.status:04x}"
    except EOFError:
        return "closed"


# ---- the frame -------------------------------------------------------------------------------------------


def legitimate(z, tries, source=AWAY, portal=0):
    """How long a login with mutual CHAP takes, in milliseconds; a host tries again when its connection is closed, and each try is counted."""
    start = time.monotonic()
    while True:
        tries[0] += 1
        try:
            with z.session(TARGET, HOST, portal, source=source, chap=CHAP[0], timeout=30) as s:
                took = (time.monotonic() - start) * 1000
                expect(s.ready().status == GOOD, "the host's session is not served")
                s.logout()
            return took
        except (EOFError, OSError) as e:
            expect(time.monotonic() < start + 10, f"the host does not get in: {e}")


def flood(z, kind, sources, again, where=(AWAY, 0)):
    before, quiet = high_water(z), min(legitimate(z, [0], *where) for _ in range(5))
    start, attackers = time.monotonic(), [Attacker(z, s, where[1]) for s in sources]
    threads = [threading.Thread(target=a.run, args=(kind, start + SECONDS)) for a in attackers]
    for t in threads:
        t.start()
    times, tries, waiting = [], [0], 0
    while time.monotonic() < start + SECONDS:
        times.append(legitimate(z, tries, *where))
        waiting = max(waiting, z.zsan("stats")["totals"]["logins_in_progress"])
    for t in threads:
        t.join()
    took = time.monotonic() - start
    total = {}
    for a in attackers:
        for said, n in a.tally.items():
            total[said] = total.get(said, 0) + n
    after, times = high_water(z), sorted(times)
    note(", ".join(f"{said}: {n / took:.0f}/s" for said, n in sorted(total.items())) +
         f"; logins in progress at most: {waiting}"
         f"; a host's login: {quiet:.1f} ms before, {times[len(times) // 2]:.1f} ms meanwhile, {times[-1]:.1f} ms at most, of {len(times)}"
         f" in {tries[0]} tries; memory at most: {before:.0f} MiB before, {after:.0f} MiB after")
    expect(times and total, "nothing happened")
    expect("taken" not in total, f"it was let in: {total}")
    expect(again or tries[0] == len(times), f"the host had to try {tries[0]} times to get in {len(times)} times")
    expect(after < before + GROWTH_MIB, f"zsand grew from {before:.0f} to {after:.0f} MiB")


def same_address(z):
    """who guesses at secrets is made slow; a host behind the same address waits, and gets in; one at another address does not wait"""
    here, before = "127.0.0.9", z.zsan("stats")["totals"]
    attackers, start = [Attacker(z, [here]) for _ in range(THREADS)], time.monotonic()
    threads = [threading.Thread(target=a.run, args=(guesses, start + 4 * SECONDS)) for a in attackers]
    for t in threads:
        t.start()
    times = {AWAY: [], here: []}
    while time.monotonic() < start + 4 * SECONDS:
        for source, took in times.items():
            took.append(legitimate(z, [0], source))
    for t in threads:
        t.join()
    tries, after = sum(sum(a.tally.values()) for a in attackers), z.zsan("stats")["totals"]
    held = after["logins_held_back"] - before["logins_held_back"]
    note(f"{tries} guesses in {time.monotonic() - start:.0f} s; held back: {held}; a host's logins from there: " +
         ", ".join(f"{ms:.0f}" for ms in times[here]) + " ms, from elsewhere at most " + f"{max(times[AWAY]):.0f} ms")
    expect(set().union(*(a.tally for a in attackers)) == {"refused 0201"}, f"{[a.tally for a in attackers]}")
    expect(held > 0 and after["sources_held_back"] > 0, f"{before} {after}")


def one_address():
    return [[None]] * THREADS


def few_addresses():
    return [[f"127.1.{t}.{n}" for n in range(1, 17)] for t in range(THREADS)]


def any_address():
    return [loopback_addresses(2 + t) for t in range(THREADS)]


def one_network():
    return [[f"fd00:64:0:2::{t}:{n:x}" for n in range(1, 60000)] for t in range(THREADS)]


def over_ipv6(z, sources, source):
    if not pathlib.Path("/proc/sys/net/ipv6").exists():
        raise Skip("no IPv6 here")
    if len(z.portals) == 1:
        z.portal("::1", PORT6)
    z.limits(max_connections=256)
    flood(z, hoarding, sources, False, (source, 1))


def tests(z):
    z.initiator(HOST, auth="mutual")
    CHAP[:] = [z.grant(HOST, TARGET)]
    z.limits(max_logins_per_address=16)
    for kind in (login_flood, slow_logins, hoarding, giant_text, discovery):
        yield (f"{kind.__doc__}, from one address: a host at another one logs in all the while",
               lambda kind=kind: flood(z, kind, one_address(), again=False))
    yield same_address.__doc__, lambda: same_address(z)
    z.limits(max_connections=256, max_logins_per_address=32)
    for kind in (login_flood, slow_logins, hoarding, giant_text):
        yield (f"{kind.__doc__}, from 64 addresses, that fill the table: a host at another one logs in all the while",
               lambda kind=kind: flood(z, kind, few_addresses(), again=False))
    z.limits(max_connections=4096)
    for kind in (login_flood, slow_logins, hoarding):
        yield (f"{kind.__doc__}, each from another address: a host logs in all the while",
               lambda kind=kind: flood(z, kind, any_address(), again=True))
    yield ("connections that say nothing, each from another address of one IPv6 network of /64: a host in another one logs in all the while",
           lambda: over_ipv6(z, one_network(), "fd00:64:0:1::1"))
    yield ("connections that say nothing, from 16 addresses of an IPv6 network: their neighbour in it logs in all the while",
           lambda: over_ipv6(z, [[f"fd00:64:0:2::{t}:{n}" for n in range(1, 5)] for t in range(THREADS)], "fd00:64:0:2::5:1"))
