# SPDX-License-Identifier: BSD-2-Clause
"""PDUs that no initiator should send, in the full feature phase. A row says what is sent and what must come back, in words of
heard(); a ping behind it shows whether the connection lives."""
import os
import random
import struct

import pdu
from bench import TARGET, VILLAIN
from initiator import parse_sense
from pdu import FINAL, IMMEDIATE, NO_TAG, build
from tap import Failure, expect

PING = 0x70696e67
QUIET = 0.15  # seconds
WRITE10 = struct.pack(">BBIBHx", 0x2a, 0, 0, 0, 16)
READ10 = struct.pack(">BBIBHx", 0x28, 0, 0, 0, 16)
LENGTH = 16 * 512


def ping(s):
    return build(pdu.NOP_OUT | IMMEDIATE, itt=PING, words=(NO_TAG, s.cmd_sn, s.exp_stat_sn))


def heard(s):
    """What the target says until it is quiet after its answer to the ping, or ends the connection, such as "reject 09, pong"."""
    out, end = [], []
    try:
        while True:
            p = s.recv()
            op = pdu.opcode(p)
            if op == pdu.NOP_IN and pdu.word(p, 16) == PING:
                end = ["pong"]
                s.sock.settimeout(QUIET)
            elif op == pdu.REJECT:
                out.append(f"reject {p.bhs[2]:02x}")
            elif op == pdu.SCSI_RSP:
                out.append(f"sense {parse_sense(p.data)}" if p.data else f"status {p.bhs[3]:02x}")
            elif op == pdu.TMF_RSP:
                out.append(f"tmf {p.bhs[2]:02x}")
            elif op == pdu.LOGOUT_RSP:
                out.append(f"logout {p.bhs[2]:02x}")
            elif op not in (pdu.R2T, pdu.ASYNC, pdu.DATA_IN, pdu.NOP_IN):
                out.append(f"opcode {op:02x}")
    except EOFError:
        end = ["dropped"]
    except TimeoutError:
        end = end or ["silence"]
    return ", ".join(out + end)


def command(s, cdb=WRITE10, flags=FINAL | pdu.WRITE | 1, length=LENGTH, itt=None, sn=None, data=b"", **kwargs):
    itt = s.next_itt() if itt is None else itt
    if sn is None:
        sn, s.cmd_sn = s.cmd_sn, s.cmd_sn + 1
    return build(pdu.SCSI_CMD, flags, itt=itt, words=(length, sn, s.exp_stat_sn), tail=cdb.ljust(16, b"\0"), data=data,
                 **kwargs)


def data_out(s, itt, ttt, sn=0, at=0, data=bytes(LENGTH), flags=FINAL):
    return build(pdu.DATA_OUT, flags, itt=itt, words=(ttt, 0, s.exp_stat_sn, 0, sn, at, 0), data=data)


def answering_r2t(make):
    """A write whose R2T is answered by what make(session, itt, ttt) says."""
    def send(s):
        first = command(s)
        s.send(first)
        r2t = s.recv()
        expect(pdu.opcode(r2t) == pdu.R2T, f"opcode {pdu.opcode(r2t):#x} instead of an R2T")
        return make(s, s.itt, pdu.word(r2t, 20))
    return send


def twice_the_command(s):
    tag = s.next_itt()
    return command(s, itt=tag) + command(s, itt=tag)


def duplicate_cmd_sn(s):
    return command(s, READ10, FINAL | pdu.READ | 1) + command(s, READ10, FINAL | pdu.READ | 1, sn=s.cmd_sn - 1)


def strange_lun(s):
    whole = command(s, READ10, FINAL | pdu.READ | 1)
    return whole[:8] + b"\xff" * 8 + whole[16:]


# name, what is sent (of the session), what must be heard
CASES = [
    ("an opcode that does not exist", lambda s: build(0x1f | IMMEDIATE, itt=9), "reject 05, pong"),
    ("an opcode of targets", lambda s: build(pdu.SCSI_RSP, itt=9), "reject 05, pong"),
    ("a second login", lambda s: build(pdu.LOGIN | IMMEDIATE, 0x87, itt=9), "reject 05, pong"),
    ("a SNACK", lambda s: build(pdu.SNACK, itt=NO_TAG, words=(NO_TAG, 0, s.exp_stat_sn)), "reject 03, pong"),
    ("more data than MaxRecvDataSegmentLength", lambda s: build(pdu.NOP_OUT, itt=9, dsl=0xffffff), "reject 09, dropped"),
    ("255 words of additional headers", lambda s: command(s, READ10, FINAL | pdu.READ | 1, ahs=255,
                                                          data=os.urandom(1020), dsl=0), "reject 09, pong"),
    ("a command number far outside the window", lambda s: command(s, sn=s.cmd_sn + 100000), "pong"),
    ("a command number from before", lambda s: command(s, sn=s.cmd_sn - 5), "pong"),
    ("a command number twice", duplicate_cmd_sn, "pong"),
    ("a task tag that is in use", twice_the_command, "reject 07, pong"),
    ("the reserved task tag", lambda s: command(s, itt=NO_TAG), "reject 09, pong"),
    ("Data-Out for no task", lambda s: data_out(s, 999, 7), "pong"),
    ("Data-Out behind the end", answering_r2t(lambda s, i, t: data_out(s, i, t, at=1 << 30)), "sense 0b/0c/0d, pong"),
    ("Data-Out that wraps around", answering_r2t(lambda s, i, t: data_out(s, i, t, at=0xffffff00)), "sense 0b/0c/0d, pong"),
    ("Data-Out longer than asked for", answering_r2t(lambda s, i, t: data_out(s, i, t, data=bytes(2 * LENGTH))),
     "sense 0b/0c/0d, pong"),
    ("Data-Out with a hole before it", answering_r2t(lambda s, i, t: data_out(s, i, t, at=512, data=bytes(512))),
     "sense 0b/0c/0d, pong"),
    ("Data-Out out of order", answering_r2t(lambda s, i, t: data_out(s, i, t, sn=1)), "sense 0b/47/05, pong"),
    ("Data-Out twice", answering_r2t(lambda s, i, t: data_out(s, i, t) * 2),
     "reject 09, status 00, pong | status 00, pong"),  # the second may find the task ended
    ("Data-Out with another transfer tag", answering_r2t(lambda s, i, t: data_out(s, i, t + 77)), "reject 09, pong"),
    ("immediate data beyond FirstBurstLength",
     lambda s: command(s, length=1 << 20, data=bytes(128 << 10)), "sense 0b/0c/0c, pong"),
    ("more immediate data than the transfer", lambda s: command(s, length=512, data=bytes(4096)), "reject 09, pong"),
    ("read and write at once", lambda s: command(s, flags=FINAL | pdu.READ | pdu.WRITE | 1, data=bytes(LENGTH)),
     "sense 05/20/00, pong"),
    ("a task management function that does not exist",
     lambda s: build(pdu.TMF | IMMEDIATE, FINAL | 99, itt=9, words=(NO_TAG, s.cmd_sn, s.exp_stat_sn)), "tmf 05, pong"),
    ("aborting a task that is not there",
     lambda s: build(pdu.TMF | IMMEDIATE, FINAL | 1, itt=9, words=(12345, s.cmd_sn, s.exp_stat_sn, s.cmd_sn)),
     "tmf 01, pong"),
    ("resetting a LUN that is not there",
     lambda s: build(pdu.TMF | IMMEDIATE, FINAL | 5, lun=77, itt=9, words=(NO_TAG, s.cmd_sn, s.exp_stat_sn)),
     "tmf 02, pong"),
    ("logout of another connection", lambda s: build(pdu.LOGOUT | IMMEDIATE, FINAL | 1, itt=9,
                                                      words=(0x00090000, s.cmd_sn, s.exp_stat_sn)), "logout 01, pong"),
    ("text that is no key", lambda s: build(pdu.TEXT | IMMEDIATE, itt=9, words=(NO_TAG, s.cmd_sn, s.exp_stat_sn),
                                            data=bytes(range(1, 200))), "reject 04, pong"),
    ("text with a transfer tag of nobody", lambda s: build(pdu.TEXT | IMMEDIATE, itt=9, words=(5, s.cmd_sn, s.exp_stat_sn),
                                                           data=b"SendTargets=\0"), "reject 04, pong"),
    ("an answer to a ping of nobody", lambda s: build(pdu.NOP_OUT | IMMEDIATE, itt=NO_TAG,
                                                      words=(1234, s.cmd_sn, s.exp_stat_sn)), "pong"),
    ("a CDB of ones", lambda s: command(s, b"\xff" * 16, FINAL | 1, 0), "sense 05/20/00, pong"),
    ("a LUN of another kind", strange_lun, "sense 05/25/00, pong"),
]


def attack(z, make, want):
    with z.session(TARGET, VILLAIN, timeout=10) as s:
        s.ready()
        s.send(make(s))
        try:
            s.send(ping(s))
        except EOFError:
            pass
        got = heard(s)
        expect(got in want.split(" | "), f"heard {got!r}, wanted {want!r}")


def cut_short(z, rng):
    """connections that end in the middle of a PDU"""
    with z.session(TARGET, VILLAIN) as s:
        s.ready()
        whole = command(s, data=bytes(LENGTH))
        s.send(whole[:rng.randrange(1, len(whole))])


def noise(z, rng):
    """random bytes instead of PDUs, from the first one or after the login"""
    if rng.random() < 0.5:
        s = pdu.Wire(z.address())
    else:
        s = z.session(TARGET, VILLAIN)
    with s:
        try:
            s.send(rng.randbytes(rng.randrange(1, 20000)))
            s.sock.settimeout(0.02)
            s.recv()
        except (EOFError, OSError):
            pass


def bent(z, rng):
    """sound PDUs with a few bytes changed"""
    makers = [case[1] for case in CASES] + [ping, lambda s: command(s, READ10, FINAL | pdu.READ | 1)]
    with z.session(TARGET, VILLAIN, timeout=10) as s:
        try:
            s.ready()
            s.sock.settimeout(0.3)
            for _ in range(8):
                data = bytearray(rng.choice(makers)(s))
                for _ in range(rng.randrange(1, 4)):
                    data[rng.randrange(min(len(data), pdu.BHS_LEN))] = rng.randrange(256)
                s.send(data)
            s.sock.settimeout(0.02)
            while True:
                s.recv()
        except (EOFError, OSError, Failure):
            pass


def tests(z):
    for name, make, want in CASES:
        yield f"{name}: {want}", lambda make=make, want=want: attack(z, make, want)
    rng = random.Random(7143)
    for what, times in ((cut_short, 50), (noise, 100), (bent, 100)):
        yield what.__doc__, lambda what=what, times=times: [what(z, rng) for _ in range(times)]
