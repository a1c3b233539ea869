# SPDX-License-Identifier: BSD-2-Clause
"""CHAP: all algorithms, one-way and mutual, what an operator allows, and secrets that change under a session."""
import json
import time

from initiator import Session
from peer import NAME, OTHER, alive, logged, refused, session_ids
from tap import expect
from zsand import IQN, _first_chap

ALGORITHMS = {"5": "MD5", "6": "SHA-1", "7": "SHA-256", "8": "SHA3-256"}
CAROL, DAVE = IQN + "carol", IQN + "dave"
SECRETS, DISCOVERY = {}, {}


def serve(z):
    z.portal()
    z.volume("v", "16M", engine="mem")
    z.target("t", ["v"])
    for name, auth in ((NAME, "mutual"), (OTHER, "one-way"), (CAROL, "mutual")):
        DISCOVERY[name] = z.initiator(name, auth=auth)
        SECRETS[name] = z.grant(name, "t")


def auth_of(z, initiator):
    return [s["auth"] for s in z.zsan("session", "list") if s["initiator"] == initiator]


def algorithms(z):
    """each algorithm proves both sides, and one side"""
    for number, name in ALGORITHMS.items():
        with z.session("t", NAME, chap=SECRETS[NAME], algorithms=number) as s:
            alive(s)
            expect(auth_of(z, NAME) == [f"CHAP {name} mutual"], f"{auth_of(z, NAME)}")
        one_way = SECRETS[OTHER]._replace(reverse_secret=None)
        with z.session("t", OTHER, chap=one_way, algorithms=number) as s:
            alive(s)
            expect(auth_of(z, OTHER) == [f"CHAP {name}"], f"{auth_of(z, OTHER)}")


def wrong(z):
    """a wrong secret, a wrong name, no proof asked of the target and no proof at all are refused"""
    right = SECRETS[NAME]
    for chap in (right._replace(secret="not-the-secret-at-all"), right._replace(name="somebody"),
                 right._replace(reverse_secret=None), SECRETS[CAROL], None):
        with refused(0x0201):
            z.session("t", NAME, chap=chap)
    z.session("t", NAME, chap=right).logout()


def allowed(z):
    """an algorithm that the operator does not allow is not chosen"""
    z.zsan("initiator", "set", CAROL, "--chap", "sha256,sha3-256")
    with z.session("t", CAROL, chap=SECRETS[CAROL], algorithms="5,6,7"):
        expect(auth_of(z, CAROL) == ["CHAP SHA-256 mutual"], f"{auth_of(z, CAROL)}")
    with refused(0x0200, 0x0201):
        z.session("t", CAROL, chap=SECRETS[CAROL], algorithms="5,6")


def login(z, target, who, algorithms):
    """To a target, or (None) for discovery. Who has no secrets comes with those of NAME."""
    if target:
        return z.session(target, who, chap=SECRETS.get(who, SECRETS[NAME]), algorithms=algorithms)
    return Session(z.address(), None, who, discovery=True, chap=DISCOVERY.get(who, DISCOVERY[NAME]), algorithms=algorithms)


def may_be_weak(z):
    score = json.loads(z.try_zsan("audit", "--json").stdout)
    return [f["object"] for f in score["findings"] if f["check"] == "chap-require"]


def required(z):
    """what all logins must use at least holds for each initiator and for discovery, is refused where somebody could then not log in at all,
    and no session ends by it"""
    with z.session("t", NAME, chap=SECRETS[NAME], algorithms="5") as s:
        DISCOVERY[DAVE] = z.initiator(DAVE, auth="mutual")
        z.zsan("initiator", "set", DAVE, "--chap", "md5,sha1")
        done = z.try_zsan("limits", "set", "--chap-require", "sha256")
        expect(done.returncode != 0 and DAVE in done.stderr and NAME not in done.stderr, f"{done}")
        expect(z.zsan("status")["chap_require"] == "md5", "it was refused, and holds")
        z.session("t", NAME, chap=SECRETS[NAME], algorithms="5,6").logout()
        z.zsan("initiator", "set", DAVE, "--chap", "all")
        z.limits(chap_require="sha256")
        expect(z.zsan("status")["chap_require"] == "sha256" and "sha256" in z.try_zsan("status").stdout, "the status")
        for who in (NAME, DAVE, IQN + "stranger"):
            for target in ("t", None):
                with refused(0x0201):
                    login(z, target, who, algorithms="5,6")
                log = logged(z, "login.refused")[-1]["text"]
                expect("auth=none" in log and (who != NAME or "algorithm" in log), f"a challenge was sent: {log}")
        for target in ("t", None):
            login(z, target, NAME, algorithms="5,6,7").logout()
        done = z.try_zsan("initiator", "set", DAVE, "--chap", "md5")
        expect(done.returncode != 0 and DAVE in done.stderr, f"{done}")
        alive(s)
        weak = [x for x in z.zsan("session", "list") if x["initiator"] == NAME]
        expect([x["auth"] for x in weak] == ["CHAP MD5 mutual"], f"{weak}")
        z.restart()
        with refused(0x0201):
            login(z, "t", NAME, algorithms="5,6")
        expect(not may_be_weak(z), f"{may_be_weak(z)}")
        z.limits(chap_require="md5")
        found = may_be_weak(z)
        expect(NAME in found and CAROL not in found, f"{found}")
        login(z, "t", NAME, algorithms="5").logout()


def grant_row(z, name):
    return next(g for g in z.zsan("grant", "list") if g["initiator"] == name and g["target"] == IQN + "t")


def last_used(z):
    """when, by what and from where each secret was used last is known, also after a restart, and of new secrets nothing"""
    z.grant(DAVE, "t")
    expect("last_use" not in grant_row(z, DAVE) and "discovery_last_use" not in z.zsan("initiator", "show", DAVE), "nobody came")
    login(z, "t", NAME, "6").logout()
    login(z, None, NAME, "7").logout()
    with refused(0x0201):
        z.session("t", CAROL, chap=SECRETS[NAME])
    before = grant_row(z, CAROL)
    for _ in range(2):
        g, i = grant_row(z, NAME), z.zsan("initiator", "show", NAME)
        expect((g["last_algorithm"], g["last_address"]) == ("sha1", "127.0.0.1") and g["last_use"] >= g["minted"], f"{g}")
        expect(i["discovery_last_algorithm"] == "sha256" and i["discovery_last_use"] >= g["last_use"], f"{i}")
        expect(grant_row(z, CAROL) == before, "a login that was refused is no use")
        z.restart()
    expect("LAST USED" in z.try_zsan("grant", "list").stdout, "the table")


def rotation(z):
    """new secrets work beside the old ones until the old are finished, and no session ends"""
    old = SECRETS[NAME]
    with z.session("t", NAME, chap=old) as s:
        before = session_ids(z, NAME)
        time.sleep(1.1)  # uses are told by the second
        new = _first_chap(z.zsan("grant", "rotate", NAME, IQN + "t"))
        expect(new.secret != old.secret, "the secret is the old one")
        expect("previous_last_use" not in grant_row(z, NAME), "nobody came by the old ones")
        z.session("t", NAME, chap=old).logout()  # proves itself, and has the target do so, by what it knows
        expect("previous_last_use" in grant_row(z, NAME) and "last_use" not in grant_row(z, NAME), f"{grant_row(z, NAME)}")
        z.session("t", NAME, chap=new).logout()
        expect("last_use" in grant_row(z, NAME), f"{grant_row(z, NAME)}")
        z.zsan("grant", "finish", NAME, IQN + "t")
        with refused(0x0201):
            z.session("t", NAME, chap=old)
        z.session("t", NAME, chap=new).logout()
        alive(s)
        expect(before <= session_ids(z, NAME), "the session ended")
        SECRETS[NAME] = new


def lowered(z):
    """who proves less than both ways is named in the log when that is said, and in the status for as long as it lasts"""
    def named(initiator):
        return [p["text"] for p in z.zsan("status")["problems"] if p["object"] == "initiator " + initiator]

    expect(not named(NAME) and "one-way" in named(OTHER)[0], f"{z.zsan('status')['problems']}")
    z.zsan("initiator", "set", NAME, "--auth", "one-way")
    event = logged(z, "auth.lowered")[-1]
    expect(event["level"] == "warn" and NAME in event["text"] and "to=one-way" in event["text"], f"{event}")
    expect("one-way" in named(NAME)[0], f"{named(NAME)}")
    z.zsan("initiator", "set", NAME, "--auth", "mutual")
    expect(not named(NAME) and NAME in logged(z, "auth.raised")[-1]["text"], "it is still named")
    with refused(0x0201):
        z.session("t", NAME, chap=SECRETS[NAME]._replace(reverse_secret=None))


CASES = [lowered, algorithms, wrong, allowed, required, last_used, rotation]
