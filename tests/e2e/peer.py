# SPDX-License-Identifier: BSD-2-Clause
"""What the scenarios add to initiator.Session: discovery, commands in flight, notices, and what they say of a daemon's state."""
import os
import socket
import struct
import time
from contextlib import contextmanager

import pdu
from initiator import CHECK_CONDITION, GOOD, LoginError, Result, Session, parse_sense
from tap import Failure, expect
from zsand import IQN

NAME = IQN + "alice"
OTHER = IQN + "bob"
ASYNC_SENSE, ASYNC_LOGOUT, ASYNC_DROP = 0, 1, 3
LUNS_CHANGED, CAPACITY_CHANGED = "06/3f/0e", "06/2a/09"
INQUIRY_VPD, TEST_UNIT_READY = 0x12, bytes(6)


def targets(address, initiator, **options):
    """SendTargets=All: {name: [address,tag, ...]}."""
    with Session(address, None, initiator, discovery=True, **options) as s:
        s.send(pdu.build(pdu.TEXT | pdu.IMMEDIATE, itt=s.next_itt(), words=(pdu.NO_TAG, s.cmd_sn, s.exp_stat_sn),
                         data=b"SendTargets=All\0"))
        out, name = {}, None
        for item in s.recv().data.split(b"\0"):
            key, _, value = item.decode().partition("=")
            if key == "TargetName":
                name = value
                out[name] = []
            elif key == "TargetAddress":
                out[name].append(value)
        return out


@contextmanager
def refused(*statuses):
    """The login inside is refused with one of these."""
    try:
        yield
    except LoginError as e:
        expect(e.status in statuses, f"status {e.status:04x} instead of {' or '.join(f'{s:04x}' for s in statuses)}")
        return
    raise Failure("the login was not refused")


def alive(session, lun=0):
    r = session.ready(lun)
    expect(r.status == GOOD, f"TEST UNIT READY: {r}")


def gone(session, seconds=5):
    expect(session.closed(seconds), "the session is still there")


def verify(session, lun, first, blocks, seed=None):
    """Writes random data and reads it back."""
    data = os.urandom(blocks * 512) if seed is None else (seed * (blocks * 512 // len(seed) + 1))[:blocks * 512]
    r = session.write(first, data, lun)
    expect(r.status == GOOD, f"write to LUN {lun}: {r}")
    r = session.read(first, blocks, lun)
    expect(r.status == GOOD and r.data == data, f"LUN {lun} gave other data at block {first}")


def sense_of(notice):
    return str(parse_sense(notice.data))


def events(session):
    return [n.bhs[36] for n in session.notices]


def wait_notice(session, good, seconds=5):
    """Reads until a notice is good; what else comes is an error."""
    until = time.monotonic() + seconds
    session.sock.settimeout(0.2)
    try:
        while not any(good(n) for n in session.notices):
            expect(time.monotonic() < until, f"no such notice; there were {[n.bhs[36] for n in session.notices]}")
            try:
                session.other(session.recv())
            except socket.timeout:
                pass
    finally:
        session.sock.settimeout(30)


def start_writes(session, lun, count, size=4096):
    """That many writes with all their data in the command; their tags."""
    tags = []
    for i in range(count):
        cdb = struct.pack(">BBQIBB", 0x8a, 0, i * size // 512, size // 512, 0, 0)
        tags.append(session.next_itt())
        session.send(session.command_pdu(cdb, lun, tags[-1], 0, bytes(size), immediate=size))
    return tags


def results(session, tags, seconds=30):
    """The results of commands in flight: {tag: Result}."""
    out, until = {}, time.monotonic() + seconds
    while len(out) < len(tags):
        expect(time.monotonic() < until, f"{len(tags) - len(out)} of {len(tags)} commands were not answered")
        p = session.recv()
        if pdu.opcode(p) == pdu.SCSI_RSP:
            session.exp_stat_sn = pdu.word(p, 24) + 1
            out[pdu.word(p, 16)] = Result(p.bhs[3], b"", parse_sense(p.data))
        else:
            session.other(p)
    return out


def attention(session, lun=0):
    """The next unit attention of the LUN, "" when there is none."""
    r = session.command(TEST_UNIT_READY, lun)
    return str(r.sense) if r.status == CHECK_CONDITION and r.sense.key == 6 else ""


def logged(z, name):
    """The events of that name among the last ones."""
    return [e for e in z.zsan("event", "list") if e["text"].split()[0] == name]


def session_ids(z, initiator=None):
    return {s["id"] for s in z.zsan("session", "list") if initiator in (None, s["initiator"])}


def free_port6():
    with socket.socket(socket.AF_INET6) as s:
        s.bind(("::1", 0))
        return s.getsockname()[1]
