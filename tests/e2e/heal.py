# SPDX-License-Identifier: BSD-2-Clause
"""Dying disks as a host sees them: it reads and writes all the time, checks what it reads, and must not notice."""
import random
import threading
import time

import child
import stallfs
from contextlib import contextmanager
from initiator import CHECK_CONDITION, GOOD, LoginError
from peer import NAME, logged
from pools import pool_state, served
from tap import expect, note
from zsand import Zsand, work_dir

OWN_DAEMONS = True
BLOCK, CHUNK, CHUNKS = 512, 32 << 10, 256
DISK = 96 << 20
LABELS = (4 << 20, 512 << 10)   # what lies before and behind the data of a disk
UNSETTLED = ("06/29/00", "06/29/01", "06/29/02", "06/29/03", "06/29/07", "02/04/01") # after a login; kernels go on
missing = stallfs.missing


class Host(threading.Thread):
    """Writes and reads chunks of LUN 0 at random and knows what each must hold. As a kernel would, it logs in again when its
    connection ends, and repeats what had no answer."""

    def __init__(self, z):
        super().__init__(daemon=True)
        self.z, self.longest = z, 0
        self.session = z.session("t", NAME, timeout=120)
        expect(self.session.ready().status == GOOD, "not ready")
        self.random, self.holds = random.Random(1), {}
        self.done, self.wrong, self.ending, self.forgiving = 0, [], False, False

    def data(self, chunk):
        seed = self.holds.get(chunk)
        return bytes(CHUNK) if seed is None else random.Random(seed).randbytes(CHUNK)

    def ask(self, verb, *args):
        start = time.monotonic()
        while True:
            try:
                r = getattr(self.session, verb)(*args)
                if str(r.sense) not in UNSETTLED:
                    self.longest = max(self.longest, time.monotonic() - start)
                    return r
            except (OSError, EOFError):
                child.wait_for("a login", self.login, 60)

    def login(self):
        try:
            self.session = self.z.session("t", NAME, timeout=120)
            return True
        except (OSError, EOFError, LoginError):
            return False

    def write(self, chunk):
        seed = self.random.random()
        before = self.holds.get(chunk)
        self.holds[chunk] = seed
        r = self.ask("write", chunk * CHUNK // BLOCK, self.data(chunk))
        if r.status != GOOD:
            self.holds[chunk] = before
        return r

    def read(self, chunk):
        r = self.ask("read", chunk * CHUNK // BLOCK, CHUNK // BLOCK)
        if r.status == GOOD and r.data != self.data(chunk):
            self.wrong.append(f"chunk {chunk}: other data")
        return r

    def run(self):
        try:
            while not self.ending:
                r = self.random.choice((self.write, self.read))(self.random.randrange(CHUNKS))
                if r.status != GOOD and not self.forgiving:
                    self.wrong.append(str(r))
                self.done += r.status == GOOD
        except Exception as e:  # pylint: disable=broad-except
            self.wrong.append(repr(e))

    def goes_on(self, operations=20, seconds=60):
        """So many more without an error."""
        until = self.done + operations
        child.wait_for("the host's I/O", lambda: self.wrong or self.done >= until, seconds)
        expect(not self.wrong, f"{self.wrong[:3]}")

    def waits(self, seconds=2):
        time.sleep(0.5)
        before = self.done
        time.sleep(seconds)
        expect(self.done <= before + 1 and not self.wrong, f"{self.done - before} operations, {self.wrong[:3]}")

    def end(self):
        """All it ever wrote is there."""
        self.ending = True
        self.join()
        expect(not self.wrong, f"{self.wrong[:3]}")
        for chunk in sorted(self.holds):
            expect(self.read(chunk).status == GOOD and not self.wrong, f"{self.wrong[:3]}")
        self.session.logout()


@contextmanager
def working(ndisks, *pool):
    """(daemon, file system, host at work, path of disk n)."""
    work = work_dir("e2e-heal")
    with stallfs.StallFs(work / "mnt", {f"d{i}": DISK for i in range(ndisks)}) as fs, Zsand(work) as z:
        def path(i):
            return str(work / "mnt" / f"d{i}")
        z.zsan("pool", "create", "tank", *(path(int(w)) if w.isdigit() else w for w in pool))
        z.volume("tank/v", f"{CHUNK * CHUNKS >> 20}M")
        served(z, "tank/v")
        host = Host(z)
        host.start()
        host.goes_on()
        try:
            yield z, fs, host, path
        finally:
            host.ending = True
            for i in range(ndisks):
                fs.mend(f"d{i}")


def status(z):
    return z.zsan("pool", "status", "tank")["pools"][0]


def disk(z, path):
    return next((v for v in status(z)["vdevs"] if v["name"] == path), None)


def scrubbed(z):
    """Scrubs; what `scan` says at the end."""
    child.wait_for("the scrub's turn", lambda: z.try_zsan("pool", "scrub", "tank").returncode == 0)
    child.wait_for("the scrub", lambda: "scrub repaired" in status(z)["scan"])
    return status(z)["scan"]


def spare():
    """a disk dies under load: no error, a spare takes over, the status tells the story, a new disk sets the spare free"""
    with working(5, "raidz1", "0", "1", "2", "spare", "3") as (z, fs, host, path):
        fs.kill("d1")
        host.goes_on(100)
        child.wait_for("the spare", lambda: (disk(z, path(3)) or {}).get("state") in ("INUSE", "ONLINE") and
                       any(v["name"].startswith("spare") for v in status(z)["vdevs"]))
        child.wait_for("the resilver", lambda: "resilvered" in status(z)["scan"])
        host.goes_on()
        text = z.try_zsan("pool", "status", "tank").stdout
        for word in ("state: DEGRADED", "FAULTED", "INUSE", "spare-", "action:"):
            expect(word in text, f"no {word} in\n{text}")
        expect(logged(z, "vdev.fail") and logged(z, "pool.disks") and logged(z, "pool.degraded"), "an event is missing")
        expect(any("tank" in p["object"] for p in z.zsan("status")["problems"]), "zsan status is silent")
        z.zsan("pool", "replace", "tank", path(1), path(4))
        child.wait_for("health", lambda: pool_state(z) == "ONLINE" and "resilvered" in status(z)["scan"], 60)
        host.goes_on()
        text = z.try_zsan("pool", "status", "tank").stdout
        expect("AVAIL" in text and path(1) not in text and "spare-" not in text, text)
        child.wait_for("the event of its health", lambda: logged(z, "pool.healthy"))
        host.end()
        expect("with 0 errors" in scrubbed(z), status(z)["scan"])


def rot():
    """bytes flip on one disk: what the host reads is right, the disk's errors are counted and repaired"""
    with working(2, "mirror", "0", "1") as (z, fs, host, path):
        host.goes_on(300)
        host.ending = True
        host.join()
        z.restart()     # nothing is cached any more
        child.wait_for("the volume", lambda: z.zsan("volume", "show", "tank/v")["state"] == "online")
        content = fs.content("d0")
        for at in range(LABELS[0] + 100, len(content) - LABELS[1], 4096):
            if content[at]:
                content[at] ^= 0xff
        host.session = z.session("t", NAME, timeout=120)
        expect(host.session.ready().status == GOOD, "not ready")
        host.end()
        counted = disk(z, path(0))["checksum_errors"], disk(z, path(1))["checksum_errors"]
        expect(counted[0] > 0 and counted[1] == 0, f"checksum errors {counted}")
        expect("with 0 errors" in scrubbed(z), status(z)["scan"])
        z.zsan("pool", "clear", "tank")
        expect("scrub repaired 0B" in scrubbed(z), status(z)["scan"])
        expect(disk(z, path(0))["checksum_errors"] == 0, "it was not repaired")


def returned(z, fs, *names):
    """The disks are back, and the operator says so."""
    for name in names:
        fs.mend(name)
    child.wait_for("the pool", lambda: pool_state(z) != "SUSPENDED" or not z.try_zsan("pool", "clear", "tank"), 60, 1)


def waiting():
    """too many disks die: I/O waits, the status says so, and goes on when they are back; nothing is lost"""
    with working(2, "mirror", "0", "1") as (z, fs, host, path):
        fs.kill("d0")
        host.goes_on(50)
        fs.kill("d1")
        child.wait_for("the suspension", lambda: pool_state(z) == "SUSPENDED")
        host.waits()
        expect("SUSPENDED" in z.try_zsan("pool", "status", "tank").stdout, "the status")
        expect(logged(z, "pool.suspend"), "no event")
        returned(z, fs, "d0", "d1")
        host.goes_on(50)
        host.end()


def refusing():
    """with failmode=continue new I/O fails, what was under way waits, and both go on when the disks are back"""
    with working(1, "0") as (z, fs, host, path):
        z.zsan("zpool", "set", "failmode=continue", "tank")
        host.forgiving = True
        fs.kill("d0")
        child.wait_for("the suspension", lambda: pool_state(z) == "SUSPENDED")
        with z.session("t", NAME) as s:
            expect(s.ready().status == GOOD, "not ready")
            r = s.write(0, bytes(BLOCK))
            expect(r.status == CHECK_CONDITION, f"{r}")
            returned(z, fs, "d0")
            host.forgiving = False
            host.goes_on()
            host.end()


def killed():
    """kill -9 under load, five times: the hosts log in again and go on, and nothing acknowledged is missing"""
    with working(3, "raidz1", "0", "1", "2") as (z, fs, host, path):
        served_after = []
        for _ in range(5):
            host.goes_on(30)
            z.kill9()
            start = time.monotonic()
            z.start()
            child.wait_for("the volume", lambda: z.zsan("volume", "show", "tank/v")["state"] == "online")
            served_after.append(time.monotonic() - start)
            host.goes_on(10)
        host.end()
        note(f"served again after {max(served_after):.1f} s at most; the host waited {host.longest:.1f} s at most")
        expect("with 0 errors" in scrubbed(z), status(z)["scan"])


CASES = [spare, rot, waiting, refusing, killed]
