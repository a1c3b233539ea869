# SPDX-License-Identifier: BSD-2-Clause
"""Discovery: who sees what, its own secrets, and logins that are sent elsewhere."""
import child
from initiator import LoginError, Session
from peer import NAME, OTHER, refused, targets
from tap import Failure, expect
from zsand import IQN, Zsand, work_dir

CAROL = IQN + "carol"
SECRETS = {}


def serve(z):
    z.portal()
    z.volume("v", "16M", engine="mem")
    for name in ("a", "b", "c"):
        z.target(name, ["v"])
    z.initiator(NAME)
    z.initiator(OTHER)
    SECRETS["discovery"] = z.initiator(CAROL, auth="mutual")
    z.grant(NAME, "a")
    z.grant(NAME, "b")
    z.grant(OTHER, "b")
    SECRETS["grant"] = z.grant(CAROL, "c")


def filtered(z):
    """each initiator sees what it is granted, and nothing else"""
    expect(set(targets(z.address(), NAME)) == {IQN + "a", IQN + "b"}, "alice")
    expect(set(targets(z.address(), OTHER)) == {IQN + "b"}, "bob")
    with refused(0x0201):
        targets(z.address(), IQN + "nobody")


def own_secrets(z):
    """discovery has secrets of its own: those of a grant do not open it, nor the other way round"""
    expect(set(targets(z.address(), CAROL, chap=SECRETS["discovery"])) == {IQN + "c"}, "carol")
    with refused(0x0201):
        targets(z.address(), CAROL, chap=SECRETS["grant"])
    with refused(0x0201):
        targets(z.address(), CAROL)
    with refused(0x0201):
        z.session("c", CAROL, chap=SECRETS["discovery"])
    z.session("c", CAROL, chap=SECRETS["grant"]).logout()


def follows_grants(z):
    """a grant that comes or goes is seen by the next discovery"""
    z.grant(OTHER, "c")
    expect(IQN + "c" in targets(z.address(), OTHER), "the new grant is not seen")
    z.zsan("grant", "remove", OTHER, IQN + "c")
    expect(IQN + "c" not in targets(z.address(), OTHER), "the old grant is still seen")


def moved(z, there, status):
    try:
        Session(z.address(), IQN + "a", NAME).close()
    except LoginError as e:
        expect(e.status == status, f"{e}")
        expect(e.keys.get("TargetAddress", "").startswith(there), f"{e.keys}")
        return
    raise Failure("the login was not redirected")


def redirect(z):
    """a target that moved answers 0101 or 0102 with the new address, and libiscsi goes there"""
    with Zsand(work_dir("e2e-redirect")) as other:
        serve_redirected(other)
        there = "%s:%d" % other.address()
        z.zsan("target", "set", IQN + "a", "--redirect", there)
        moved(z, there, 0x0101)
        done = child.run(["iscsi-inq", "-i", NAME, z.url("a")], timeout=20)
        expect(done.returncode == 0 and "ZSAN" in done.stdout, f"iscsi-inq: {done.stdout} {done.stderr}")
        z.zsan("target", "set", IQN + "a", "--redirect-permanent")
        moved(z, there, 0x0102)
        proved_first(z, there)
    z.zsan("target", "set", IQN + "a", "--redirect", "")
    z.session("a", NAME).logout()


def proved_first(z, there):
    """Also when both sides prove themselves first, with different secrets here and there."""
    z.zsan("target", "set", IQN + "c", "--redirect", there)
    with refused(0x0101):
        z.session("c", CAROL, chap=SECRETS["grant"])
    with refused(0x0201):
        z.session("c", CAROL, chap=SECRETS["discovery"])
    with refused(0x0201):
        z.session("c", CAROL)
    z.zsan("target", "set", IQN + "c", "--redirect", "")


def serve_redirected(z):
    z.portal()
    z.volume("v", "16M", engine="mem")
    z.target("a", ["v"])
    z.initiator(NAME)
    z.grant(NAME, "a")


CASES = [filtered, own_secrets, follows_grants, redirect]
