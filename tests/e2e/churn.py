# SPDX-License-Identifier: BSD-2-Clause
"""Everything at once for a while: sessions come, work and go, rudely too, while LUNs, volumes and grants change under them. What
must hold: the daemon lives, logs nothing terrible (under the sanitizers least of all), and serves a bystander well."""
import random
import threading
import time

from initiator import LoginError
from peer import NAME, OTHER, alive, session_ids, start_writes, verify
from tap import expect
from zsand import IQN, Zsand, ZsanError, work_dir

OWN_DAEMONS = True
SECONDS = 8
ISIDS = [b"\x80\x12\x34\x56\x00" + bytes([i]) for i in range(4)]


def serve(z):
    z.portal()
    for i in range(4):
        z.volume(f"v{i}", "16M", engine="mem" if i % 2 else "file")
    z.volume("quiet", "16M", engine="mem")
    z.target("t", ["v0", "v1", "v2"])
    z.target("quiet", ["quiet"])
    for name, target in ((NAME, "t"), (OTHER, "quiet")):
        z.initiator(name)
        z.grant(name, target)


def come_and_go(z, rng, until):
    """A host whose sessions replace each other and end in all ways."""
    while time.monotonic() < until:
        try:
            s = z.session("t", NAME, isid=rng.choice(ISIDS), timeout=10)
            for _ in range(rng.randrange(4)):
                start_writes(s, rng.randrange(4), rng.randrange(1, 16))
                s.ready(rng.randrange(4))
            if rng.random() < 0.3:
                s.logout()
            s.close()
        except (EOFError, OSError, LoginError, AttributeError):
            pass


def change(z, rng, until):
    """An operator with a shaking hand."""
    deeds = [
        lambda: ("lun", "add", IQN + "t", "v3", "--lun", 3),
        lambda: ("lun", "remove", IQN + "t", 3),
        lambda: ("volume", "set", f"v{rng.randrange(4)}", "--read-only" if rng.random() < 0.5 else "--no-read-only"),
        lambda: ("volume", "set", f"v{rng.randrange(4)}", "--iops-limit", rng.choice([0, 50, 5000])),
        lambda: ("volume", "create", "short", "--size", "16M", "--engine", "mem"),
        lambda: ("volume", "delete", "short"),
        lambda: ("grant", "remove" if rng.random() < 0.2 else "add", NAME, IQN + "t"),
        lambda: ("session", "drop", rng.choice(sorted(session_ids(z, NAME)))),
    ]
    while time.monotonic() < until:
        try:
            z.zsan(*rng.choice(deeds)())
        except (ZsanError, IndexError):
            pass


def bystander(z, until, errors):
    try:
        with z.session("quiet", OTHER) as s:
            alive(s)
            while time.monotonic() < until:
                verify(s, 0, 0, 64)
    except Exception as e:  # pylint: disable=broad-except
        errors.append(str(e))


def churn():
    """sessions, changes and drops at once harm neither the daemon nor a bystander"""
    errors = []
    with Zsand(work_dir("e2e-churn"), ["--reactors", 2]) as z:
        serve(z)
        until = time.monotonic() + SECONDS
        threads = [threading.Thread(target=come_and_go, args=(z, random.Random(i), until)) for i in range(6)]
        threads += [threading.Thread(target=change, args=(z, random.Random(100 + i), until)) for i in range(2)]
        threads += [threading.Thread(target=bystander, args=(z, until, errors))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        z.check()
        expect(not errors, "the bystander: " + "; ".join(errors))


CASES = [churn]
