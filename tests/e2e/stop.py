# SPDX-License-Identifier: BSD-2-Clause
"""Ctrl-C and SIGTERM: initiators are asked to log out, the daemon is gone soon, with status 0, whatever they do."""
import signal
import threading
import time

import pdu
from peer import ASYNC_LOGOUT, NAME, alive, start_writes, verify
from tap import expect
from zsand import Zsand, work_dir

OWN_DAEMONS = True
PATIENCE_S = 5


def serve(z, **volume):
    z.portal()
    z.volume("v", "64M", engine="file", **volume)
    z.target("t", ["v"])
    z.initiator(NAME)
    z.grant(NAME, "t")


def stop(z, sig):
    """Sends the signal; how long it took, and the status."""
    start = time.monotonic()
    z.process.send_signal(sig)
    status = z.process.wait(30)
    z.process = None
    took = time.monotonic() - start
    expect(status == 0, f"status {status}; {z.tail()}")
    expect(took < PATIENCE_S, f"it took {took:.1f} s")


def loaded(z, first, asked):
    """Verified writes from a block on until the end; notes whether it was asked to log out."""
    try:
        with z.session("t", NAME) as s:
            alive(s)
            while True:
                verify(s, 0, first, 256)
                if any(n.bhs[36] == ASYNC_LOGOUT for n in s.notices):
                    asked.append(True)
    except (EOFError, OSError):
        pass


def under_load():
    """Ctrl-C under load: all are asked to log out, status 0 within five seconds"""
    with Zsand(work_dir("e2e-stop")) as z:
        serve(z)
        asked = [[] for _ in range(4)]
        threads = [threading.Thread(target=loaded, args=(z, 256 * i, a)) for i, a in enumerate(asked)]
        for t in threads:
            t.start()
        time.sleep(1)
        stop(z, signal.SIGINT)
        for t in threads:
            t.join()
        expect(all(asked), f"asked: {[bool(a) for a in asked]}")


def deaf():
    """SIGTERM while initiators do not read, hold half a command, or have hung up on a limit"""
    with Zsand(work_dir("e2e-stop")) as z:
        serve(z, iops_limit=2)
        idle, half, waiting = (z.session("t", NAME) for _ in range(3))
        alive(waiting)
        half.send(pdu.build(pdu.SCSI_CMD)[:20])
        start_writes(waiting, 0, 16)
        time.sleep(0.3)
        stop(z, signal.SIGTERM)
        for s in (idle, half, waiting):
            s.close()


def polite():
    """an initiator that logs out when it is asked does not hold up the stop"""
    with Zsand(work_dir("e2e-stop")) as z:
        serve(z)
        s = z.session("t", NAME)
        alive(s)
        z.process.send_signal(signal.SIGTERM)
        while not s.notices:
            s.other(s.recv())
        expect(s.notices[0].bhs[36] == ASYNC_LOGOUT, f"event {s.notices[0].bhs[36]}")
        s.logout()
        expect(z.process.wait(PATIENCE_S) == 0, "status")
        z.process = None


CASES = [under_load, deaf, polite]
