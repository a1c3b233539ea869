# SPDX-License-Identifier: BSD-2-Clause
"""Verified I/O with either file back-end on one reactor and on two, with LUNs and sessions spread over them."""
import os
import threading

from peer import NAME, alive, verify
from tap import expect
from zsand import Zsand, work_dir

OWN_DAEMONS = True
LUNS = 4


def serve(z):
    z.portal()
    for i in range(LUNS):
        z.volume(f"v{i}", "64M", engine="mem" if i % 2 else "file")
        z.target(f"t{i}", [f"v{i}"])
    z.target("all", [f"v{i}" for i in range(LUNS)])
    z.initiator(NAME)
    for target in ["all"] + [f"t{i}" for i in range(LUNS)]:
        z.grant(NAME, target)


def work(z, target, luns, first, errors):
    try:
        with z.session(target, NAME) as s:
            for lun in luns:
                alive(s, lun)
            for i in range(24):
                verify(s, luns[i % len(luns)], first + i * 256, (8, 64, 256)[i % 3])
            s.logout()
    except Exception as e:  # pylint: disable=broad-except
        errors.append(f"{target}: {e}")


def everywhere(z):
    """All targets at once: each LUN by itself, and twice more through the target that maps all."""
    errors = []
    jobs = [(f"t{i}", [0], 0) for i in range(LUNS)] + [("all", list(range(LUNS)), 16384 * (1 + k)) for k in range(2)]
    threads = [threading.Thread(target=work, args=(z, *job, errors)) for job in jobs]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    expect(not errors, "; ".join(errors))


def homes(z):
    """The reactors that serve a session of each target."""
    sessions = [z.session(f"t{i}", NAME) for i in range(LUNS)]
    where = {s["reactor"] for s in z.zsan("session", "list")}
    for s in sessions:
        s.close()
    return where


def case(io, reactors):
    def run():
        with Zsand(work_dir("e2e-spread"), ["--io", io, "--reactors", reactors]) as z:
            serve(z)
            expect(homes(z) == set(range(reactors)), "sessions do not live with their LUNs")
            everywhere(z)
            with z.session("all", NAME) as s:  # what was written stays over a restart
                alive(s)
                data = os.urandom(65536)
                s.write(60000, data)
            z.restart()
            with z.session("all", NAME) as s:
                alive(s)
                expect(s.read(60000, 128).data == data, "other data after the restart")
    run.__doc__ = f"--io {io}, {reactors} reactor{'s' if reactors > 1 else ''}: verified I/O on LUNs of both"
    return run


CASES = [case(io, reactors) for io in ("threads", "uring") for reactors in (1, 2)]
