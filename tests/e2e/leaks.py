# SPDX-License-Identifier: BSD-2-Clause
"""Secrets are where they belong and nowhere else: whatever is logged, exported, refused or visible from outside is searched for each of
them, in clear, in hex and in base64."""
import base64
import json
import os
import pathlib

from initiator import LoginError
from peer import NAME, OTHER
from tap import expect
from zsand import IQN, Zsand, _first_chap, program, work_dir

OWN_DAEMONS = True
OWN = "An0perators-own+secret"
SHARED = "W1th-the-RADIUS-server"
CAROL = IQN + "carol"


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
    for words in (["config", "export"], ["radius", "list"], ["iscsitadm", "list", "admin"], ["event", "list"], ["status"], ["session", "list"], ["initiator", "list"], ["grant", "list"],
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
    radius = z.log_path.parent / "shared"
    radius.write_text(SHARED + "\n")
    z.zsan("radius", "add", "127.0.0.1", "--port", 9, "--timeout-ms", 100, "--tries", 1, "--secret-file", radius)
    radius.unlink()
    z.zsan("initiator", "add", CAROL, "--verify", "radius", "--auth", "one-way")
    z.zsan("grant", "add", CAROL, IQN + "t")
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
    try:
        z.session("t", CAROL, chap=chaps[0]._replace(name=CAROL, secret=OWN, reverse_secret=None))
        raise AssertionError("nobody answers, and it was let in")
    except LoginError:
        pass
    return [s for c in chaps for s in (c.secret, c.reverse_secret) if s] + [SHARED, OWN]


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


def does_not_start(work, words, why):
    z = Zsand(work, words)
    try:
        z.start()
        raise AssertionError(f"it started with {words}")
    except RuntimeError:
        z.process = None
    expect(why in z.tail(5), f"{why!r} is not in {z.tail(5)!r}")


def key_file(work, name):
    path = work / name
    path.write_bytes(os.urandom(32))
    path.chmod(0o400)
    return path


def no_file_has(z, secrets):
    for path in z.state.rglob("*"):
        if path.is_file():
            found(secrets, str(path.relative_to(z.state)), path.read_bytes())


def sealed():
    """with a key no file holds a secret, not those from before either; without it, or with another, nothing is served"""
    work = work_dir("e2e-leaks")
    key, other, open_to_all = (key_file(work, n) for n in ("key", "other", "open"))
    with Zsand(work) as z:
        secrets = used(z)
    with Zsand(work, ["--secrets-key", key]) as z:
        no_file_has(z, secrets)
        new = _first_chap(z.zsan("grant", "rotate", NAME, IQN + "t"))
        no_file_has(z, [*secrets, new.secret, new.reverse_secret])
        z.kill9()
        z.restart()
        told = z.try_zsan("config", "export", "--with-secrets").stdout
        expect(new.secret in told, "the secret was lost")
    does_not_start(work, [], "--secrets-key")
    does_not_start(work, ["--secrets-key", other], "another key")
    open_to_all.chmod(0o444)
    does_not_start(work, ["--secrets-key", open_to_all], "others can read the key")
    open_to_all.chmod(0o600)
    open_to_all.write_bytes(b"short")
    does_not_start(work, ["--secrets-key", open_to_all], "at least 32 random bytes")
    os.environ["CREDENTIALS_DIRECTORY"] = str(work / "credentials")
    try:
        (work / "credentials").mkdir()
        (work / "credentials" / "zsan-secrets-key").write_bytes(key.read_bytes())
        (work / "credentials" / "zsan-secrets-key").chmod(0o400)
        with Zsand(work) as z:
            expect(new.secret in z.try_zsan("config", "export", "--with-secrets").stdout, "the credential does not open it")
    finally:
        del os.environ["CREDENTIALS_DIRECTORY"]


CASES = [kept, refused, dumps, sealed]
