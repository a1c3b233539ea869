# SPDX-License-Identifier: BSD-2-Clause
"""A portal that is bound to an interface: zsand between two networks, each with an initiator, all in network namespaces of the
test's own."""
import ctypes
import os
from contextlib import contextmanager

import child
from initiator import Session
from peer import NAME, alive
from tap import expect
from zsand import IQN, Zsand, work_dir

OWN_DAEMONS = True
CLONE_NEWNET = 0x40000000
PORT = 3333
_libc = ctypes.CDLL(None, use_errno=True)


def missing():
    done = child.run(["unshare", "--net", "ip", "link", "add", "a0", "type", "veth", "peer", "name", "a1"])
    return None if done.returncode == 0 else "no network namespaces with veth pairs here"


def enter(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def inside(pid):
    """This thread is in that process's network meanwhile."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        enter(there)
        yield
    finally:
        enter(here)
        os.close(here)
        os.close(there)


def network():
    """A process that keeps a new network namespace alive."""
    keeper = child.spawn(["unshare", "--net", "sleep", "600"])
    mine = os.readlink("/proc/self/ns/net")
    child.wait_for("the namespace", lambda: os.readlink(f"/proc/{keeper.pid}/ns/net") != mine)
    return keeper


def ip(*args):
    done = child.run(["ip", *args])
    expect(done.returncode == 0, f"ip {' '.join(map(str, args))}: {done.stderr}")


def join(server, client, n):
    """A cable between the two, 10.77.N.1 on the server's side and 10.77.N.2 on the client's."""
    with inside(server.pid):
        ip("link", "set", "lo", "up")
        ip("link", "add", f"net{n}", "type", "veth", "peer", "name", "peer", "netns", client.pid)
        ip("addr", "add", f"10.77.{n}.1/24", "dev", f"net{n}")
        ip("link", "set", f"net{n}", "up")
    with inside(client.pid):
        ip("addr", "add", f"10.77.{n}.2/24", "dev", "peer")
        ip("link", "set", "peer", "up")
        ip("route", "add", "default", "via", f"10.77.{n}.1")


def reaches(client, address, chap):
    with inside(client.pid):
        try:
            with Session((address, PORT), IQN + "t", NAME, chap=chap, timeout=3) as s:
                alive(s)
                return True
        except OSError:
            return False


def bound(*_):
    """a portal on all addresses of one interface is not reached through another"""
    server, left, right = network(), network(), network()
    try:
        join(server, left, 1)
        join(server, right, 2)
        with inside(server.pid), Zsand(work_dir("e2e-namespace")) as z:
            z.portal("0.0.0.0", PORT, interface="net1")
            z.volume("v", "16M", engine="mem")
            z.target("t", ["v"])
            z.initiator(NAME, auth="mutual")
            chap = z.grant(NAME, "t")
            expect(reaches(left, "10.77.1.1", chap), "not reached through its interface")
            expect(not reaches(right, "10.77.1.1", chap), "reached through another interface")
            expect(not reaches(right, "10.77.2.1", chap), "reached at another interface")
    finally:
        for keeper in (server, left, right):
            child.end(keeper)


CASES = [bound]
