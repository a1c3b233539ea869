# SPDX-License-Identifier: BSD-2-Clause
"""Backing files that misbehave: missing, shrunk, on a full file system. The LUN says precisely what is wrong, other LUNs go on,
and it comes back by itself."""
import os
import subprocess
import time

from bench import BYSTANDER
from child import wait_for
from initiator import CHECK_CONDITION, GOOD
from tap import expect

NOT_READY, NO_SPACE = (2, 4, 1), (7, 0x27, 7)
SIZE = 64 << 20
BLOCK = 64 << 10

LOGS_ERRORS = True  # they are what an operator must act on


def make_file(z, name, size=SIZE):
    path = z.state.parent / (name + ".img")
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def lun(z, name, **volume):
    """A target with this one volume, reachable by the bystander."""
    z.volume(name, **volume)
    z.target(name, [name])
    z.grant(BYSTANDER, name)


def state(z, name):
    return z.zsan("volume", "show", name)["state"]


def missing(z):
    """a missing file: 02/04/01, not gone for good, and back by itself when it appears"""
    path = make_file(z, "lost")
    lun(z, "lost", path=path)
    with z.session("lost", BYSTANDER) as s:
        s.ready()
        expect(s.write(0, b"x" * 512).status == GOOD, "write")
    z.stop()
    os.rename(path, str(path) + ".away")
    z.start()
    with z.session("lost", BYSTANDER) as s:
        s.ready()
        r = s.read(0, 1)
        expect(r.status == CHECK_CONDITION and r.sense == NOT_READY, f"heard {r}")
        r = s.command(bytes([0x12, 0, 0, 0, 96, 0]), read=96)
        expect(r.data[:1] == b"\0", f"INQUIRY does not say that there is a disk: {r}")
        expect(state(z, "lost") == "waiting", f"its state is {state(z, 'lost')}")
        os.rename(str(path) + ".away", path)
        wait_for("the file is found", lambda: state(z, "lost") == "online", 30)
        s.ready()
        r = s.read(0, 1)
        expect(r.status == GOOD and r.data == b"x" * 512, f"afterwards {r.status} {r.sense}")


def shrunk(z):
    """a file that shrank under the daemon: reads behind its end fail with a medium error or worse, never with made-up data"""
    path = make_file(z, "shrunk")
    lun(z, "shrunk", path=path)
    with z.session("shrunk", BYSTANDER) as s:
        s.ready()
        expect(s.write(0, b"a" * BLOCK).status == GOOD, "write")
        expect(s.write(SIZE // 512 - BLOCK // 512, b"z" * BLOCK).status == GOOD, "write")
        os.truncate(path, SIZE // 2)
        r = s.read(SIZE // 512 - BLOCK // 512, BLOCK // 512)
        expect(r.status == CHECK_CONDITION and r.sense.key in (2, 3, 4), f"heard {r.status} {r.sense}")
        r = s.read(0, BLOCK // 512)
        expect(r.status == GOOD and r.data == b"a" * BLOCK, f"what is left reads as {r.status} {r.sense}")


def smaller_at_start(z):
    """a file that is smaller than it was when the daemon starts is not served with a hole at its end unsaid"""
    path = make_file(z, "cut")
    lun(z, "cut", path=path)
    z.stop()
    os.truncate(path, SIZE // 2)
    z.start()
    with z.session("cut", BYSTANDER) as s:
        s.ready()
        r = s.read(SIZE // 512 - 1, 1)
        expect(r.status == CHECK_CONDITION, f"heard {r.status}")


def mount_small(where):
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", where], check=True)


def fill(s, lba):
    """Writes until there is an error: the result of the failed write and where it was."""
    while lba < SIZE // 512:
        r = s.write(lba, os.urandom(BLOCK))
        if r.status != GOOD:
            return r, lba
        lba += BLOCK // 512
    raise AssertionError("64 MiB fitted into 16")


def full(z):
    """a full file system: 07/27/07, what was written stays, and writes work again when there is room"""
    where = z.state.parent / "small"
    mount_small(where)
    path = where / "thin.img"
    with open(path, "wb") as f:
        f.truncate(SIZE)
    lun(z, "thin", path=path)
    with z.session("thin", BYSTANDER) as s:
        s.ready()
        first = os.urandom(BLOCK)
        expect(s.write(0, first).status == GOOD, "the first write")
        ballast = where / "ballast"
        ballast.write_bytes(bytes(4 << 20))
        r, lba = fill(s, BLOCK // 512)
        expect(r.status == CHECK_CONDITION and r.sense == NO_SPACE, f"heard {r.status} {r.sense}")
        expect(s.read(0, BLOCK // 512).data == first, "what was written before has changed")
        expect(s.write(0, first).status == GOOD, "a write to blocks that are there")
        expect(s.ready().status == GOOD, "the LUN went away")
        ballast.unlink()
        expect(s.write(lba, first).status == GOOD, "a write after there is room")
        expect(s.read(lba, BLOCK // 512).data == first, "it reads back")
    z.zsan("volume", "delete", "thin", "--force")
    time.sleep(0.2)
    subprocess.run(["umount", where], check=True)


def tests(z):
    for what in (missing, shrunk, smaller_at_start, full):
        yield what.__doc__, lambda what=what: what(z)
