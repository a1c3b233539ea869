# SPDX-License-Identifier: BSD-2-Clause
"""The audit trail: what is in it, that nobody can change it unseen, and that it holds nothing secret and nothing up."""
import json
import os
import shutil
import time

import child
from peer import NAME, OTHER, alive, logged, refused
from tap import expect
from zsand import IQN, Zsand, _first_chap, work_dir

OWN_DAEMONS = True
SECRETS = {}


def serve(z):
    z.portal()
    z.volume("v", "16M", engine="mem", policy="cluster")
    z.target("t", ["v"])
    z.initiator(NAME, auth="mutual")
    SECRETS["t"] = z.grant(NAME, "t")


def daemon(name, **options):
    return Zsand(work_dir("e2e-audit-" + name), **options)


def files(z):
    return sorted((z.state / "audit").glob("audit-*.jsonl"))


def lines(z, event=None, **fields):
    """All lines as they are; those of an event with these fields."""
    out = [json.loads(line) for path in files(z) for line in path.read_text(encoding="ascii").splitlines()]
    return [x for x in out if event in (None, x["event"]) and all(x.get(k) == v for k, v in fields.items())]


def soon(z, event, **fields):
    return child.wait_for(f"{event} {fields}", lambda: lines(z, event, **fields), seconds=5)


def verified(z):
    z.zsan("audit", "verify")
    done = child.run([*zsan(z), "audit", "verify", str(z.state / "audit")])
    expect(done.returncode == 0, f"the folder: {done.stderr}")


def zsan(_):
    from zsand import program  # pylint: disable=import-outside-toplevel
    return [str(program("src/cmd/zsan"))]


def contents():
    """changes with their caller, logins let in and refused and why, secrets that changed, and no secret"""
    with daemon("contents") as z:
        serve(z)
        me = str(os.getuid())
        change = lines(z, "control.change", method="grant.add")[-1]
        expect(change["uid"] == me and change["object"] == f"{NAME} {IQN}t" and change["result"] == "ok", f"{change}")
        row = lines(z, "config.change", kind="target", action="change")[-1]
        expect(row["uid"] == me and row["name"] == IQN + "t" and "grants" in row["what"], f"{row}")
        new = lines(z, "secret.change", target=IQN + "t", initiator=NAME)
        expect({x["side"]: x["what"] for x in new} == {"forward": "new", "reverse": "new"}, f"{new}")
        expect(not z.try_zsan("grant", "add", NAME, IQN + "none").returncode == 0, "a grant of nothing")
        expect("no target" in lines(z, "control.change", method="grant.add")[-1]["result"], "a change that failed")
        with z.session("t", NAME, chap=SECRETS["t"]) as s:
            alive(s)
        login = soon(z, "session.login", initiator=NAME)[-1]
        expect(login["auth"] == "CHAP SHA-256 mutual" and login["peer"].startswith("127.0.0.1:"), f"{login}")
        soon(z, "session.end", initiator=NAME)
        with refused(0x0201):
            z.session("t", OTHER, chap=SECRETS["t"])
        no = soon(z, "login.refused", initiator=OTHER)[-1]
        expect("not known" in no["why"] and no["auth"] == "CHAP SHA-256" and no["peer"].startswith("127.0.0.1:"), f"{no}")
        rotated = _first_chap(z.zsan("grant", "rotate", NAME, IQN + "t"))
        expect("still good" in lines(z, "secret.change")[-1]["what"], f"{lines(z, 'secret.change')[-1]}")
        z.zsan("grant", "finish", NAME, IQN + "t")
        expect("no more good" in lines(z, "secret.change")[-1]["what"], f"{lines(z, 'secret.change')[-1]}")
        z.zsan("target", "delete", IQN + "t", "--force")
        expect("force" in lines(z, "control.change", method="target.delete")[-1]["object"], "the force is not seen")
        z.zsan("initiator", "set", NAME, "--auth", "one-way")
        expect(lines(z, "auth.lowered", initiator=NAME), "lowered")
        z.zsan("config", "export", "--with-secrets")
        expect("with_secrets" in lines(z, "control.read")[-1]["object"], "who read the secrets")
        text = "".join(p.read_text() for p in files(z)) + z.log()
        for chap in (SECRETS["t"], rotated):
            for secret in (chap.secret, chap.reverse_secret):
                expect(secret not in text and secret.encode().hex() not in text, "a secret is in the trail or the log")
        numbers = [x["seq"] for x in lines(z)]
        expect(numbers == list(range(1, len(numbers) + 1)), "the numbers")
        expect(lines(z, "ready")[0]["generation"], "the start")
        verified(z)


def quiet():
    """it is complete whatever the log is told to leave out"""
    with daemon("quiet", args=["--log", "error"]) as z:
        serve(z)
        expect(lines(z, "control.change", method="grant.add") and not logged(z, "control.change"), "the log's level")
        verified(z)


def durable():
    """what an operator was told was done is in the trail after kill -9, and the next start goes on"""
    with daemon("kill") as z:
        serve(z)
        for n in range(5):
            z.zsan("target", "create", f"{IQN}k{n}")
            z.kill9()
            expect(lines(z, "control.change", object=f"{IQN}k{n}"), "the last change is not there")
            z.start()
        expect(not z.zsan("audit", "trail").get("broken"), f"{z.zsan('audit', 'trail')}")
        expect(len(lines(z, "ready")) == 6, "the starts")
        verified(z)


def meddle(z, change):
    """Stops the daemon, changes the newest file's lines, starts it again."""
    z.stop()
    path = files(z)[-1]
    path.write_text("".join(change(path.read_text().splitlines(True))))
    z.start()


def bad(z):
    """What verifying says, by the daemon and by the command alone."""
    asked = z.try_zsan("audit", "verify")
    alone = child.run([*zsan(z), "audit", "verify", str(z.state / "audit")])
    expect(asked.returncode == 1 and alone.returncode == 1, f"{asked} {alone}")
    return asked.stderr, alone.stderr


def meddling():
    """an edited, removed, moved or cut line is named, and the status says so"""
    ways = {"edited": (lambda x: [*x[:6], x[6].replace('"event":"', '"event":"x', 1), *x[7:]], "line 7"),
            "removed": (lambda x: x[:6] + x[7:], "line 7"),
            "moved": (lambda x: [*x[:6], x[7], x[6], *x[8:]], "line 7"),
            "cut at the end": (lambda x: x[:-2], "missing")}
    for what, (change, name) in ways.items():
        with daemon("meddle") as z:
            serve(z)
            meddle(z, change)
            for said in bad(z):
                expect(name in said, f"{what}: {said}")
            problems = [p["text"] for p in z.zsan("status")["problems"] if p["object"] == "audit trail"]
            expect(problems and logged(z, "audit.broken"), f"{what}: the status says {problems}")
            z.zsan("target", "create", IQN + "later")
            expect(lines(z, "control.change", object=IQN + "later") and lines(z, "audit.broken"), "it does not go on")
            z.restart()
            bad(z)


def copies():
    """a copied file is verified without a daemon; what is no trail is refused"""
    with daemon("copy") as z:
        serve(z)
        copy = z.state.parent / "copy.jsonl"
        shutil.copy(files(z)[0], copy)
        nowhere = [*zsan(z), "--socket", "/nowhere", "audit", "verify"]
        done = child.run([*nowhere, str(copy), "--json"])
        expect(done.returncode == 0 and json.loads(done.stdout)["first"] == 1, f"{done}")
        text = copy.read_text()
        copy.write_text(text[:-30])
        done = child.run([*nowhere, str(copy)])
        expect(done.returncode == 1 and "in the middle" in done.stderr, f"{done}")
        copy.write_text("")
        for path in (copy, z.state / "zsand.sock", z.state / "config", "/nowhere"):
            done = child.run([*nowhere, str(path)])
            expect(done.returncode == 1, f"{path}: {done}")


def flood():
    """thousands of refused logins leave few lines and their number, and changes are made meanwhile"""
    with daemon("flood") as z:
        serve(z)
        before = z.zsan("audit", "trail")["lines"]
        for _ in range(400):
            with refused(0x0200):  # what is no name is no guess, either, so nothing is held back
                z.session("t", "nobody")
        began = time.monotonic()
        z.zsan("target", "create", IQN + "meanwhile")
        trail = z.zsan("audit", "trail")
        expect(trail["lines"] - before < 100 and trail["left_out"] > 300 and trail["lost"] == 0, f"{trail}")
        expect(time.monotonic() - began < 20, "the change took long")
        z.stop()
        left_out = lines(z, "audit.left_out")
        expect(len(left_out) == 1 and int(left_out[0]["refusals"]) == trail["left_out"], f"{left_out} {trail}")
        z.start()
        verified(z)


def checklist():
    """the checklist finds what is wrong, says how to mend it, and its exit status says how bad it is"""
    with daemon("list") as z:
        done = z.try_zsan("audit", "--json")
        empty = json.loads(done.stdout)
        expect(done.returncode == 0 and empty["score"] == 100 and empty["worst"] == "none" and empty["not_checked"], f"{done}")
        serve(z)
        z.initiator(OTHER, auth="one-way")
        z.grant(OTHER, "t")
        done = z.try_zsan("audit", "--json")
        found = json.loads(done.stdout)
        names = {f["check"] for f in found["findings"]}
        expect(done.returncode == 12 and names == {"mutual-chap", "shared-disk", "chap-require"}, f"{done}")
        expect(found["score"] == 100 - 14 - 6 - 1 and found["worst"] == "high", f"{found}")
        text = z.try_zsan("audit")
        expect("score 79 of 100" in text.stdout and "--auth mutual" in text.stdout and text.returncode == 12, f"{text}")
        z.zsan("initiator", "set", OTHER, "--auth", "mutual")
        expect(z.try_zsan("audit").returncode == 11, "only the shared disk is left")
        z.zsan("initiator", "remove", OTHER)
        expect(z.try_zsan("audit").returncode == 10, "weak algorithms are left")
        z.limits(chap_require="sha256")
        expect(z.try_zsan("audit").returncode == 0, "nothing is left")


CASES = [checklist, contents, quiet, durable, meddling, copies, flood]
