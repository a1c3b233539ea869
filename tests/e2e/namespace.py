# SPDX-License-Identifier: BSD-2-Clause
"""A portal that is bound to an interface: zsand between two networks, each with an initiator, all in network namespaces of the
test's own."""
from initiator import Session
from netns import inside, ip, join, missing, networks  # noqa: F401 (run asks missing)
from peer import NAME, alive
from tap import expect
from zsand import IQN, Zsand, work_dir

OWN_DAEMONS = True
PORT = 3333


def reaches(client, address, chap):
    with inside(client):
        try:
            with Session((address, PORT), IQN + "t", NAME, chap=chap, timeout=3) as s:
                alive(s)
                return True
        except OSError:
            return False


def bound(*_):
    """a portal on all addresses of one interface is not reached through another"""
    with networks(3) as (server, left, right):
        for n, client in ((1, left), (2, right)):
            join(server, client, n)
            ip(client, "route", "add", "default", "via", f"10.77.{n}.1")
        with inside(server), Zsand(work_dir("e2e-namespace")) as z:
            z.portal("0.0.0.0", PORT, interface="net1")
            z.volume("v", "16M", engine="mem")
            z.target("t", ["v"])
            z.initiator(NAME, auth="mutual")
            chap = z.grant(NAME, "t")
            expect(reaches(left, "10.77.1.1", chap), "not reached through its interface")
            expect(not reaches(right, "10.77.1.1", chap), "reached through another interface")
            expect(not reaches(right, "10.77.2.1", chap), "reached at another interface")


CASES = [bound]
