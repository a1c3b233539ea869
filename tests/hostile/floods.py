# SPDX-License-Identifier: BSD-2-Clause
"""Floods from one address, one kind after the other. A host at another address, with mutual CHAP, logs in and out all the while: it is let
in every time. What the daemon made of it is said in figures, which judge nothing: the machine may be busy."""
import pathlib
import struct
import threading
import time

import pdu
from bench import AWAY, TARGET, VILLAIN
from initiator import GOOD, LoginError, OPERATIONAL, SECURITY, Session
from logins import NAMES, answer, login
from pdu import Wire
from tap import expect, note
from zsand import IQN

HOST = IQN + "legitimate"
SECONDS, THREADS = 2.0, 4
GROWTH_MIB = 150  # a bound against growth without one; most of it is the sanitizers' quarantine
CHAP = []


def high_water(z):
    """MiB, from when the daemon started."""
    text = pathlib.Path(f"/proc/{z.process.pid}/status").read_text(encoding="ascii")
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


# ---- attacks: one go each, which says what came of it ---------------------------------------------------


def login_flood(z, _):
    """MS14-028 (Microsoft): logins of a name that nobody knows"""
    try:
        with Wire(z.address(), timeout=5) as w:
            w.send(login(NAMES | {"InitiatorName": IQN + "nobody"}))
            status = answer(w)
        return "closed" if status < 0 else f"refused {status:04x}"
    except EOFError:
        return "closed"


def slow_logins(z, kept):
    """logins that never get on, as many as there is room for"""
    return step(kept, lambda w: w.send(login(NAMES, flags=OPERATIONAL << 2)), 40, z)


def hoarding(z, kept):
    """connections that say nothing, as many as there is room for"""
    return step(kept, lambda w: None, 400, z)


def step(kept, say, most, z):
    """One connection more, or something said on one that there is."""
    try:
        if len(kept) < most:
            kept.append(Wire(z.address(), timeout=5))
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


def giant_text(z, _):
    """negotiations in which a login sends text without end"""
    try:
        with Wire(z.address(), timeout=5) as w:
            for n in range(64):
                w.send(login({}, stage=SECURITY, flags=0x40 | SECURITY << 2,
                             data=(pdu.keys_text(NAMES) if n == 0 else b"") + b"X-a=" + b"a" * 8000))
                status = struct.unpack_from(">H", w.recv().bhs, 36)[0]
                if status:
                    return f"refused {status:04x} at {n + 1} PDUs"
        return "taken"
    except EOFError:
        return "closed"


def discovery(z, kept):
    """discovery sessions that ask for all targets again and again"""
    try:
        if not kept:
            kept.append(Session(z.address(), None, VILLAIN, discovery=True, timeout=5))
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


# ---- the frame -------------------------------------------------------------------------------------------


def attack(z, kind, until, tally):
    kept = []
    while time.monotonic() < until:
        said = kind(z, kept)
        tally[said] = tally.get(said, 0) + 1
    for w in kept:
        w.close()


def legitimate(z):
    """How long a login with mutual CHAP takes, in milliseconds."""
    start = time.monotonic()
    with z.session(TARGET, HOST, source=AWAY, chap=CHAP[0], timeout=30) as s:
        took = (time.monotonic() - start) * 1000
        expect(s.ready().status == GOOD, "the host's session is not served")
        s.logout()
    return took


def flood(z, kind):
    before, quiet = high_water(z), min(legitimate(z) for _ in range(5))
    start, tallies = time.monotonic(), [{} for _ in range(THREADS)]
    threads = [threading.Thread(target=attack, args=(z, kind, start + SECONDS, t)) for t in tallies]
    for t in threads:
        t.start()
    times = []
    while time.monotonic() < start + SECONDS:
        times.append(legitimate(z))
    for t in threads:
        t.join()
    took = time.monotonic() - start
    total = {}
    for t in tallies:
        for said, n in t.items():
            total[said] = total.get(said, 0) + n
    after, times = high_water(z), sorted(times)
    note(", ".join(f"{said}: {n / took:.0f}/s" for said, n in sorted(total.items())) +
         f"; a host's login: {quiet:.1f} ms before, {times[len(times) // 2]:.1f} ms meanwhile, {times[-1]:.1f} ms at most, of {len(times)}"
         f"; memory at most: {before:.0f} MiB before, {after:.0f} MiB after")
    expect(times and total, "nothing happened")
    expect("taken" not in total, f"it was let in: {total}")
    expect(after < before + GROWTH_MIB, f"zsand grew from {before:.0f} to {after:.0f} MiB")


def tests(z):
    z.initiator(HOST, auth="mutual")
    CHAP[:] = [z.grant(HOST, TARGET)]
    z.limits(max_logins_per_address=16)
    for kind in (login_flood, slow_logins, hoarding, giant_text, discovery):
        yield f"{kind.__doc__}, from one address: a host at another one logs in all the while", lambda kind=kind: flood(z, kind)
