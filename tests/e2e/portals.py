# SPDX-License-Identifier: BSD-2-Clause
"""Portals: several, in groups, over IPv6, behind other addresses, in use by others, coming and going."""
import json
import socket

import child
from peer import NAME, alive, free_port6, gone, refused, session_ids, targets
from tap import expect
from zsand import IQN


def serve(z):
    z.portal()
    z.portal()
    z.portal(group=2)
    z.volume("v", "16M", engine="mem")
    z.target("both", ["v"])
    z.zsan("target", "create", IQN + "second", "--portal-groups", "2")
    z.initiator(NAME)
    z.grant(NAME, "both")
    z.grant(NAME, "second")


def groups(z):
    """each portal serves its group's targets under the group's tag"""
    for portal, tag in ((0, "1"), (1, "1"), (2, "2")):
        with z.session("both", NAME, portal=portal) as s:
            alive(s)
            expect(s.their["TargetPortalGroupTag"] == tag, f"portal {portal}: {s.their}")
    with z.session("second", NAME, portal=2):
        pass
    with refused(0x0201, 0x0203):
        z.session("second", NAME, portal=0)
    found = targets(z.address(0), NAME)
    ports = [f"127.0.0.1:{port}" for _, port in z.portals[:3]]
    expect(sorted(found[IQN + "both"]) == sorted([ports[0] + ",1", ports[1] + ",1", ports[2] + ",2"]), f"{found}")
    expect(found[IQN + "second"] == [ports[2] + ",2"], f"{found}")


def ipv6(z):
    """an IPv6 portal is served and announced"""
    port = z.portal("::1", free_port6(), group=3)
    z.zsan("target", "set", IQN + "both", "--portal-groups", "1,2,3")
    with z.session("both", NAME, portal=len(z.portals) - 1) as s:
        alive(s)
    expect(f"[::1]:{port},3" in targets(z.address(), NAME)[IQN + "both"], "it is not announced")


def advertised(z):
    """a portal with an address to advertise tells that one"""
    port = child.free_port()
    z.zsan("portal", "add", "127.0.0.1", "--port", port, "--group", 4, "--advertise", "192.0.2.7:3261")
    z.zsan("target", "set", IQN + "second", "--portal-groups", "2,4")
    found = targets(("127.0.0.1", port), NAME)[IQN + "second"]
    expect("192.0.2.7:3261,4" in found and not any(f":{port}," in a for a in found), f"{found}")


def listening(z, port):
    return next(p["listening"] for p in z.zsan("portal", "list") if p["address"].endswith(str(port)) or p.get("port") == port)


def taken(z):
    """a portal whose port is taken says so, disturbs nobody, and opens when the port is free"""
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        z.try_zsan("portal", "add", "127.0.0.1", "--port", str(port))
        expect(not listening(z, port), "it claims to listen")
        with z.session("both", NAME) as s:
            alive(s)
    child.wait_for("the portal opens", lambda: listening(z, port), seconds=10)


def removed(z):
    """the sessions of a portal go with it, those of others stay"""
    port = z.portal()
    with z.session("both", NAME) as stays, z.session("both", NAME, portal=len(z.portals) - 1) as goes:
        before = session_ids(z)
        z.zsan("portal", "remove", "127.0.0.1", "--port", port)
        gone(goes)
        alive(stays)
        expect(len(session_ids(z) & before) == 1, "the wrong sessions ended")


def any_address(z):
    """all addresses at once are listened on when that is said, by the command and by a document"""
    port = child.free_port("0.0.0.0")
    done = z.try_zsan("portal", "add", "0.0.0.0", "--port", str(port), "--group", "9")
    expect(done.returncode == 7 and "--any-address" in done.stderr, f"{done}")
    expect(z.try_zsan("portal", "add", "::0", "--port", str(port), "--group", "9").returncode == 7, ":: in other words")
    done = z.try_zsan("portal", "add", "127.0.0.1", "--port", str(port), "--group", "9", "--any-address")
    expect(done.returncode == 7 and "any_address" in done.stderr, f"{done}")
    z.zsan("portal", "add", "0.0.0.0", "--port", port, "--group", 9, "--any-address")
    expect(listening(z, port), "it does not listen")
    document = json.loads(z.try_zsan("config", "export").stdout)
    expect(document["portal_groups"]["9"]["portals"] == [{"address": "0.0.0.0", "port": port, "any_address": True}],
           f"{document['portal_groups']}")
    del document["portal_groups"]["9"]["portals"][0]["any_address"]
    path = z.state.parent / "document.json"
    path.write_text(json.dumps(document))
    done = z.try_zsan("config", "apply", str(path))
    expect(done.returncode == 7 and "any_address" in done.stderr, f"{done}")
    document["portal_groups"]["9"]["portals"][0]["interface"] = "lo"  # an interface is as good as an address
    path.write_text(json.dumps(document))
    z.zsan("config", "apply", str(path))
    z.zsan("portal", "remove", "0.0.0.0", "--port", port, "--group", 9)


CASES = [any_address, groups, ipv6, advertised, taken, removed]
