# SPDX-License-Identifier: BSD-2-Clause
"""Logins that are wrong: each row is refused with the status that RFC 7143 11.13.5 has for it. Then half logins and floods."""
import random
import struct
import time

import pdu
from bench import BYSTANDER, TARGET, VILLAIN
from child import wait_for
from initiator import FULL_FEATURE, OPERATIONAL, SECURITY, TRANSIT, LoginError
from pdu import IMMEDIATE, Wire, build
from tap import expect
from zsand import IQN

NAMES = {"InitiatorName": VILLAIN, "SessionType": "Normal", "TargetName": IQN + TARGET}


def login(keys, stage=OPERATIONAL, next_stage=FULL_FEATURE, flags=None, versions=0, tsih=0, data=None):
    data = pdu.keys_text(keys) if data is None else data
    flags = TRANSIT | stage << 2 | next_stage if flags is None else flags
    head = bytearray(build(pdu.LOGIN | IMMEDIATE, flags, itt=1, words=(0, 1, 0), data=data, b2=versions, b3=versions))
    head[8:16] = b"\x80vil\0\0" + struct.pack(">H", tsih)
    return bytes(head)


def without(name):
    return {k: v for k, v in NAMES.items() if k != name}


CASES = [
    ("no initiator name", login(without("InitiatorName")), 0x0207),
    ("no target name", login(without("TargetName")), 0x0207),
    ("an initiator that nobody knows", login(NAMES | {"InitiatorName": "iqn.2026-11.org.example:nobody"}), 0x0201),
    ("a target that is not there", login(NAMES | {"TargetName": IQN + "nothing"}), 0x0201),
    ("a name that is no name", login(NAMES | {"InitiatorName": "the villain"}), 0x0200),
    ("version 7", login(NAMES, versions=7), 0x0205),
    ("a session that is not there", login(NAMES, tsih=77), 0x020a),
    ("a session type that does not exist", login(NAMES | {"SessionType": "Abnormal"}), 0x0209),
    ("a stage that does not exist", login(NAMES, stage=2), 0x0200),
    ("a step backwards", login(NAMES, stage=OPERATIONAL, next_stage=SECURITY), 0x0200),
    ("transit and continue at once", login(NAMES, flags=TRANSIT | 0x40 | OPERATIONAL << 2 | FULL_FEATURE), 0x0200),
    ("a key twice", login({}, data=pdu.keys_text(NAMES) + b"InitiatorName=iqn.2026-11.org.example:x\0"), 0x0200),
    ("no key at all", login({}, data=b"\x01\x02\x03 no equals sign \0"), 0x0200),
    ("more text than a login may have", login({}, data=b"X-a=" + b"a" * 60000 + b"\0"), 0x0200),
    ("a length that lies", build(pdu.LOGIN | IMMEDIATE, 0x87, itt=1, dsl=0xffffff), 0x0200),
    ("a CHAP answer before the question", login(NAMES | {"AuthMethod": "CHAP", "CHAP_N": "x", "CHAP_R": "0x00"},
                                                stage=SECURITY, next_stage=OPERATIONAL), 0x0201),
    ("a command before the login", build(pdu.SCSI_CMD, 0xc1, itt=1, words=(512, 1, 0)), 0x020b),
]


def answer(wire):
    """The status of the login response that ends it; -1: the connection ended without one."""
    status = -1
    try:
        while True:
            p = wire.recv()
            if pdu.opcode(p) == pdu.LOGIN_RSP:
                status = struct.unpack_from(">H", p.bhs, 36)[0]
                if not status:
                    return status
    except EOFError:
        return status


def refused(z, sent, want):
    with Wire(z.address(), timeout=5) as w:
        w.send(sent)
        got = answer(w)
        expect(got == want, f"status {got:04x}, wanted {want:04x}")


def half_open(z):
    """connections that say nothing, or half a login, are closed after the login timeout, which others do not notice"""
    z.limits(login_timeout_ms=1500)
    whole = login(NAMES)
    wires = [Wire(z.address()) for _ in range(12)]
    for n, w in enumerate(wires):
        w.send(whole[:n * len(whole) // 12])
    start = time.monotonic()
    expect(all(w.closed(6) for w in wires), "one stayed open")
    expect(time.monotonic() - start > 1, "they were closed before the time was up")
    z.limits(login_timeout_ms=15000)


def slow_login(z):
    """a login that goes on for ever in small steps ends with the login timeout"""
    z.limits(login_timeout_ms=1500)
    with Wire(z.address()) as w:
        start = time.monotonic()
        try:
            while time.monotonic() - start < 8:
                w.send(login(NAMES, flags=OPERATIONAL << 2))
                w.recv()
                time.sleep(0.2)
            raise AssertionError("it is still going on")
        except EOFError:
            pass
    z.limits(login_timeout_ms=15000)


def flood(z):
    """a flood of logins from one address: 0302 over the limit, other addresses log in, and it does after the flood"""
    z.limits(max_logins_per_address=8)
    wires = [Wire(z.address()) for _ in range(8)]
    wait_for("8 logins in progress", lambda: z.zsan("status")["totals"]["logins_in_progress"] == 8)
    try:
        with z.session(TARGET, VILLAIN):
            raise AssertionError("the ninth login was let in")
    except LoginError as e:
        expect(e.status == 0x0302, str(e))
    with z.session(TARGET, BYSTANDER, source="127.0.0.3") as s:
        s.ready()
    more = [Wire(z.address()) for _ in range(60)]
    expect(sum(w.closed(1) for w in more[-20:]) == 20, "far over the limit connections must be closed at once")
    for w in wires + more:
        w.close()
    wait_for("the flood is over", lambda: z.zsan("status")["totals"]["logins_in_progress"] == 0)
    with z.session(TARGET, VILLAIN) as s:
        s.ready()
    z.limits(max_logins_per_address=32)


def crowd(z):
    """one initiator takes its share of connections and no more: the next is told 0302, another initiator gets in, and so does it when one has left"""
    z.limits(max_connections=20, max_connections_per_host=5)
    sessions = [z.session(TARGET, VILLAIN) for _ in range(5)]
    for options in ({}, {"discovery": True}):
        try:
            with z.session(TARGET, VILLAIN, **options):
                raise AssertionError("the sixth connection was let in")
        except LoginError as e:
            expect(e.status == 0x0302, str(e))
    with z.session(TARGET, BYSTANDER) as s:
        expect(s.ready().status == 0, "the bystander is not served")
    for s in sessions:
        expect(s.ready().status == 0, "a session was disturbed")
    sessions.pop().logout()
    wait_for("room for one", lambda: z.zsan("status")["totals"]["connections"] < 5)
    with z.session(TARGET, VILLAIN) as s:
        s.ready()
    for s in sessions:
        s.close()
    z.limits(max_connections=4096, max_connections_per_host=0)


def reinstated(z):
    """a login with the identifiers of a session that exists takes its place; the old connection ends"""
    with z.session(TARGET, VILLAIN) as old:
        old.ready()
        with z.session(TARGET, VILLAIN, isid=old.isid) as new:
            expect(old.closed(5), "the old connection stayed")
            expect(new.ready().status == 0, "the new one does not work")


def bent(z, rng):
    data = bytearray(rng.choice([c[1] for c in CASES] + [login(NAMES)]))
    for _ in range(rng.randrange(1, 5)):
        data[rng.randrange(min(len(data), 200))] = rng.randrange(256)
    with Wire(z.address(), timeout=5) as w:
        w.send(data)
        w.sock.settimeout(0.02)
        try:
            w.recv()
        except (EOFError, OSError):
            pass


def tests(z):
    for name, sent, want in CASES:
        yield f"{name}: {want:04x}", lambda sent=sent, want=want: refused(z, sent, want)
    for what in (half_open, slow_login, flood, crowd, reinstated):
        yield what.__doc__, lambda what=what: what(z)
    rng = random.Random(11)
    yield "logins with a few bytes changed", lambda: [bent(z, rng) for _ in range(200)]
