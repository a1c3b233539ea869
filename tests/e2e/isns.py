# SPDX-License-Identifier: BSD-2-Clause
"""iSNS: targets are registered with name servers, Debian's and some that no standard knows, and the registration follows."""
import json
import os
import socket
import struct
import time

import child
import isnsd
import netns
from contextlib import contextmanager
from initiator import Session
from isnsd import Isnsd
from nameserver import Rogue, accept_all, attribute, header, request
from peer import NAME, alive, free_port6
from tap import Skip, expect
from zsand import IQN, Zsand, work_dir

OWN_DAEMONS = True
missing = isnsd.missing
A, B = IQN + "a", IQN + "b"


def serve(z):
    """Two portal groups; target a is served through both, b through the second."""
    z.portal()
    z.portal(group=2)
    z.volume("v", "16M", engine="mem")
    z.target("a", ["v"])
    z.zsan("target", "create", B, "--portal-groups", "2", "--alias", "the second")
    z.initiator(NAME)
    z.grant(NAME, "a")
    z.zsan("grant", "add", NAME, B)


def offer(z, name):
    """A target that somebody may log in to: others are not told of."""
    z.target(name)
    z.try_zsan("initiator", "add", IQN + "somebody")
    z.zsan("grant", "add", IQN + "somebody", IQN + name)


def register(z, *servers):
    for s in servers:
        z.zsan("isns", "add", "127.0.0.1", "--port", s.port)
    z.zsan("isns", "set", "--enabled")


def state(z, port):
    return next(s for s in z.zsan("isns", "list") if s["port"] == port)


def registered(z, server, seconds=20):
    child.wait_for("the registration", lambda: state(z, server.port)["state"] == "registered", seconds)


def eventually(what, condition, seconds=20):
    child.wait_for(what, condition, seconds, every=0.2)


def portal(z, n):
    return "127.0.0.1:%d" % z.portals[n][1]


@contextmanager
def registration(**options):
    """A server that knows of both targets, and the daemon."""
    work = work_dir("e2e-isns")
    with Isnsd(work, **options) as server, Zsand(work) as z:
        serve(z)
        register(z, server)
        registered(z, server)
        yield server, z


def attributes():
    """isnsadm finds entity, targets, portals and groups as they are; disabled and unlisted targets are not told"""
    work = work_dir("e2e-isns")
    with Isnsd(work) as server, Zsand(work) as z:
        serve(z)
        for name, flag in (("hidden", "--unlisted"), ("off", "--disabled")):
            offer(z, name)
            z.zsan("target", "set", IQN + name, flag)
        expect(state_when_off(z, server) == "off" and not server.entities(), "it tells without being asked to")
        z.zsan("isns", "set", "--enabled")
        registered(z, server)
        expect(server.entities() == [z.zsan("isns", "show")["entity"]], f"{server.entities()}")
        entity, = server.objects("--local", "--list", "entities")
        expect(entity[2].startswith("iSCSI") and entity[6] == "60", f"{entity}")
        expect(server.targets() == {A: "<empty>", B: "the second"}, f"{server.targets()}")
        expect(server.portals() == {portal(z, 0), portal(z, 1)}, f"{server.portals()}")
        expect(server.groups() == {(A, portal(z, 0)): "1", (A, portal(z, 1)): "2", (B, portal(z, 1)): "2"}, f"{server.groups()}")
        reach = {o[17] for o in server.objects("--local", "--query", f"iscsi-name={B}") if 17 in o}
        expect(reach == {f"{z.portals[1][1]}/tcp"}, f"B is said to be at {reach}")
        asked = [o for o in server.objects("--local", "--list", "portals") if 20 in o]
        expect(len(asked) == 1 and asked[0][20] == f"{state(z, server.port)['esi_port']}/tcp", f"{asked}")
        s = state(z, server.port)
        expect((s["targets"], s["portals"]) == (2, 2) and abs(s["since"] - time.time()) < 30, f"{s}")


def state_when_off(z, server):
    z.zsan("isns", "add", "127.0.0.1", "--port", server.port)
    time.sleep(0.5)
    return state(z, server.port)["state"]


def discovery():
    """a host that knows only the name server finds target and portal there, and logs in"""
    with registration() as (server, z):
        server.adm("--register", "initiator")
        found = server.objects("--query", "iscsi-node-type=target")
        expect({o[32] for o in found if 32 in o} == {A, B}, f"{found}")
        place, = {p for (name, p), tag in server.groups().items() if name == A and tag == "1"}
        host, port = place.split(":")
        with Session((host, int(port)), A, NAME) as s:
            alive(s)


def follows():
    """targets and portals that come, change and go do so at the server"""
    with registration() as (server, z):
        offer(z, "c")
        eventually("target c", lambda: set(server.targets()) == {A, B, IQN + "c"})
        z.zsan("target", "set", A, "--alias", "the first", "--portal-groups", "1")
        eventually("its changes", lambda: server.targets()[A] == "the first" and (A, portal(z, 1)) not in server.groups())
        z.portal(group=3)
        time.sleep(0.5)
        expect(len(server.portals()) == 2, "a portal that serves no target is told")
        z.zsan("target", "set", B, "--portal-groups", "2,3")
        eventually("the portal", lambda: server.portals() == {portal(z, n) for n in range(3)})
        eventually("its group", lambda: server.groups().get((B, portal(z, 2))) == "3")
        expect((A, portal(z, 2)) not in server.groups(), f"{server.groups()}")
        z.zsan("target", "set", IQN + "c", "--portal-groups", "2,3")
        z.zsan("target", "set", A, "--portal-groups", "2")
        eventually("portal 0 goes", lambda: server.portals() == {portal(z, 1), portal(z, 2)})
        for _ in range(2):  # the portal that ESI comes to went: another one takes its place
            asked = state(z, server.port)["inquiries"]
            eventually("inquiries go on", lambda asked=asked: state(z, server.port)["inquiries"] > asked)
        z.zsan("target", "set", B, "--unlisted")
        z.zsan("target", "delete", IQN + "c")
        eventually("both are gone", lambda: set(server.targets()) == {A})
        z.zsan("target", "set", A, "--disabled")
        eventually("nothing is left", lambda: server.entities() == [] and not server.targets() and not server.portals())
        eventually("it says so", lambda: state(z, server.port)["state"] == "nothing")
        z.zsan("target", "set", A, "--no-disabled")
        eventually("and back", lambda: set(server.targets()) == {A})
        z.zsan("isns", "set", "--entity", "another-name")
        eventually("another entity", lambda: server.entities() == ["another-name"] and set(server.targets()) == {A})


def many():
    """hundreds of targets are told in pieces that the server takes"""
    work = work_dir("e2e-isns")
    with Isnsd(work) as server, Zsand(work) as z:
        z.portal()
        z.portal(group=2)
        z.initiator(NAME)
        doc = z.zsan("config", "export")
        names = [f"{IQN}one-of-the-many-targets-of-this-machine.{n}" for n in range(300)]
        doc["targets"] = {name: {"portal_groups": [1 + n % 2], "grants": [NAME]} for n, name in enumerate(names)}
        (work / "document.json").write_text(json.dumps(doc))
        z.zsan("config", "apply", work / "document.json")
        register(z, server)
        registered(z, server)
        last = f"iscsi-name={names[-1]}"
        ports = {o[17] for o in server.objects("--local", "--query", last) if 17 in o}
        expect(ports == {f"{z.portals[1][1]}/tcp"}, f"the last one is at {ports}")
        z.stop()
        expect(server.entities() == [], "something is left")


def ends():
    """a stop, and switching it off, take the registration back; so does removing a server"""
    with registration() as (server, z):
        z.stop()
        expect(server.entities() == [] and not server.targets() and not server.portals(), "something is left")
        z.start()
        registered(z, server)
        z.zsan("isns", "set", "--no-enabled")
        eventually("off", lambda: server.entities() == [])
        z.zsan("isns", "set", "--enabled")
        eventually("on", lambda: set(server.targets()) == {A, B})
        for _ in range(3):
            z.zsan("isns", "remove", "127.0.0.1", "--port", server.port)
            z.zsan("isns", "add", "127.0.0.1", "--port", server.port)
        registered(z, server)
        time.sleep(1)
        expect(set(server.targets()) == {A, B}, "a farewell came after the registration")
        z.zsan("isns", "remove", "127.0.0.1", "--port", server.port)
        eventually("removed", lambda: server.entities() == [])


def killed():
    """after kill -9 the next start leaves nothing stale, although the server was not there when it changed"""
    with registration(kept=True) as (server, z):
        server.stop()
        z.zsan("target", "delete", B)
        offer(z, "c")
        z.kill9()
        server.start()
        expect(set(server.targets()) == {A, B}, f"{server.targets()}")
        z.start()
        registered(z, server)
        expect(set(server.targets()) == {A, IQN + "c"}, f"{server.targets()}")
        expect(len(server.entities()) == 1, f"{server.entities()}")


def restarts():
    """a server that comes back, with what it knew or without, knows everything again; events tell"""
    for kept in (True, False):
        with registration(kept=kept) as (server, z):
            since = z.log_size()
            server.stop()
            offer(z, "c")
            eventually("it is missed", lambda: state(z, server.port)["state"] == "failed")
            problems = [p["object"] for p in z.zsan("status")["problems"]]
            expect(f"isns 127.0.0.1:{server.port}" in problems, f"{problems}")
            server.start()
            registered(z, server)
            eventually("all targets", lambda: set(server.targets()) == {A, B, IQN + "c"})
            log = z.log(since)
            expect("isns.failed" in log and "registered=lost" in log and "isns.registered" in log, log)


def inquiries():
    """inquiries are answered, so the entity stays; when nobody answers it is gone soon"""
    with registration() as (server, z):
        eventually("ESI", lambda: state(z, server.port)["inquiries"] >= 6)
        expect(set(server.targets()) == {A, B}, f"{server.targets()}")
        z.kill9()
        eventually("it is forgotten", lambda: server.entities() == [])
        z.start()
        registered(z, server)


def without_inquiries():
    """a server that makes no inquiries is told no port for them"""
    with registration(ESIRetries=0) as (server, z):
        expect("esi_port" not in state(z, server.port) and set(server.targets()) == {A, B}, f"{state(z, server.port)}")


def forgotten():
    """what somebody removes at the server is told again, by a change notice or at the next look"""
    with registration(RegistrationPeriod=30) as (server, z):
        server.adm("--local", "--deregister", f"iscsi-name={B}")
        expect(set(server.targets()) == {A}, f"{server.targets()}")
        eventually("told again", lambda: set(server.targets()) == {A, B}, 40)
        server.adm("--local", "--deregister", f"eid={server.entities()[0]}")
        eventually("told again", lambda: set(server.targets()) == {A, B}, 40)
        expect("isns.forgotten" in z.log(), z.tail())


def call(s, function, data):
    """Asks a server as a host does; its answer has to be good."""
    s.sendall(header(function, len(data), flags=0x8c00) + data)
    said, _, answer = request(s)
    expect(said == function | 0x8000 and answer[:4] == bytes(4), f"{said:#x}: {answer[:4].hex()}")


def notices():
    """a host that asked the server to be told of changes is told when a target comes"""
    with registration() as (server, z), socket.create_server(("127.0.0.1", 0)) as ear:
        ear.settimeout(20)
        source, delimiter = attribute(32, NAME), attribute(0)
        with socket.create_connection((server.address, server.port)) as s:
            s.settimeout(10)
            portal_of_host = attribute(16, bytes(10) + b"\xff\xff" + socket.inet_aton("127.0.0.1")) + attribute(17, 860)
            call(s, 1, source + attribute(1, "host") + delimiter + attribute(1, "host") + attribute(2, 2) + portal_of_host +
                 attribute(23, ear.getsockname()[1]) + source + attribute(33, 2))
            call(s, 5, source + source + delimiter + attribute(35, 0x48))  # of targets: added
        offer(z, "c")
        told, _ = ear.accept()
        with told:
            function, xid, data = request(told)
            expect(function == 8 and (IQN + "c").encode() in data, f"{function}: {data}")
            told.sendall(header(0x8008, 4 + len(source), flags=0x8c00, xid=xid) + bytes(4) + source)


# ---- servers that are none ----------------------------------------------------------------------

def silent(r, _):
    r.sleep(60)


def garbage(_, s):
    request(s)
    s.sendall(os.urandom(1 << 16))


def huge(r, s):
    _, xid, _ = request(s)
    s.sendall(header(length=0xfffc, xid=xid) + bytes(4))
    r.sleep(60)


def half(r, s):
    _, xid, _ = request(s)
    s.sendall(header(length=64, xid=xid)[:7])
    r.sleep(60)


def drip(r, s):
    _, xid, _ = request(s)
    for byte in header(length=4096, xid=xid) + bytes(4096):
        s.sendall(bytes([byte]))
        r.sleep(0.3)


def endless(r, s):
    """An answer that never has a last piece."""
    _, xid, _ = request(s)
    piece = header(length=65532, flags=0x4000, xid=xid) + bytes(65532)
    while not r.ended:
        s.sendall(piece)


def chatty(r, s):
    """Asks and asks."""
    while not r.ended:
        s.sendall((header(function=0x000d, length=0) + header(function=0x0008, length=0)) * 100)


def lying(_, s):
    """Attributes that reach beyond the message, and a period of one second."""
    for _ in range(100):
        function, xid, _ = request(s)
        lies = struct.pack(">III", 6, 4, 1) + struct.pack(">II", 32, 0xfffffffc) + struct.pack(">II", 6, 3)
        s.sendall(header(function | 0x8000, 4 + len(lies), xid=xid) + bytes(4) + lies)


def refusing(_, s):
    while True:
        function, xid, _ = request(s)
        s.sendall(header(function | 0x8000, 4, xid=xid) + struct.pack(">I", 8))


def closing(_, s):
    request(s)


def leaving(r, s):
    """Accepts everything, then says no more."""
    accept_all(s, 4)
    r.sleep(60)


ROGUES = [silent, garbage, huge, half, drip, endless, chatty, lying]
MORE = [refusing, closing, leaving]


def timed(what, seconds, function, *args):
    start = time.monotonic()
    result = function(*args)
    took = time.monotonic() - start
    expect(took < seconds, f"{what} took {took:.1f} s")
    return result


def beside(z, rogues):
    """The daemon serves, is changed, starts and stops as if they were not there."""
    for r in rogues:
        z.zsan("isns", "add", "127.0.0.1", "--port", r.port)
    timed("enabling", 3, z.zsan, "isns", "set", "--enabled")
    eventually("all are called", lambda: all(r.calls for r in rogues))
    before = z.rss_mib()
    for n in range(3):
        timed("a change", 3, z.target, f"t{n}")
        with z.session("a", NAME) as s:
            alive(s)
        time.sleep(1)
    expect(z.rss_mib() < before + 32, f"zsand grew from {before:.0f} to {z.rss_mib():.0f} MiB")
    timed("a restart", 8, z.restart)
    timed("status", 3, z.zsan, "status")
    time.sleep(2)
    timed("the stop", 5, z.stop)
    z.check()


def rogues():
    """CVE-2010-2221 (tgt): servers that say nothing, too much, rubbish or lies hold up nothing and cost little"""
    for acts in (ROGUES, MORE):
        with Zsand(work_dir("e2e-isns")) as z:
            serve(z)
            servers = [Rogue(lambda r, s, act=act: act(r, s)) for act in acts]
            try:
                beside(z, servers)
            finally:
                for s in servers:
                    s.__exit__()


def absent():
    """a server that is not there is tried again, ever more rarely, and another one does not mind"""
    work = work_dir("e2e-isns")
    with Isnsd(work) as server, Zsand(work) as z:
        serve(z)
        nobody = child.free_port()
        z.zsan("isns", "add", "127.0.0.1", "--port", nobody)
        z.zsan("isns", "add", "192.0.2.1")  # TEST-NET-1
        register(z, server)
        registered(z, server)
        eventually("it is missed", lambda: state(z, nobody)["state"] == "failed")
        expect(state(z, nobody)["reason"], "no reason")
        timed("the stop", 5, z.stop)
        expect(server.entities() == [], "it is not deregistered")


def knocking():
    """whoever else knocks where inquiries come is bounded, and the server is still answered"""
    with registration(address="127.0.0.1") as (server, z):
        ear = ("127.0.0.1", state(z, server.port)["esi_port"])
        crowd = [socket.create_connection(ear, source_address=("127.0.0.2", 0)) for _ in range(50)]
        crowd[0].sendall(os.urandom(5000))
        crowd[1].sendall(header(function=0x000d, length=0xfff0) + bytes(100))
        before = state(z, server.port)["inquiries"]
        eventually("the server is answered", lambda: state(z, server.port)["inquiries"] > before + 2)
        with socket.create_connection(ear) as s:
            s.settimeout(5)
            ask = struct.pack(">II4s", 1, 4, b"z\0\0\0")
            s.sendall(header(function=0x000d, length=len(ask), xid=77) + ask)
            answer = s.recv(4096)
            expect(answer == header(function=0x800d, length=4 + len(ask), flags=0x8c00, xid=77) + bytes(4) + ask, answer.hex())
        for s in crowd:
            s.close()


def ipv6():
    """an IPv6 server, IPv6 portals, and inquiries over IPv6"""
    work = work_dir("e2e-isns")
    with Isnsd(work, address="::1") as server, Zsand(work) as z:
        port = z.portal("::1", free_port6())
        z.portal()
        offer(z, "a")
        z.zsan("isns", "add", "::1", "--port", server.port)
        z.zsan("isns", "set", "--enabled")
        registered(z, server)
        expect(server.portals() == {f"::1:{port}", portal(z, 1)}, f"{server.portals()}")
        eventually("ESI", lambda: state(z, server.port)["inquiries"] >= 2)


def afar():
    """a server on the network is told the address that reaches it, and no loopback address"""
    if netns.missing():
        raise Skip(netns.missing())
    work = work_dir("e2e-isns")
    with netns.networks(2) as (host, client):
        netns.join(host, client, 1)
        with netns.inside(client):
            server = Isnsd(work, address="10.77.1.2")
        with netns.inside(host), Zsand(work) as z:
            z.portal("0.0.0.0", 3333, any_address=True)
            z.portal("127.0.0.1", 3334)
            z.portal("10.77.1.1", 3335, advertise="192.0.2.7:3260")
            offer(z, "a")
            z.zsan("isns", "add", server.address, "--port", server.port)
            z.zsan("isns", "set", "--enabled")
            registered(z, server)
            expect(server.portals() == {"10.77.1.1:3333", "192.0.2.7:3260"}, f"{server.portals()}")
            eventually("ESI", lambda: state(z, server.port)["inquiries"] >= 2)
        server.stop()


CASES = [attributes, discovery, follows, many, ends, killed, restarts, inquiries, without_inquiries, forgotten, notices, rogues, absent, knocking, ipv6, afar]
