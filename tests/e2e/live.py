# SPDX-License-Identifier: BSD-2-Clause
"""Changes while initiators work: they are told of what concerns them, and keep their sessions."""
import struct

import child
from initiator import GOOD
from peer import (ASYNC_SENSE, CAPACITY_CHANGED, LUNS_CHANGED, NAME, OTHER, alive, attention, results, sense_of, session_ids,
                  start_writes, verify, wait_notice)
from tap import expect
from zsand import IQN

TASK_ABORTED, NO_LUN = 0x40, "05/25/00"


def serve(z):
    z.portal()
    z.volume("a", "64M", engine="mem")
    z.volume("b", "64M", engine="file")
    z.volume("c", "64M", engine="mem")
    z.target("t", ["a"])
    z.initiator(NAME)
    z.grant(NAME, "t")


def luns(s):
    r = s.command(bytes([0xa0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0]), read=1024)
    n = struct.unpack_from(">I", r.data)[0] // 8
    return sorted(r.data[8 + 8 * i + 1] for i in range(n))


def told(kind):
    return lambda notice: notice.bhs[36] == ASYNC_SENSE and sense_of(notice) == kind


def lun_comes_and_goes(z):
    """a LUN that comes or goes: a notice, a unit attention, the same session"""
    with z.session("t", NAME) as s:
        alive(s)
        before = session_ids(z)
        z.zsan("lun", "add", IQN + "t", "b", "--lun", 5)
        wait_notice(s, told(LUNS_CHANGED))
        expect(attention(s) == LUNS_CHANGED, "no unit attention")
        expect(luns(s) == [0, 5], f"{luns(s)}")
        alive(s, 5)
        verify(s, 5, 128, 256)
        s.notices.clear()
        z.zsan("lun", "remove", IQN + "t", 5)
        wait_notice(s, told(LUNS_CHANGED))
        expect(attention(s) == LUNS_CHANGED, "no unit attention")
        expect(luns(s) == [0], f"{luns(s)}")
        expect(str(s.command(bytes(6), 5).sense) == NO_LUN, "the LUN is still there")
        expect(session_ids(z) == before, "the session ended")


def answered(z):
    """commands on a LUN that goes are answered, not left to time out"""
    z.zsan("lun", "add", IQN + "t", "c", "--lun", 7)
    with z.session("t", NAME) as s:
        alive(s, 7)
        z.zsan("volume", "set", "c", "--iops-limit", 2)
        tags = start_writes(s, 7, 8)
        z.zsan("lun", "remove", IQN + "t", 7)
        done = results(s, tags, seconds=15)
        kinds = {r.status for r in done.values()}
        expect(kinds <= {GOOD, TASK_ABORTED} and TASK_ABORTED in kinds, f"statuses {kinds}")
        alive(s)


def grows(z):
    """a volume grows: a notice, a unit attention, the new size, the same session"""
    with z.session("t", NAME) as s:
        alive(s)
        before = session_ids(z)
        z.zsan("volume", "resize", "a", "96M")
        wait_notice(s, told(CAPACITY_CHANGED))
        expect(attention(s) == CAPACITY_CHANGED, "no unit attention")
        last = struct.unpack_from(">Q", s.command(bytes([0x9e, 0x10] + [0] * 11 + [32]), read=32).data)[0]
        expect(last + 1 == (96 << 20) // 512, f"last block {last}")
        verify(s, 0, last - 63, 64)
        expect(session_ids(z) == before, "the session ended")


def nothing_lost(z):
    """changes that concern nobody's session end none"""
    changes = [
        ("target", "set", IQN + "t", "--alias", "another"),
        ("volume", "create", "new", "--size", "16M", "--engine", "mem"),
        ("volume", "set", "a", "--iops-limit", 100000),
        ("volume", "set", "a", "--threshold-pct", 10),
        ("volume", "set", "b", "--sync", "standard"),
        ("initiator", "add", OTHER),
        ("grant", "add", OTHER, IQN + "t"),
        ("grant", "rotate", NAME, IQN + "t"),
        ("host", "add", "box"),
        ("initiator", "set", NAME, "--host", "box"),
        ("target", "create", IQN + "more"),
        ("limits", "set", "--tasks-per-session", 32),
        ("portal", "add", "127.0.0.1", "--port", child.free_port(), "--group", 9),
        ("initiator", "remove", OTHER),
        ("target", "delete", IQN + "more"),
        ("volume", "delete", "new"),
    ]
    with z.session("t", NAME) as s:
        alive(s)
        before = session_ids(z)
        for change in changes:
            z.zsan(*change)
            alive(s)
            verify(s, 0, 1024, 64)
            expect(session_ids(z) == before, f"zsan {' '.join(map(str, change))} ended the session")


CASES = [lun_comes_and_goes, answered, grows, nothing_lost]
