# SPDX-License-Identifier: BSD-2-Clause
"""RADIUS: initiators whose secrets Debian's freeradius knows, servers that fail, and servers that lie."""
import json
import threading
import time
from contextlib import contextmanager

import child
import radiusd
from initiator import Chap, LoginError, Session
from peer import NAME, OTHER, alive, logged, refused, targets
from radiusd import ACCEPT, REJECT, SHARED, Freeradius, Stub, free_port, signed
from tap import expect
from zsand import IQN, Zsand, _first_chap, work_dir

OWN_DAEMONS = True
missing = radiusd.missing
SECRET = "alice-proves-herself"
AUTH_FAILED, UNAVAILABLE, OUT_OF_RESOURCES = 0x0201, 0x0301, 0x0302


def add_server(z, port, secret=SHARED, **options):
    path = z.log_path.parent / "shared"
    path.write_text(secret + "\n")
    return z.zsan("radius", "add", "127.0.0.1", "--port", port, "--secret-file", path, *z._flags(options))


def server(z, port):
    return next(s for s in z.zsan("radius", "list") if s["port"] == port)


@contextmanager
def front(*ports, secret=SHARED, **options):
    """A daemon that asks these servers about alice; bob's secrets are its own. Gives it and both's secrets."""
    with Zsand(work_dir("e2e-radius")) as z:
        z.portal()
        z.volume("v", "16M", engine="mem")
        z.target("t", ["v"])
        z.target("other")
        for port in ports:
            add_server(z, port, secret, **options)
        bob = (z.initiator(OTHER, auth="mutual"), z.grant(OTHER, "t"))[1]
        yield z, *alice(z), bob
        z.check()


def alice(z):
    """Makes her known: her chap for target t, and for discovery."""
    found = z.zsan("initiator", "add", NAME, "--auth", "mutual", "--verify", "radius")
    granted = z.zsan("grant", "add", NAME, IQN + "t")
    out = []
    for answer in (granted, found):
        m, = answer["minted"]
        expect("secret" not in m, "a secret was minted that nobody will ask for")
        out.append(Chap(NAME, SECRET, m["reverse_name"], m["reverse_secret"]))
    return out


def login(z, chap, **options):
    return z.session("t", NAME, chap=chap, **options)


def why(z, event="login.refused"):
    return logged(z, event)[-1]["text"]


def freeradius():
    """freeradius lets in who knows the secret, to targets and to discovery, and nobody else; the target proves itself by its own"""
    with Freeradius(work_dir("e2e-radiusd"), {NAME: SECRET}) as radius, front(radius.port) as (z, chap, found, _):
        with login(z, chap) as s:
            alive(s)
            auth = [s["auth"] for s in z.zsan("session", "list")]
            expect(auth == ["CHAP MD5 mutual by RADIUS"], f"{auth}")
        expect(list(targets(z.address(), NAME, chap=found)) == [IQN + "t"], "discovery shows something else")
        with refused(AUTH_FAILED):
            login(z, chap._replace(secret="alice-has-forgotten-it"))
        expect("RADIUS rejects it" in why(z), why(z))
        with refused(0xffff):  # by the initiator
            login(z, chap._replace(reverse_secret="another-secret-than-ours"))
        with refused(AUTH_FAILED):
            login(z, chap._replace(reverse_secret=None))
        expect("mutual" in why(z), why(z))
        with refused(AUTH_FAILED):
            login(z, chap._replace(name="somebody"))
        s = server(z, radius.port)
        expect(s["state"] == "answers" and s["rejected"] == 1 and s["accepted"] == 4 and s["unanswered"] == 0, f"{s}")
        expect(radius.log().count("Login OK") == 4 and radius.log().count("Login incorrect") == 1, radius.log())


def same_answer():
    """a target that is not hers, one that is not there and a wrong secret end alike, after RADIUS was asked; SHA is not offered"""
    with Freeradius(work_dir("e2e-radiusd"), {NAME: SECRET}) as radius, front(radius.port) as (z, chap, *_):
        for target in ("other", "nowhere"):
            asked = radius.log().count("Login OK")
            with refused(AUTH_FAILED):
                z.session(target, NAME, chap=chap)
            expect(radius.log().count("Login OK") == asked + 1, "RADIUS was not asked")
        expect("there is no such target" in why(z), why(z))
        with refused(AUTH_FAILED):
            login(z, chap, algorithms="7,8")
        expect("no CHAP algorithm that is allowed" in why(z), why(z))
        with login(z, chap, algorithms="8,7,6,5") as s:
            alive(s)


def failover():
    """a server that is not there and one that is silent are passed over, and asked last from then on"""
    silent = Stub(lambda request, n: [])
    with Freeradius(work_dir("e2e-radiusd"), {NAME: SECRET}) as radius, \
            front(free_port(), silent.port, radius.port, timeout_ms=200, tries=2) as (z, chap, *_), silent:
        login(z, chap).logout()
        expect(len(silent.requests) == 2 and silent.requests[0] == silent.requests[1], f"{len(silent.requests)} requests")
        states = [s["state"] for s in z.zsan("radius", "list")]
        expect(states == ["silent", "silent", "answers"], f"{states}")
        reasons = [s.get("reason") for s in z.zsan("radius", "list")]
        expect(reasons[:2] == ["Connection refused", "no answer"], f"{reasons}")
        expect(len(logged(z, "radius.silent")) == 2, "two servers are not told of")
        login(z, chap).logout()
        expect(len(silent.requests) == 2, "the silent one was asked first again")


def comes_back():
    """the last server that died is asked again, and answers when it is back"""
    with Freeradius(work_dir("e2e-radiusd"), {NAME: SECRET}) as radius, front(radius.port, timeout_ms=200) as (z, chap, *_):
        login(z, chap).logout()
        radius.stop()
        with refused(UNAVAILABLE):
            login(z, chap)
        expect("no RADIUS server answers" in why(z), why(z))
        radius.start()
        login(z, chap).logout()
        expect(server(z, radius.port)["state"] == "answers" and logged(z, "radius.answers"), "nobody says that it is back")


def dead():
    """while no server answers, who is verified here logs in; who waits is told that the service is not available"""
    with Stub(lambda request, n: []) as one, Stub(lambda request, n: []) as two, \
            front(one.port, two.port, timeout_ms=2000, tries=2) as (z, chap, _, bob):
        ends = []

        def wait():
            try:
                login(z, chap)
            except LoginError as e:
                ends.append(e.status)

        waiting = [threading.Thread(target=wait) for _ in range(8)]
        for w in waiting:
            w.start()
        child.wait_for("the first server is asked", lambda: len(one.requests) >= 8)
        for _ in range(5):
            with z.session("t", OTHER, chap=bob) as s:
                alive(s)
        expect(not ends, "the first was over already: nothing was shown")
        for w in waiting:
            w.join()
        expect(ends == [UNAVAILABLE] * 8, f"{[hex(e) for e in ends]}")
        expect("no RADIUS server answers" in why(z), why(z))


def liars():
    """nothing counts but the right answer to this request: not unsigned, not forged, not another's, not twice"""
    def without_mac(request, n):
        return [signed(request, ACCEPT, mac=False)]

    def another_secret(request, n):
        return [signed(request, ACCEPT, secret="another-secret-than-theirs")]

    def another_request(request, n):
        return [signed(request, ACCEPT, identifier=request[1] ^ 1), signed(bytes(4) + bytes(16), ACCEPT, identifier=request[1])]

    def garbage(request, n):
        whole = signed(request, ACCEPT)
        return [b"", b"\2", request, whole[:-1], whole[:20], bytes([5]) + whole[1:], signed(request, ACCEPT, attributes=b"\1\1"),
                bytes(4096), whole[:21] + b"\0" + whole[22:]]

    for lie in (without_mac, another_secret, another_request, garbage):
        with Stub(lie) as stub, front(stub.port, timeout_ms=100, tries=2) as (z, chap, *_):
            with refused(UNAVAILABLE):
                login(z, chap)
            expect(len(stub.requests) == 2 and "counts" in server(z, stub.port)["reason"], f"{server(z, stub.port)}")
            stub.answer = lambda request, n, lie=lie: lie(request, n) + [signed(request, ACCEPT), signed(request, REJECT)]
            login(z, chap).logout()
            stub.answer = lambda request, n, lie=lie: lie(request, n) + [signed(request, REJECT), signed(request, ACCEPT)]
            with refused(AUTH_FAILED):
                login(z, chap)


def late():
    """a lost answer is asked for again by the same request, and one for another service is none"""
    with Stub(lambda request, n: [signed(request, ACCEPT)] if n == 3 else []) as stub, \
            front(stub.port, timeout_ms=100) as (z, chap, *_):
        login(z, chap).logout()
        expect(len(stub.requests) == 3 and len(set(stub.requests)) == 1, "the requests differ")
        stub.answer = lambda request, n: [signed(request, ACCEPT, attributes=b"\6\6\0\0\0\6")]
        with refused(AUTH_FAILED):
            login(z, chap)
        expect("another service" in why(z), why(z))


def cut_off():
    """who goes away or waits too long holds nothing; the login's own time ends it"""
    with Stub(lambda request, n: []) as stub, front(stub.port, timeout_ms=60000, tries=10) as (z, chap, _, bob):
        z.limits(login_timeout_ms=3000)
        begun = time.monotonic()
        with refused(UNAVAILABLE):
            login(z, chap)
        expect(time.monotonic() - begun >= 1, "it did not wait")
        z.session("t", OTHER, chap=bob).logout()
        child.wait_for("all logins are over", lambda: z.zsan("stats")["totals"]["logins_in_progress"] == 0)


def configuration():
    """what cannot work is refused with what to do, and secrets are nowhere but in their file"""
    with Stub(lambda request, n: []) as stub, Zsand(work_dir("e2e-radius")) as z:
        z.portal()
        z.target("t")

        def no(text, *args):
            done = z.try_zsan(*map(str, args))
            expect(done.returncode != 0 and text in done.stderr, f"{args}: {done.returncode} {done.stderr}")

        no("there is no server", "initiator", "add", NAME, "--verify", "radius")
        add_server(z, stub.port)
        again = z.log_path.parent / "shared"
        no("there already", "radius", "add", "127.0.0.1", "--port", stub.port, "--secret-file", again)
        no("no numeric", "radius", "add", "radius.example", "--secret-file", again)
        no("md5", "initiator", "add", NAME, "--verify", "radius", "--chap", "sha256,sha3-256")
        no("auth none", "initiator", "add", NAME, "--verify", "radius", "--auth", "none")
        alice_chap, _ = alice(z)
        no("does not allow md5", "initiator", "set", NAME, "--chap", "sha256")
        no("there is no server", "radius", "remove", "127.0.0.1", "--port", stub.port)
        no("there is no RADIUS server", "radius", "set", "127.0.0.1", "--tries", "2")
        own = z.log_path.parent / "own"
        own.write_text("alices-own-secret\n\n")
        no("verified by RADIUS", "grant", "secret", NAME, IQN + "t", "--secret-file", own)
        own.write_text(alice_chap.reverse_secret + "\n")
        no("used twice", "radius", "secret", "127.0.0.1", "--port", stub.port, "--secret-file", own)
        own.write_text("short\n")
        no("12 to 255", "radius", "secret", "127.0.0.1", "--port", stub.port, "--secret-file", own)
        z.zsan("radius", "set", "127.0.0.1", "--port", stub.port, "--timeout-ms", 300)
        expect(server(z, stub.port)["timeout_ms"] == 300, "the timeout stays")
        m, = z.zsan("grant", "rotate", NAME, IQN + "t")["minted"]
        expect("secret" not in m and m["reverse_secret"] != alice_chap.reverse_secret, "rotated what is not here")
        exported = z.zsan("config", "export")
        expect(SHARED not in json.dumps(exported) and exported["radius"]["servers"][0]["port"] == stub.port, "export")
        expect(SHARED in z.try_zsan("config", "export", "--with-secrets").stdout, "--with-secrets leaves it out")
        z.restart()
        expect(server(z, stub.port)["timeout_ms"] == 300, "a restart forgets")
        back = z.zsan("initiator", "set", NAME, "--verify", "local")
        expect({m.get("target", "") for m in back["minted"]} == {"", IQN + "t"}, "the new secrets are not shown")
        chap = next(Chap(m["name"], m["secret"], None, None) for m in back["minted"] if m.get("target"))
        z.zsan("initiator", "set", NAME, "--auth", "one-way")
        z.session("t", NAME, chap=chap).logout()
        z.zsan("radius", "remove", "127.0.0.1", "--port", stub.port)
        expect(SHARED not in z.try_zsan("config", "export", "--with-secrets").stdout, "the secret of a server that is gone is kept")


def iscsitadm():
    """iscsitadm sets the one server and its secret, and shows it"""
    with Stub(lambda request, n: []) as stub, Zsand(work_dir("e2e-radius")) as z:
        path = z.log_path.parent / "shared"

        def type_line(*words):
            return z.try_zsan("iscsitadm", *words, "--secret-file", str(path))

        for secret in (SHARED, SHARED + "-2"):
            path.write_text(secret + "\n")
            done = type_line("modify", "admin", "--radius-server", f"127.0.0.1:{stub.port}", "--radius-secret")
            expect(done.returncode == 0, done.stderr)
            expect(f'"{secret}"' in z.try_zsan("config", "export", "--with-secrets").stdout, "the secret is another")
        done = z.try_zsan("iscsitadm", "list", "admin")
        expect(f"RADIUS Server: 127.0.0.1 port {stub.port}" in done.stdout and "State: unasked" in done.stdout, done.stdout)
        done = z.try_zsan("iscsitadm", "modify", "admin", "--radius-access", "enable")
        expect(done.returncode != 0 and "--verify radius" in done.stderr, done.stderr)


CASES = [freeradius, same_answer, failover, comes_back, dead, liars, late, cut_off, configuration, iscsitadm]
