# SPDX-License-Identifier: BSD-2-Clause
"""A registration that changes as fast as it is acknowledged, with a reservation, both to survive loss of power (APTPL): after the
cut the key must be the last one acknowledged."""
import struct
import time

from initiator import GOOD
from tap import expect

EXCLUSIVE_ACCESS = 3
RESERVE, REGISTER_AND_IGNORE = 1, 6
READ_KEYS, READ_RESERVATION = 0, 1


def _out(session, lun, action, key, new_key=0, pr_type=0):
    cdb = struct.pack(">BBBxxIx", 0x5f, action, pr_type, 24)
    return session.command(cdb, lun, write=struct.pack(">QQ4xBxxx", key, new_key, 1))


def _in(session, lun, action):
    return session.command(struct.pack(">BBxxxxxHx", 0x5e, action, 512), lun, read=512).data


class Fence:
    def __init__(self, session, lun):
        self.session, self.lun = session, lun
        self.acknowledged = 0

    def _register(self, new_key):
        r = _out(self.session, self.lun, REGISTER_AND_IGNORE, 0, new_key)
        expect(r.status == GOOD, f"registering key {new_key}: {r}")
        self.acknowledged = new_key

    def reserve(self):
        self.session.ready(self.lun)
        self._register(1)
        r = _out(self.session, self.lun, RESERVE, 1, pr_type=EXCLUSIVE_ACCESS)
        expect(r.status == GOOD, f"reserving: {r}")

    def keep_changing(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._register(self.acknowledged + 1)

    def missing(self, session):
        """A list of what is not as it was acknowledged, seen by another session."""
        session.ready(self.lun)
        keys = _in(session, self.lun, READ_KEYS)
        held = _in(session, self.lun, READ_RESERVATION)
        out = []
        key = struct.pack(">Q", self.acknowledged)
        if keys[8:] != key:
            out.append(f"registered keys {keys[8:].hex()}, acknowledged {key.hex()}")
        if held[8:16] != key or held[21:22] != bytes([EXCLUSIVE_ACCESS]):
            out.append(f"reservation {held.hex()}")
        return out
