# SPDX-License-Identifier: BSD-2-Clause
"""Who may not log in learns nothing: the bytes that zsand sends are the same, but for random parts, whether a name is unknown, a
target is not there, not granted, disabled, moved, not in this portal group, or the source network is wrong."""
import os
import re
import socket

from initiator import HASHES, OPERATIONAL, SECURITY, LoginError, Session
from pdu import loopback_addresses
from peer import NAME, OTHER, logged
from tap import Skip, expect
from zsand import IQN

NOBODY = IQN + "nobody"
SECRETS = {}
NETWORK = "127.0.9.0/24"
ELSEWHERE = loopback_addresses(8)


def serve(z):
    z.portal()
    z.portal(group=2)
    z.volume("v", "16M", engine="mem")
    for name in ("open", "bare", "closed", "moved", "fenced"):
        z.target(name, ["v"])
        z.zsan("target", "set", IQN + name, "--alias", f"the {name} one", "--portal-groups", "1")
    z.zsan("target", "create", IQN + "elsewhere", "--portal-groups", "2")
    z.initiator(NAME, auth="mutual")
    z.initiator(OTHER, auth="mutual")
    for name in ("open", "closed", "moved", "fenced", "elsewhere"):
        SECRETS[name] = z.grant(NAME, name)
    z.zsan("target", "set", IQN + "closed", "--disabled")
    z.zsan("target", "set", IQN + "moved", "--redirect", "192.0.2.7:3260")
    z.zsan("grant", "set", NAME, IQN + "fenced", "--sources", NETWORK)


# Who asks for what, and why it is refused: (initiator, target).
REFUSED = {
    "an unknown initiator": (NOBODY, "open"),
    "an unknown initiator, of a target that moved": (NOBODY, "moved"),
    "an unknown initiator, of one that is not there": (NOBODY, "nothing"),
    "a target that is not there": (NAME, "nothing"),
    "a target that is not granted": (NAME, "bare"),
    "a target that is granted to another": (OTHER, "open"),
    "a disabled target": (NAME, "closed"),
    "a target that moved": (NAME, "moved"),
    "a target of another portal group": (NAME, "elsewhere"),
    "the wrong source network": (NAME, "fenced"),
    "the wrong secret": (NAME, "open"),
}


class Transcript(Session):
    """A login that keeps every byte it is sent, to its end, whoever ends it."""

    def __init__(self, address, initiator, target, steps):
        self.heard = []
        self.steps = steps
        try:
            super().__init__(address, IQN + target if target else None, initiator, source=next(ELSEWHERE),
                             isid=b"\x80\1\2\3\0\0", discovery=target is None, timeout=20)
        except (LoginError, EOFError):
            pass

    def recv(self):
        p = super().recv()
        self.heard.append(p)
        return p

    def close(self):
        self.sock.settimeout(20)
        try:
            rest = self.sock.recv(65536)
        except ConnectionError:
            rest = b"reset"
        self.heard.append(rest)
        super().close()

    def _login(self, names, chap):
        said = {}
        for stage, to, transit, keys in self.steps:
            said = self._step(stage, to, {**names, **keys(said)}, transit)
            names = {}
        raise AssertionError("the login was let through")


def response(algorithm, secret):
    def keys(said):
        digest = HASHES[algorithm](bytes([int(said["CHAP_I"])]) + secret.encode() + bytes.fromhex(said["CHAP_C"][2:]))
        return {"CHAP_N": NAME, "CHAP_R": "0x" + digest.hexdigest(), "CHAP_I": "9", "CHAP_C": "0x" + "5a" * 16}
    return keys


def chap(algorithm, final=True):
    return [(SECURITY, SECURITY, False, lambda said: {"AuthMethod": "CHAP,None"}),
            (SECURITY, SECURITY, False, lambda said: {"CHAP_A": algorithm}),
            (SECURITY, OPERATIONAL, final, response(algorithm.split(",")[0], "a guess that is wrong"))]


# Ways of asking.
WAYS = {
    "CHAP with SHA-256": chap("7"),
    "CHAP with SHA3-256, of four": chap("8,7,6,5"),
    "CHAP with MD5": chap("5"),
    "CHAP that stays in its stage": chap("7", final=False),
    "an algorithm that nobody has": chap("4,9"),
    "nothing offered at first": [(SECURITY, SECURITY, False, lambda said: {}), *chap("7")],
    "no authentication": [(SECURITY, OPERATIONAL, True, lambda said: {"AuthMethod": "None"})],
    "no security stage": [(OPERATIONAL, 3, True, lambda said: {"MaxBurstLength": "65536"})],
    "no CHAP response": [*chap("7")[:2], (SECURITY, OPERATIONAL, True, lambda said: {"CHAP_N": NAME})],
    "half a response": [*chap("7")[:2], (SECURITY, OPERATIONAL, True, lambda said: {"CHAP_N": NAME, "CHAP_R": "0x5a"})],
    "a name that changes": [*chap("7")[:1], (SECURITY, SECURITY, False, lambda said: {"TargetName": IQN + "x", "CHAP_A": "7"})],
}
RANDOM = re.compile(rb"(CHAP_I=)\d+|(CHAP_C=0x)[0-9a-f]+")


def masked(heard):
    """The bytes without CHAP's identifier and challenge; their lengths count, but for the identifier's digits."""
    out = []
    for p in heard:
        if isinstance(p, bytes):
            out.append(p)
            continue
        data = RANDOM.sub(lambda m: m[1] + b"?" if m[1] else m[2] + b"?%d" % len(m[0]), p.data)
        digits = len(RANDOM.search(p.data)[0]) - len("CHAP_I=") if b"CHAP_I=" in p.data else 0
        length = int.from_bytes(p.bhs[5:8], "big") - digits
        out.append(p.bhs[:5] + length.to_bytes(3, "big") + p.bhs[8:] + data)
    return out


def same(z, cases, ways=tuple(WAYS)):
    wrong = []
    for way in ways:
        steps = WAYS[way]
        first = None
        for what, (initiator, target) in cases.items():
            heard = masked(Transcript(z.address(), initiator, target, steps).heard)
            expect(len(heard) >= 2, f"{way}, {what}: no answer at all")
            first = first or (what, heard)
            if heard != first[1]:
                wrong.append(f"{way}: {what} and {first[0]} differ:\n{heard}\n{first[1]}")
    expect(not wrong, "\n".join(wrong))


def targets_are_not_told(z):
    """a refused login sends the same bytes whatever is the reason, in every way of asking"""
    same(z, REFUSED)


def discovery(z):
    """a discovery by nobody and one with a wrong secret send the same bytes"""
    same(z, {"an unknown initiator": (NOBODY, None), "a known one": (NAME, None), "another": (OTHER, None)},
         [way for way in WAYS if way != "a name that changes"])  # no target is named


def operators_are_told(z):
    """the log says which reason it was, and the counters count"""
    before = z.zsan("stats")["totals"]
    reasons = {"an unknown initiator": "is not known", "a target that is not there": "no such target",
               "a target that is not granted": "not granted", "a disabled target": "disabled",
               "a target of another portal group": "portal group", "the wrong source network": "source network",
               "the wrong secret": "CHAP failed"}
    for what, reason in reasons.items():
        Transcript(z.address(), *REFUSED[what], WAYS["CHAP with SHA-256"])
        last = logged(z, "login.refused")[-1]["text"]
        expect(reason in last and "auth=\"CHAP SHA-256\"" in last, f"{what}: {last}")
    after = z.zsan("stats")["totals"]
    expect(after["logins_refused"] - before["logins_refused"] == len(reasons), f"{before} {after}")
    expect(after["sources_refused"] - before["sources_refused"] == 1, f"{before} {after}")


def who_may_is_told(z):
    """who proves itself is told the alias, and where a target went"""
    s = z.session("open", NAME, chap=SECRETS["open"])
    s.close()
    try:
        z.session("moved", NAME, chap=SECRETS["moved"]).close()
    except LoginError as e:
        expect(e.status == 0x0101 and e.keys == {"TargetAddress": "192.0.2.7:3260"}, f"{e} {e.keys}")
    else:
        expect(False, "it was not redirected")


def control_plane(z):
    """a storage portal answers no control request, and zsand listens for TCP at its portals alone"""
    for words in (b'{"jsonrpc":"2.0","id":1,"method":"status"}\n', b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                  b'{"jsonrpc":"2.0","id":1,"method":"config.export","params":{"with_secrets":true}}\n' * 20):
        with socket.create_connection(z.address(), 10) as s:
            s.sendall(words)
            s.shutdown(socket.SHUT_WR)
            heard = b""
            try:
                while piece := s.recv(65536):
                    heard += piece
            except ConnectionError:
                pass
            expect(b"result" not in heard and b"jsonrpc" not in heard and b"HTTP" not in heard, f"{heard}")
    if not os.access(f"/proc/{z.process.pid}/fd", os.R_OK):
        raise Skip("the process does not let its sockets be looked at")
    ours = {os.readlink(f"/proc/{z.process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{z.process.pid}/fd")}
    ports = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{z.process.pid}/net/{table}", encoding="ascii") as f:
            for line in list(f)[1:]:
                word = line.split()
                if word[3] == "0A" and f"socket:[{word[9]}]" in ours:
                    ports.add(int(word[1].rpartition(":")[2], 16))
    expect(ports == {port for _, port in z.portals}, f"it listens at {ports}")


CASES = [targets_are_not_told, discovery, operators_are_told, who_may_is_told, control_plane]
