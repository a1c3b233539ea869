# SPDX-License-Identifier: BSD-2-Clause
"""Initiators that do not do their part: they do not read, do not send what they announced, do not answer. Others do not notice, and
the memory that is held for them stays bounded."""
import os
import struct
import time

import pdu
from bench import BYSTANDER, TARGET, VILLAIN, verified_io
from pdu import FINAL, IMMEDIATE
from tap import expect

BIG = 32 << 20
MEMORY = 64 << 20  # limit of data on its way in these tests


def read16(blocks):
    return struct.pack(">BBQIBB", 0x88, 0, 0, blocks, 0, 0)


def write16(blocks):
    return struct.pack(">BBQIBB", 0x8a, 0, 0, blocks, 0, 0)


def grown(z, before, limit):
    now = z.rss_mib()
    expect(now < before + limit, f"zsand grew from {before:.0f} to {now:.0f} MiB")


def no_reading(z):
    """peers that ask for 32 MiB again and again and do not read: their memory is bounded, others go on, and they are dropped"""
    z.limits(data_memory=MEMORY, nop_interval_ms=1000, nop_timeout_ms=2000)
    before = z.rss_mib()
    sessions = [z.session(TARGET, VILLAIN) for _ in range(4)]
    for s in sessions:
        s.ready()
        for _ in range(64):
            s.send(s.command_pdu(read16(BIG // 512), 0, s.next_itt(), BIG, b""))
    for _ in range(4):
        verified_io(z)
        grown(z, before, (MEMORY >> 20) + 100)
        time.sleep(0.5)
    ids = lambda: [x for x in z.zsan("session", "list") if x["initiator"] == VILLAIN]  # noqa: E731
    deadline = time.monotonic() + 40
    while ids() and time.monotonic() < deadline:
        verified_io(z)
        time.sleep(1)
    expect(not ids(), "a peer that does not read is still there")
    for s in sessions:
        s.close()


def no_sending(z):
    """peers that announce writes and never send the data: others go on, and get room"""
    z.limits(data_memory=MEMORY)
    before = z.rss_mib()
    sessions = [z.session(TARGET, VILLAIN) for _ in range(8)]
    for s in sessions:
        s.ready()
        for _ in range(64):
            itt = s.next_itt()
            s.send(pdu.build(pdu.SCSI_CMD, FINAL | pdu.WRITE | 1, itt=itt, words=(BIG, s.cmd_sn, s.exp_stat_sn),
                             tail=write16(BIG // 512)))
            s.cmd_sn += 1
    for _ in range(4):
        grown(z, before, (MEMORY >> 20) + 100)
        time.sleep(0.3)
    for s in sessions:
        s.close()
    verified_io(z)


def no_answers(z):
    """a peer that does not answer pings is dropped, one that does stays"""
    z.limits(nop_interval_ms=1000, nop_timeout_ms=1000)
    silent, polite = z.session(TARGET, VILLAIN), z.session(TARGET, BYSTANDER)
    deadline = time.monotonic() + 6
    polite.sock.settimeout(0.2)
    while time.monotonic() < deadline:
        try:
            polite.other(polite.recv())
        except TimeoutError:
            pass
    expect(silent.closed(3), "the silent one is still there")
    polite.sock.settimeout(10)
    expect(polite.ready().status == 0, "the polite one is gone")
    polite.logout()


def vanished(z):
    """sessions whose peers vanish in the middle of writes leave nothing behind"""
    before = z.zsan("status")["totals"]
    for _ in range(50):
        s = z.session(TARGET, VILLAIN)
        s.ready()
        s.send(s.command_pdu(write16(2048), 0, s.next_itt(), 0, bytes(2048 * 512)))
        s.close()
    deadline = time.monotonic() + 10
    while z.zsan("status")["totals"]["sessions"] > before["sessions"] and time.monotonic() < deadline:
        time.sleep(0.1)
    after = z.zsan("status")["totals"]
    expect(after["sessions"] <= before["sessions"], f"{after['sessions']} sessions are left")
    expect(after["data_used"] <= before["data_used"], f"{after['data_used']} bytes of data are held")


def talks_on(z):
    """peers that talk on after their logout hear its answer and the end, not a reset; a hundred of them take no place for long"""
    talkers = []
    for _ in range(100):
        s = z.session(TARGET, VILLAIN, isid=os.urandom(6))
        s.send(pdu.build(pdu.LOGOUT | IMMEDIATE, itt=1, words=(0, s.cmd_sn, s.exp_stat_sn)))
        talkers.append(s)
        s.send(bytes(256 << 10) if len(talkers) <= 8 else bytes(48))
    for s in talkers[:8]:
        expect(pdu.opcode(s.recv()) == pdu.LOGOUT_RSP, "the answer to the logout")
        expect(s.sock.recv(1) == b"", "more than the answer")
    time.sleep(1.5)
    left = z.zsan("status")["totals"]["connections"]
    expect(left == 0, f"{left} connections are left")
    for s in talkers:
        s.close()


def tests(z):
    for what in (no_reading, no_sending, no_answers, vanished, talks_on):
        yield what.__doc__, lambda what=what: run(z, what)


def run(z, what):
    try:
        what(z)
    finally:
        z.limits(data_memory=0, nop_interval_ms=15000, nop_timeout_ms=10000)
