# SPDX-License-Identifier: BSD-2-Clause
"""Secrets are where they belong and nowhere else: whatever is logged, exported, refused or visible from outside is searched for each of
them, in clear, in hex and in base64."""
import base64
import json
import pathlib

from initiator import LoginError
from peer import NAME, OTHER
from tap import expect
from zsand import IQN, Zsand, _first_chap, program, work_dir

OWN_DAEMONS = True
OWN = "An0perators-own+secret"


def forms(secret):
    raw = secret.encode()
    yield raw
    for text in (raw.hex(), raw.hex().upper()):
        yield text.encode()
    for lead in range(3):  # wherever it begins in what was encoded
        middle = base64.b64encode(b"\0" * lead + raw)[lead and lead + 1:-4]
        yield middle
        yield middle.replace(b"+", b"-").replace(b"/", b"_")


def found(secrets, where, data):
    for secret in secrets:
        for form in forms(secret):
            expect(form not in data, f"{where} holds a secret")


def outside(z):
    """What others than the owner of the state can see of the process, and what it said."""
    yield "the log", z.log_path.read_bytes()
    for name in ("cmdline", "environ"):
        yield name, pathlib.Path(f"/proc/{z.process.pid}/{name}").read_bytes()
    for words in (["config", "export"], ["event", "list"], ["status"], ["session", "list"], ["initiator", "list"], ["grant", "list"],
                  ["target", "list"], ["stats"]):
        for flags in ([], ["--json"]):
            done = z.try_zsan(*words, *flags)
            yield " ".join(words + flags), (done.stdout + done.stderr).encode()


def used(z):
    """Secrets of all kinds are minted, set, turned over and used, rightly and wrongly. All that were ever in force."""
    z.portal()
    z.volume("v", "16M", engine="mem")
    z.target("t", ["v"])
    z.initiator(NAME, auth="mutual")
    z.initiator(OTHER, auth="one-way")
    chaps = [z.grant(NAME, "t"), z.grant(OTHER, "t")]
    chaps.append(_first_chap(z.zsan("grant", "rotate", NAME, IQN + "t")))
    z.session("t", NAME, chap=chaps[-1]).logout()
    z.session("t", OTHER, chap=chaps[1]._replace(reverse_secret=None)).logout()
    for wrong in (chaps[1], chaps[-1]._replace(secret=OWN)):
        try:
            z.session("t", NAME, chap=wrong)
            raise AssertionError("it was let in")
        except LoginError:
            pass
    return [s for c in chaps for s in (c.secret, c.reverse_secret) if s] + [OWN]


def nowhere_else(z, secrets):
    for where, data in outside(z):
        found(secrets, where, data)
    for path in z.state.rglob("*"):
        if path.is_file() and "secrets" not in path.name:
            found(secrets, str(path.relative_to(z.state)), path.read_bytes())


def kept():
    """no secret is in a log, an argument, an export, an answer or a file but its own"""
    with Zsand(work_dir("e2e-leaks"), ["--log", "debug"]) as z:
        secrets = used(z)
        nowhere_else(z, secrets)
        z.restart()
        nowhere_else(z, secrets)
        held = b"".join(p.read_bytes() for p in z.state.rglob("*secrets*") if p.is_file())
        expect(secrets[0].encode() in held, "this test looks for what is nowhere")
        expect(secrets[0] in z.try_zsan("config", "export", "--with-secrets").stdout, "--with-secrets leaves them out")


def refused():
    """a document that is refused, and errors about a secret, don't repeat it"""
    with Zsand(work_dir("e2e-leaks")) as z:
        secrets = used(z)
        whole = json.loads(z.try_zsan("config", "export", "--with-secrets").stdout)
        for spoil in ({"volumes": {"x": {"engine": "none"}}}, {"nonsense": OWN}, {"targets": OWN}):
            path = z.state.parent / "document.json"
            path.write_text(json.dumps(whole | spoil), encoding="utf-8")
            done = z.try_zsan("config", "apply", path)
            expect(done.returncode != 0, f"{list(spoil)} was taken")
            found(secrets[:-1], "the refusal", (done.stdout + done.stderr).encode())
            path.unlink()
        nowhere_else(z, secrets[:-1])


def dumps():
    """the process leaves no core, and nobody of its own user looks into it"""
    with Zsand(work_dir("e2e-leaks")) as z:
        limits = pathlib.Path(f"/proc/{z.process.pid}/limits").read_text(encoding="ascii")
        core = next(line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size"))
        if "asan" not in str(program("x")) and "tsan" not in str(program("x")):
            expect(core == ["0", "0"], f"core dumps of {core}")
            # Not dumpable: what is below /proc/PID is root's, whoever runs it.
            expect(pathlib.Path(f"/proc/{z.process.pid}/mem").owner() == "root", "its memory is its user's")


CASES = [kept, refused, dumps]
