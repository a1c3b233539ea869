# SPDX-License-Identifier: BSD-2-Clause
"""Sessions: the same one again, many at once, ended by the operator, and what outlives them."""
import struct

from initiator import GOOD
from peer import ASYNC_DROP, NAME, OTHER, alive, events, gone, refused, session_ids, verify
from tap import expect
from zsand import IQN

ISID = b"\x80\x12\x34\x56\x00\x01"
KEY = 0x1122334455667788


def serve(z):
    z.portal()
    z.volume("v", "64M", engine="mem", policy="cluster")
    z.target("t", ["v"])
    z.target("u", ["v"])
    for name in (NAME, OTHER):
        z.initiator(name)
        z.grant(name, "t")
        z.grant(name, "u")


def register(s, key):
    return s.command(bytes([0x5f, 0, 0, 0, 0, 0, 0, 0, 24]), write=struct.pack(">QQ8x", 0, key))


def keys(s):
    r = s.command(bytes([0x5e, 0, 0, 0, 0, 0, 0, 1, 0]), read=256)
    count = struct.unpack_from(">I", r.data, 4)[0] // 8
    return list(struct.unpack_from(f">{count}Q", r.data, 8))


def reinstated(z):
    """the same session again ends the old one and keeps its registrations"""
    old = z.session("t", NAME, isid=ISID)
    alive(old)
    expect(register(old, KEY).status == GOOD, "registration")
    other = z.session("t", NAME)  # another ISID: another session
    new = z.session("t", NAME, isid=ISID)
    gone(old)
    alive(new)
    alive(other)
    expect(KEY in keys(new), "the registration is gone")
    expect(register(new, KEY).status != GOOD, "it is registered already: the nexus is the same")
    expect(len(session_ids(z, NAME)) == 2, "sessions")
    new.logout()
    other.logout()


def dropped(z):
    """the operator drops one session: it is told, it ends, and may come again"""
    with z.session("t", NAME) as s, z.session("t", OTHER) as bystander:
        alive(s)
        (number,) = session_ids(z, NAME)
        z.zsan("session", "drop", number)
        try:
            while True:
                s.other(s.recv())
        except EOFError:
            pass
        expect(ASYNC_DROP in events(s), f"notices {events(s)}")
        alive(bystander)
    z.session("t", NAME).logout()


def revoked(z):
    """a grant that is taken back ends the sessions of that pair and no other"""
    with z.session("t", NAME) as gone_soon, z.session("u", NAME) as same_host, z.session("t", OTHER) as same_target:
        z.zsan("grant", "remove", NAME, IQN + "t")
        gone(gone_soon)
        alive(same_host)
        alive(same_target)
        with refused(0x0201):
            z.session("t", NAME)
        z.grant(NAME, "t")
        z.session("t", NAME).logout()


def disabled(z):
    """a target that is disabled ends its sessions and comes back"""
    with z.session("t", NAME) as s, z.session("u", NAME) as other:
        z.zsan("target", "set", IQN + "t", "--disabled")
        gone(s)
        alive(other)
        with refused(0x0201, 0x0203):
            z.session("t", NAME)
        z.zsan("target", "set", IQN + "t", "--no-disabled")
        z.session("t", NAME).logout()


def two_on_one(z):
    """two sessions on one LUN, through two targets, see each other's writes"""
    with z.session("t", NAME) as a, z.session("u", OTHER) as b:
        alive(a)
        alive(b)
        for i in range(50):
            writer, reader = (a, b) if i % 2 else (b, a)
            verify(writer, 0, i * 64, 64, seed=bytes([i + 1]))
            expect(reader.read(i * 64, 64).data == bytes([i + 1]) * 32768, f"round {i}")


def crowd(z):
    """two hundred sessions at once, all alive"""
    sessions = [z.session("t", NAME) for _ in range(200)]
    try:
        for s in sessions:
            alive(s)
        expect(len(session_ids(z, NAME)) == 200, "sessions")
    finally:
        for s in sessions:
            s.close()


CASES = [reinstated, dropped, revoked, disabled, two_on_one, crowd]
