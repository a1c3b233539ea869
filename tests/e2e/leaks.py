# SPDX-License-Identifier: BSD-2-Clause
"""Secrets are where they belong and nowhere else: whatever is logged, exported, refused or visible from outside is searched for each of
them, in clear, in hex and in base64. dumps.py has what is in a dump."""
import base64
import json
import os
import pathlib
from collections import namedtuple

from initiator import LoginError
from peer import NAME, OTHER
from tap import Failure, expect
from verbs import outputs
from zsand import IQN, Zsand, _first_chap, work_dir

OWN_DAEMONS = True
CAROL, DAVE = IQN + "carol", IQN + "dave"
OWN, OWN_REVERSE, OWN_DISCOVERY = "An0perators-own+secret", "An0perators-own+answer", "F1nding-by-An0perator"
SHARED, SHARED_BEFORE = "W1th-the-RADIUS-server", "W1th-the-RADIUS-bef0re"
GUESS = "A-peer-guesses+wrong1y"
NAMED = {"initiator": NAME, "target": IQN + "t", "volume": "v"}  # what verbs that show one object are given

# live: in force, or still good beside those in force. gone: were so. refused: zsand was told them and did not take them.
Used = namedtuple("Used", "live gone refused")


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
    yield "the hook", (z.state.parent / "hooked").read_bytes()
    for name in ("cmdline", "environ"):
        yield name, pathlib.Path(f"/proc/{z.process.pid}/{name}").read_bytes()
    for words, text in outputs(z, NAMED):
        yield " ".join(words), text.encode()


def told(z, *words, secrets):
    """The outcome of a command that is given these secrets, one a line."""
    path = z.log_path.parent / "given"
    path.write_text("".join(s + "\n" for s in secrets))
    done = z.try_zsan(*words, "--secret-file", path)
    path.unlink()
    return done


def takes(z, *words, secrets):
    done = told(z, *words, secrets=secrets)
    expect(done.returncode == 0, f"{words}: {done.stderr}")
    found([s for s in secrets if s], " ".join(words), (done.stdout + done.stderr).encode())


def refuses(z, why, *words, secrets):
    """It is refused, for this reason, and what it says repeats none of them."""
    for flags in ([], ["--json"]):
        done = told(z, *words, *flags, secrets=secrets)
        expect(done.returncode != 0, f"{words}, {why}: it was taken")
        expect(why in done.stdout + done.stderr, f"{words}: {why!r} is not in {done.stdout + done.stderr!r}")
        found([s for s in secrets if s], f"the refusal of {' '.join(words)}", (done.stdout + done.stderr).encode())


def both(*chaps):
    return [s for c in chaps for s in (c.secret, c.reverse_secret) if s]


def guessed(z, name, chap):
    try:
        z.session("t", name, chap=chap)
    except LoginError:
        return
    raise AssertionError("it was let in")


def daemon(work, *args, **options):
    """One whose hook keeps all that it is told."""
    hook = work / "hook"
    hook.write_text(f"#!/bin/sh\n{{ echo \"$@\"; env; }} >> {work}/hooked\n")
    hook.chmod(0o755)
    (work / "hooked").touch()
    return Zsand(work, ["--hook", hook, *args], **options)


def minted(z):
    """Secrets that zsand made: in force, turned over, and gone with whom they were for."""
    chaps = [z.initiator(NAME, auth="mutual"), z.initiator(OTHER, auth="one-way"), z.grant(NAME, "t"), z.grant(OTHER, "t")]
    turned = [_first_chap(z.zsan("grant", "rotate", NAME, IQN + "t")), _first_chap(z.zsan("initiator", "rotate", NAME))]
    gone = [z.initiator(DAVE, auth="mutual"), z.grant(DAVE, "t")]
    z.zsan("initiator", "remove", DAVE)
    z.session("t", NAME, chap=turned[0]).logout()
    z.session("t", OTHER, chap=chaps[3]._replace(reverse_secret=None)).logout()
    return chaps + turned, gone


def brought(z, other):
    """Secrets of an operator's own take the place of those that were minted for OTHER, which gives these back."""
    takes(z, "grant", "secret", OTHER, IQN + "t", secrets=[OWN, OWN_REVERSE])
    z.session("t", OTHER, chap=other._replace(reverse_secret=None)).logout()  # the one before is still good
    z.session("t", OTHER, chap=other._replace(secret=OWN, reverse_secret=None)).logout()
    z.zsan("grant", "finish", OTHER, IQN + "t")
    takes(z, "initiator", "secret", OTHER, secrets=[OWN_DISCOVERY])
    z.zsan("initiator", "finish", OTHER)
    takes(z, "radius", "add", "127.0.0.1", "--port", "9", "--timeout-ms", "100", "--tries", "1", secrets=[SHARED_BEFORE])
    takes(z, "radius", "secret", "127.0.0.1", "--port", "9", secrets=[SHARED])
    z.zsan("initiator", "add", CAROL, "--verify", "radius", "--auth", "one-way")
    z.zsan("grant", "add", CAROL, IQN + "t")


def turned_away(z, chap):
    """Secrets that are against a rule, and guesses of peers; those that are in force nowhere."""
    grant, discovery, radius = ("grant", "secret", NAME, IQN + "t"), ("initiator", "secret", NAME), ("radius", "secret", "127.0.0.1", "--port", "9")
    short, spaced, long, same = "Sh0rt-12345", "With a space in 1t", "L0ng" * 64, "B0th-ways-the-same"
    for words in (grant, discovery, radius):
        for secret, why in ((short, "12 to 255 characters"), (spaced, "printable ASCII without spaces"), (long, "more than 255 bytes")):
            refuses(z, why, *words, secrets=[secret])
        for taken in (OWN, OWN_REVERSE, OWN_DISCOVERY, chap.secret, chap.reverse_secret):
            refuses(z, "used twice", *words, secrets=[taken])
    for words in (grant, discovery):
        refuses(z, "used twice", *words, secrets=[SHARED])
        refuses(z, "used twice", *words, secrets=[same, same])
        refuses(z, "used twice", *words, secrets=["", OWN])
    unknown = "F0r-nobody-at-all"
    refuses(z, "not granted", "grant", "secret", NAME, IQN + "u", secrets=[unknown])
    for secret in (GUESS, chap.reverse_secret):
        guessed(z, NAME, chap._replace(secret=secret))
    guessed(z, CAROL, chap._replace(name=CAROL, secret=GUESS, reverse_secret=None))  # nobody answers
    return [short, spaced, long, same, unknown, GUESS]


def used(z):
    """Secrets of all kinds are minted, set, turned over and used, rightly and wrongly."""
    z.portal()
    z.volume("v", "16M", engine="mem")
    z.target("t", ["v"])
    z.target("u")
    chaps, gone = minted(z)
    brought(z, chaps[3])
    refused = turned_away(z, chaps[4])
    live = both(chaps[0], chaps[2], *chaps[4:]) + [chaps[1].reverse_secret, chaps[3].reverse_secret, OWN, OWN_REVERSE, OWN_DISCOVERY, SHARED]
    gone = both(*gone) + [chaps[1].secret, chaps[3].secret, SHARED_BEFORE]
    return Used([s for s in live if s], gone, refused)


def everything(secrets):
    return secrets.live + secrets.gone + secrets.refused


def nowhere_else(z, secrets):
    for where, data in outside(z):
        found(everything(secrets), where, data)
    for path in z.state.rglob("*"):
        if path.is_file():
            found(secrets.refused if "secrets" in path.name else everything(secrets), str(path.relative_to(z.state)), path.read_bytes())


def kept():
    """no secret is in a log, an argument, an export, an answer, a hook or a file but its own"""
    with daemon(work_dir("e2e-leaks"), "--log", "debug") as z:
        secrets = used(z)
        nowhere_else(z, secrets)
        z.restart()
        nowhere_else(z, secrets)
        held = b"".join(p.read_bytes() for p in z.state.rglob("*secrets*") if p.is_file())
        given = z.try_zsan("config", "export", "--with-secrets").stdout
        for secret in secrets.live:
            expect(secret.encode() in held, "this test looks for what is nowhere")
            expect(secret in given, "--with-secrets leaves one out")
        found(secrets.gone + secrets.refused, "--with-secrets", given.encode())


def documents(z, secrets):
    """Documents with secrets in them are planned and applied, and refused: what is said repeats none. Those that they brought."""
    text = z.try_zsan("config", "export", "--with-secrets").stdout
    whole, path = json.loads(text), z.state.parent / "document.json"
    short, spaced, quoted, planned = "Sh0rt-in-d0", "With a space in d0cument", 'Qu0te"in-a-document', "Fresh-in-a-d0cument"

    def asked(verb, document):
        path.write_text(document, encoding="utf-8")
        done = z.try_zsan("config", verb, path)
        path.unlink()
        found([*everything(secrets), short, spaced, quoted, planned], f"the answer to config {verb}", (done.stdout + done.stderr).encode())
        return done.returncode

    for spoil in (json.dumps(whole | {"volumes": {"x": {"engine": "none"}}}), json.dumps(whole | {"nonsense": OWN}), json.dumps(whole | {"targets": OWN}),
                  text[:-9], *(text.replace(OWN, s) for s in (short, spaced, quoted, quoted.replace('"', '\\"'), OWN_REVERSE))):
        for verb in ("plan", "apply"):
            expect(asked(verb, spoil) != 0, f"{verb}: it was taken")
    expect(asked("plan", text.replace(OWN, planned)) == 0, "nothing is wrong with it")
    return [short, spaced, quoted, planned]


def refused():
    """a document that is refused, and what one would change, don't repeat the secrets in it"""
    with daemon(work_dir("e2e-leaks")) as z:
        secrets = used(z)
        secrets.refused.extend(documents(z, secrets))
        nowhere_else(z, secrets)


def searched():
    """each form of a secret is found where it is"""
    for lead in range(3):
        for hidden in (OWN, OWN.encode().hex(), OWN.encode().hex().upper(), base64.b64encode(b"x" * lead + OWN.encode() + b"yz").decode()):
            try:
                found([SHARED, OWN], "this", b"before " + hidden.encode() + b" behind")
            except Failure:
                continue
            raise AssertionError(f"{hidden} was not found")


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
        secrets = everything(used(z))
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


CASES = [searched, kept, refused, sealed]
