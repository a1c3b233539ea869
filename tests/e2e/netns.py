# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces and cables between them."""
import ctypes
import os
from contextlib import contextmanager

import child
from tap import expect

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def missing():
    done = child.run(["unshare", "--net", "ip", "link", "add", "a0", "type", "veth", "peer", "name", "a1"])
    return None if done.returncode == 0 else "no network namespaces with veth pairs here"


def enter(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def inside(network):
    """This thread is in that network meanwhile."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{network.pid}/ns/net", os.O_RDONLY)
    try:
        enter(there)
        yield
    finally:
        enter(here)
        os.close(here)
        os.close(there)


@contextmanager
def networks(n):
    """Processes that each keep a new network namespace alive."""
    keepers = []
    try:
        for _ in range(n):
            keepers.append(child.spawn(["unshare", "--net", "sleep", "600"]))
        mine = os.readlink("/proc/self/ns/net")
        for k in keepers:
            child.wait_for("the namespace", lambda k=k: os.readlink(f"/proc/{k.pid}/ns/net") != mine)
        yield keepers
    finally:
        for k in keepers:
            child.end(k)


def ip(network, *args):
    with inside(network):
        done = child.run(["ip", *args])
    expect(done.returncode == 0, f"ip {' '.join(map(str, args))}: {done.stderr}")


def join(server, client, n):
    """A cable between the two, netN on both sides: 10.77.N.1 on the server's, 10.77.N.2 on the client's."""
    ip(server, "link", "set", "lo", "up")
    ip(server, "link", "add", f"net{n}", "type", "veth", "peer", "name", f"net{n}", "netns", client.pid)
    for side, host in ((server, 1), (client, 2)):
        ip(side, "addr", "add", f"10.77.{n}.{host}/24", "dev", f"net{n}")
        ip(side, "link", "set", f"net{n}", "up")
