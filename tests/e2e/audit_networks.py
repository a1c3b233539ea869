# SPDX-License-Identifier: BSD-2-Clause
"""What the checklist says of networks: zsand and an initiator in network namespaces of the test's own, joined by cables."""
import json
from contextlib import contextmanager

from initiator import Session
from netns import inside, ip, join, missing, networks  # noqa: F401 (run asks missing)
from peer import NAME
from tap import expect
from zsand import IQN, Zsand, work_dir

OWN_DAEMONS = True
PORT = 3260


class World:
    """A server with two networks, and a client at the other end of both; zsand serves a target at whatever address is added."""

    def __init__(self, z, server, client):
        self.z, self.server, self.client = z, server, client
        for n in (1, 2):
            join(server, client, n)
        z.volume("v", "16M", engine="mem")
        z.portal("10.77.1.1", PORT)
        z.target("t", ["v"])
        z.initiator(NAME, auth="mutual")
        self.chap = z.grant(NAME, "t")

    def at(self, address):
        """One more address of the server that is a portal."""
        self.z.portal(address, PORT)
        return address

    def login(self, address):
        with inside(self.client):
            return Session((address, PORT), IQN + "t", NAME, chap=self.chap, timeout=3)

    def found(self, check):
        """What it says, by the object it says it of."""
        done = self.z.try_zsan("audit", "--json")
        return {f["object"]: f["text"] for f in json.loads(done.stdout)["findings"] if f["check"] == check}


@contextmanager
def world(name):
    work = work_dir("e2e-audit-networks-" + name)
    with networks(2) as (server, client), inside(server), Zsand(work, args=["--device-folder", str(work)]) as z:
        expect(not any("could not be read" in text for text in json.loads(z.try_zsan("audit", "--json").stdout)["not_checked"]), "not read")
        yield World(z, server, client)


def paths():
    """two addresses of one interface, or of one subnet, are one path; two networks are two"""
    with world("paths") as w:
        expect(NAME in w.found("host-away")[NAME] or IQN + "t" in w.found("host-away")[NAME], "a host that is not there")
        ip(w.server, "addr", "add", "10.78.1.1/24", "dev", "net1")
        ip(w.client, "addr", "add", "10.78.1.2/24", "dev", "net1")
        join(w.server, w.client, 3)
        ip(w.server, "addr", "add", "10.77.1.4/24", "dev", "net3")
        with w.login("10.77.1.1"):
            expect("one address" in w.found("two-paths")[NAME] and not w.found("host-away"), f"{w.found('two-paths')}")
            with w.login(w.at("10.78.1.1")):
                expect("both at net1" in w.found("two-paths")[NAME], f"{w.found('two-paths')}")
            with w.login(w.at("10.77.1.4")):
                expect("both in 10.77.1.0/24" in w.found("two-paths")[NAME], f"{w.found('two-paths')}")
            with w.login(w.at("10.77.2.1")):
                expect(not w.found("two-paths"), f"{w.found('two-paths')}")
            expect(w.found("two-paths"), "it is one again")


def paths6():
    """an address of IPv4 and one of IPv6 at one interface are one path"""
    with world("paths6") as w:
        for n in (1, 2):
            for side, host in ((w.server, 1), (w.client, 2)):
                ip(side, "addr", "add", f"fd00:77:{n}::{host}/64", "dev", f"net{n}", "nodad")
        with w.login("10.77.1.1"):
            with w.login(w.at("fd00:77:1::1")):
                expect("both at net1" in w.found("two-paths")[NAME], f"{w.found('two-paths')}")
            with w.login(w.at("fd00:77:2::1")):
                expect(not w.found("two-paths"), f"{w.found('two-paths')}")
        expect(not w.found("routed"), f"{w.found('routed')}")


def management():
    """a portal at the interface of the default route, or in a network that the operator says is for management, is found"""
    with world("management") as w:
        expect(not w.found("management"), f"without a default route: {w.found('management')}")
        ip(w.server, "route", "add", "default", "via", "10.77.1.2", "dev", "net1")
        expect("net1" in w.found("management")["10.77.1.1"], f"{w.found('management')}")
        ip(w.server, "route", "change", "default", "via", "10.77.2.2", "dev", "net2")
        expect(not w.found("management"), f"the way out is elsewhere: {w.found('management')}")
        w.at("10.77.2.1")
        expect(list(w.found("management")) == ["10.77.2.1"], f"{w.found('management')}")
        w.z.zsan("audit", "networks", "--management-networks", "10.77.1.0/24,192.168.0.0/16")
        expect("stated" in w.found("management")["10.77.1.1"] and len(w.found("management")) == 1, f"{w.found('management')}")
        expect("not for storage are 10.77.1.0/24, 192.168.0.0/16" in w.z.try_zsan("audit").stdout, "it is shown")
        w.z.zsan("audit", "networks", "--management-networks", "192.168.0.0/16")
        expect(not w.found("management"), f"{w.found('management')}")
        w.z.zsan("audit", "networks", "--management-networks", "none")
        expect(list(w.found("management")) == ["10.77.2.1"], f"{w.found('management')}")


def routed():
    """a session from behind a router is found, unless the operator states that IPsec protects it, which is in the audit trail"""
    with world("routed") as w:
        ip(w.client, "link", "set", "lo", "up")
        ip(w.client, "addr", "add", "10.88.0.2/32", "dev", "lo")
        ip(w.server, "route", "add", "10.88.0.0/24", "via", "10.77.1.2")
        with w.login("10.77.1.1"):
            expect(not w.found("routed"), f"{w.found('routed')}")
        ip(w.client, "route", "change", "10.77.1.0/24", "dev", "net1", "src", "10.88.0.2")
        with w.login("10.77.1.1"):
            expect("10.88.0.2" in w.found("routed")[NAME], f"{w.found('routed')}")
            w.z.zsan("audit", "networks", "--ipsec-networks", "10.99.0.0/16")
            expect(w.found("routed"), "another network is protected")
            w.z.zsan("audit", "networks", "--ipsec-networks", "10.99.0.0/16,10.88.0.0/24")
            expect(not w.found("routed"), f"{w.found('routed')}")
            w.z.restart()
        with w.login("10.77.1.1"):
            expect(not w.found("routed"), f"after a restart: {w.found('routed')}")
            score = json.loads(w.z.try_zsan("audit", "--json").stdout)
            expect(score["ipsec_networks"] == ["10.99.0.0/16", "10.88.0.0/24"], f"{score}")
            trail = "".join(p.read_text() for p in (w.z.state / "audit").glob("*.jsonl"))
            expect("audit.networks" in trail and "10.88.0.0/24" in trail, "not in the trail")
            w.z.zsan("audit", "networks", "--ipsec-networks", "none")
            expect(w.found("routed"), "nothing is stated any more")
        for bad in ("10.88.0.2/24", "nonsense", ""):
            done = w.z.try_zsan("audit", "networks", "--ipsec-networks", bad)
            expect(done.returncode != 0 and "--ipsec-networks" in done.stderr, f"{bad}: {done}")
        expect(w.z.try_zsan("audit", "networks").returncode != 0, "nothing stated")


CASES = [paths, paths6, management, routed]
