# SPDX-License-Identifier: BSD-2-Clause
"""Limits of volumes, counted over some seconds: generous bounds, for the machine may be busy, but a limit that does nothing or
stops everything is found."""
import time

from initiator import GOOD
from peer import NAME, alive, results, start_writes
from tap import expect

SECONDS = 2.5


def serve(z):
    z.portal()
    z.volume("v", "64M", engine="mem")
    z.volume("free", "64M", engine="mem")
    z.target("t", ["v", "free"])
    z.initiator(NAME)
    z.grant(NAME, "t")


def count(s, lun, size):
    """Writes that were answered, and in which time."""
    done, start = 0, time.monotonic()
    while time.monotonic() - start < SECONDS:
        answers = results(s, start_writes(s, lun, 8, size))
        expect(all(r.status == GOOD for r in answers.values()), f"{answers}")
        done += len(answers)
    return done, time.monotonic() - start


def operations(z):
    """operations a second: not more than the limit, not much less, and none lifted"""
    z.zsan("volume", "set", "v", "--iops-limit", 40)
    with z.session("t", NAME) as s:
        alive(s)
        done, took = count(s, 0, 4096)
        expect(0.5 * 40 * took < done < 40 * (took + 0.5) + 8, f"{done} operations in {took:.1f} s")
        alive(s, 1)
        free, _ = count(s, 1, 4096)
        expect(free > 2 * done, f"the volume without a limit did {free}")
        z.zsan("volume", "set", "v", "--iops-limit", 0)
        lifted, _ = count(s, 0, 4096)
        expect(lifted > 2 * done, f"{lifted} operations after the limit was lifted")


def bandwidth(z):
    """bytes a second: not more than the limit, and not much less"""
    limit = 2 << 20
    z.zsan("volume", "set", "v", "--bandwidth-limit", limit)
    with z.session("t", NAME) as s:
        alive(s)
        done, took = count(s, 0, 65536)
        moved = done * 65536
        expect(0.5 * limit * took < moved < limit * (took + 0.5) + (1 << 20), f"{moved} bytes in {took:.1f} s")
    z.zsan("volume", "set", "v", "--bandwidth-limit", 0)


CASES = [operations, bandwidth]
