# SPDX-License-Identifier: BSD-2-Clause
"""The matrix of grants, by logging in: each initiator to each target, through each portal, from each source. What is expected is
computed here from what was granted, with Python's own arithmetic of networks; what zsand lists is not asked."""
import concurrent.futures
import ipaddress
import itertools
import struct

import pdu
from esxi import extended_copy, naa
from initiator import CHECK_CONDITION, GOOD, LoginError, Session
from peer import alive, attention, free_port6, gone, targets
from tap import expect
from zsand import IQN, _first_chap

TARGET_WARM_RESET, TARGET_COLD_RESET, NOT_AUTHORISED, BUS_RESET = 6, 7, 6, "06/29/02"
NEAR, LEFT, RIGHT, SIX = "127.0.0.1", "127.0.1.5", "127.0.2.5", "::1"

# tag: (address, source networks; none: all)
PORTALS = {1: (NEAR, ()), 2: (NEAR, ("127.0.1.0/24", "127.0.2.0/24")), 3: (SIX, ())}
SOURCES = {1: (NEAR, LEFT, RIGHT), 2: (NEAR, LEFT, RIGHT), 3: (SIX,)}
# name: (auth, host)
INITIATORS = {"a1": ("mutual", "a"), "a2": ("mutual", "a"), "b": ("mutual", None), "c": ("one-way", None), "d": ("none", None),
              "idle": ("mutual", None)}
NOBODY = "nobody"
NEIGHBOURS = itertools.cycle(range(10, 250))
# name: ({lun: volume}, portal groups)
TARGETS = {"one": ({0: "v0", 1: "v1"}, (1, 2)), "two": ({3: "v1"}, (1,)), "three": ({0: "v2", 300: "v3"}, (2, 3)),
           "four": ({}, (1, 2, 3)), "shut": ({0: "v0"}, (1,))}


class Model:
    """What was said to zsand, and what follows from it."""

    def __init__(self, z):
        self.z = z
        self.portals = {tag: list(sources) for tag, (_, sources) in PORTALS.items()}
        self.grants = {}  # (who, target): networks
        self.disabled = set()
        self.secrets = {}  # (initiator, target), or (initiator, None) for discovery
        self.serials = {}

    # ---- saying it ----------------------------------------------------------------------------------

    def build(self):
        z = self.z
        for tag, (address, sources) in PORTALS.items():
            z.portal(address, free_port6() if ":" in address else None, group=tag, sources=",".join(sources) or None)
        for volume in ("v0", "v1", "v2", "v3"):
            z.volume(volume, "8M", engine="mem", policy="cluster")  # who may, not who was first
            self.serials[volume] = z.zsan("volume", "show", volume)["serial"].encode()
        for name, (luns, tags) in TARGETS.items():
            z.zsan("target", "create", IQN + name, "--portal-groups", ",".join(map(str, tags)))
            for lun, volume in luns.items():
                z.zsan("lun", "add", IQN + name, volume, "--lun", lun)
        z.zsan("host", "add", "a")
        for name, (auth, host) in INITIATORS.items():
            made = z.zsan("initiator", "add", IQN + name, "--auth", auth, *(("--host", host) if host else ()))
            self.secrets[name, None] = _first_chap(made)
        for who, target, networks in (("a", "one", []), ("a2", "one", ["127.0.2.0/24"]), ("b", "one", ["127.0.1.0/24"]),
                                      ("b", "two", []), ("c", "three", ["::1", "127.0.2.5"]), ("d", "four", []),
                                      ("a", "three", ["127.0.2.0/25", "10.0.0.0/8"]), ("b", "shut", []), ("c", "four", [])):
            self.grant(who, target, networks)
        self.disable("shut")

    def _names(self, who):
        return who if who == "a" else IQN + who

    def grant(self, who, target, networks):
        made = self.z.zsan("grant", "add", self._names(who), IQN + target, *(("--sources", ",".join(networks)) if networks else ()))
        self.grants[who, target] = networks
        for m in made.get("minted") or []:
            self.secrets[m["initiator"].removeprefix(IQN), target] = _first_chap({"minted": [m]})

    def fence(self, who, target, networks):
        self.z.zsan("grant", "set", self._names(who), IQN + target, "--sources", ",".join(networks) or "all")
        self.grants[who, target] = networks

    def revoke(self, who, target):
        self.z.zsan("grant", "remove", self._names(who), IQN + target)
        del self.grants[who, target]

    def disable(self, target, yes=True):
        self.z.zsan("target", "set", IQN + target, "--disabled" if yes else "--no-disabled")
        self.disabled = self.disabled | {target} if yes else self.disabled - {target}

    def fence_portal(self, tag, networks):
        address, port = self.z.address(tag - 1)
        self.z.zsan("portal", "set", address, "--port", port, "--group", tag, "--sources", ",".join(networks) or "all")
        self.portals[tag] = networks

    # ---- what follows -------------------------------------------------------------------------------

    @staticmethod
    def inside(source, networks):
        address = ipaddress.ip_address(source)
        return not networks or any(address in ipaddress.ip_network(n) for n in networks)

    def granted(self, initiator, target, source):
        whos = {initiator, INITIATORS.get(initiator, (None, None))[1]}
        return target not in self.disabled and any(self.inside(source, networks) for (who, t), networks in self.grants.items()
                                                   if t == target and who in whos)

    def connects(self, tag, source):
        return self.inside(source, self.portals[tag])

    def lets_in(self, initiator, target, tag, source):
        return (self.connects(tag, source) and tag in TARGETS.get(target, ({}, ()))[1] and self.granted(initiator, target, source))

    # ---- trying it ----------------------------------------------------------------------------------

    def secret(self, initiator, target):
        """Its own, or one that it has for something else."""
        if INITIATORS.get(initiator, ("",))[0] == "none":
            return None
        mine = [chap for (who, _), chap in self.secrets.items() if who == initiator and chap]
        return self.secrets.get((initiator, target)) or (mine or [self.secrets["b", "one"]])[0]

    def log_in(self, initiator, target, tag, source):
        """The session, "closed" or "refused"."""
        try:
            return Session(self.z.address(tag - 1), IQN + target, IQN + initiator, chap=self.secret(initiator, target), source=source)
        except LoginError as e:
            expect(e.status == 0x0201, f"{initiator} to {target}: {e}")
            return "refused"
        except (EOFError, ConnectionError):
            return "closed"


def places():
    return [(tag, source) for tag, sources in SOURCES.items() for source in sources]


def combinations():
    return [(i, t, *place) for i in [*INITIATORS, NOBODY] for t in [*TARGETS, "nothing"] for place in places()]


def sees(model, session, target):
    """The LUNs of the target, each on its volume, and no other."""
    luns = TARGETS[target][0]
    r = session.command(struct.pack(">BBBBBBIBB", 0xa0, 0, 0, 0, 0, 0, 4096, 0, 0), read=4096)
    n = struct.unpack_from(">I", r.data)[0] // 8
    shown = {struct.unpack_from(">H", r.data, 8 + 8 * i)[0] & 0x3fff for i in range(n)}
    expect(r.status == GOOD and shown | {0} == set(luns) | {0} and (0 in shown or 0 not in luns), f"{target}: REPORT LUNS gives {shown}")
    for lun, volume in luns.items():
        serial = session.inquiry(0x80, lun)[4:]
        expect(serial == model.serials[volume], f"{target} LUN {lun} is {serial}, not {volume}")
    for lun in (set(range(5)) | {300}) - set(luns):
        r = session.read(0, 1, lun)
        expect(r.status == CHECK_CONDITION and str(r.sense) == "05/25/00", f"{target} LUN {lun}: {r}")


def neighbour(source):
    """Another one of its network, each time; ::1 has none."""
    return source if ":" in source else f"{source.rpartition('.')[0]}.{next(NEIGHBOURS)}"


def check_login(model, initiator, target, tag, source):
    """What came of it, and what is wrong with that. Who will be refused comes from a neighbour: failures make the next logins from their
    address wait."""
    if not model.lets_in(initiator, target, tag, source):
        source = neighbour(source)
    want = "in" if model.lets_in(initiator, target, tag, source) else "refused" if model.connects(tag, source) else "closed"
    got = model.log_in(initiator, target, tag, source)
    if isinstance(got, Session):
        with got:
            sees(model, got, target)
        got = "in"
    return got, "" if got == want else f"{initiator} to {target} through {tag} from {source}: {got}, not {want}"


def check_logins(model):
    """Many at once, for some wait: see there."""
    with concurrent.futures.ThreadPoolExecutor(48) as pool:
        ends = list(pool.map(lambda c: check_login(model, *c), combinations()))
    wrong, ins = [w for _, w in ends if w], sum(got == "in" for got, _ in ends)
    expect(not wrong, "\n".join(wrong))
    expect(ins >= 10, f"only {ins} were let in: what was tested?")


def check_discovery(model):
    wrong = []
    for initiator in INITIATORS:
        for tag, source in places():
            if not model.connects(tag, source):
                continue
            want = {IQN + t for t in TARGETS if model.granted(initiator, t, source)}
            got = set(targets(model.z.address(tag - 1), IQN + initiator, chap=model.secrets[initiator, None], source=source))
            if got != want:
                wrong.append(f"{initiator} through {tag} from {source} is shown {got}, not {want}")
    expect(not wrong, "\n".join(wrong))


MODEL = []


def serve(z):
    MODEL[:] = [Model(z)]
    MODEL[0].build()


def as_it_is(_):
    """each initiator gets into the targets that it was granted, from where and through which portals, and nowhere else"""
    check_logins(MODEL[0])


def shown(_):
    """discovery shows each initiator what it was granted from where it asks"""
    check_discovery(MODEL[0])


def reset(_):
    """a target reset reaches the disks that the asking session sees, on whatever path, and no other"""
    model = MODEL[0]
    with (model.log_in("a1", "one", 1, NEAR) as asks, model.log_in("b", "two", 1, NEAR) as shares,
          model.log_in("c", "three", 3, SIX) as apart):
        for s, luns in ((asks, (0, 1)), (shares, (3,)), (apart, (0, 300))):
            for lun in luns:
                alive(s, lun)
        asks.send(pdu.build(pdu.TMF | pdu.IMMEDIATE, pdu.FINAL | TARGET_WARM_RESET, itt=asks.next_itt(),
                            words=(pdu.NO_TAG, asks.cmd_sn, asks.exp_stat_sn)))
        while pdu.opcode(p := asks.recv()) != pdu.TMF_RSP:
            asks.other(p)
        asks.exp_stat_sn = pdu.word(p, 24) + 1
        expect(p.bhs[2] == 0, f"the reset is answered with {p.bhs[2]}")
        for s, lun, want in ((asks, 0, BUS_RESET), (asks, 1, BUS_RESET), (shares, 3, BUS_RESET), (apart, 0, ""), (apart, 300, "")):
            got = attention(s, lun)
            expect(got == want, f"LUN {lun} has \"{got}\" instead of \"{want}\"")
        asks.send(pdu.build(pdu.TMF | pdu.IMMEDIATE, pdu.FINAL | TARGET_COLD_RESET, itt=asks.next_itt(),
                            words=(pdu.NO_TAG, asks.cmd_sn, asks.exp_stat_sn)))
        while pdu.opcode(p := asks.recv()) != pdu.TMF_RSP:
            asks.other(p)
        expect(p.bhs[2] == NOT_AUTHORISED, f"the cold reset is answered with {p.bhs[2]}")
        for s, lun in ((shares, 3), (apart, 0)):
            alive(s, lun)


def copies(_):
    """a copy from target to target takes what the initiator has a session for from the same address, and nothing else"""
    model = MODEL[0]
    model.fence("b", "one", ["127.0.0.0/8"])
    with model.log_in("b", "one", 1, NEAR) as asks:
        alive(asks)
        ours = naa(asks, 0)
        with model.log_in("c", "three", 3, SIX) as foreign:
            alive(foreign)
            other = naa(foreign, 0)
            r = extended_copy(asks, ours, other, 0, 0, 8)
            expect(r.status == CHECK_CONDITION, f"a copy to a disk of somebody else's session: {r}")
        model.grant("b", "three", ["127.0.0.0/8"])
        with model.log_in("b", "three", 2, LEFT) as there:
            alive(there)
            r = extended_copy(asks, ours, other, 0, 0, 8)
            expect(r.status == CHECK_CONDITION, f"a copy through a session from another address: {r}")
        with model.log_in("b", "three", 2, RIGHT) as there, model.log_in("b", "one", 2, RIGHT) as asks_too:
            alive(there)
            alive(asks_too)
            r = extended_copy(asks_too, ours, other, 0, 0, 8)
            expect(r.status == GOOD, f"a copy through a session from the same address: {r}")
    model.revoke("b", "three")
    model.fence("b", "one", ["127.0.1.0/24"])


# One after the other.
CHANGES = {
    "a grant is limited to a network": lambda m: m.fence("a", "one", ["127.0.2.0/24"]),
    "a grant is for another network": lambda m: m.fence("b", "one", ["127.0.0.0/24", "127.0.2.0/24"]),
    "a grant is for all networks again": lambda m: m.fence("c", "three", []),
    "a grant goes": lambda m: m.revoke("b", "two"),
    "a grant comes": lambda m: m.grant("d", "two", ["127.0.1.5"]),
    "a portal is limited to a network": lambda m: m.fence_portal(1, ["127.0.0.0/23"]),
    "a portal is for another family": lambda m: m.fence_portal(3, ["0.0.0.0/0"]),
    "a portal is for all again": lambda m: (m.fence_portal(2, []), m.fence_portal(3, [])),
    "a target is disabled, another enabled": lambda m: (m.disable("four"), m.disable("shut", False)),
}


def live(_):
    """a change ends the sessions that it takes the ground from, and no other; afterwards the matrix is right again"""
    model = MODEL[0]
    for what, change in CHANGES.items():
        sessions = {c: model.log_in(*c) for c in combinations() if model.lets_in(*c)}
        change(model)
        for c, s in sessions.items():
            with s:
                if model.lets_in(*c):
                    alive(s) if TARGETS[c[1]][0] and 0 in TARGETS[c[1]][0] else expect(not s.closed(0.01), f"{what}: {c} is gone")
                else:
                    gone(s)
    check_discovery(model)
    check_logins(model)


def restarted(z):
    """so it stays after a restart, and after the configuration was exported and applied"""
    document = z.state.parent / "matrix.json"
    document.write_text(z.try_zsan("config", "export").stdout)
    expect(z.zsan("config", "plan", str(document)) == [], "exporting and applying would change something")
    z.zsan("config", "apply", str(document))
    z.restart()
    check_logins(MODEL[0])


CASES = [shown, as_it_is, reset, copies, live, restarted]
