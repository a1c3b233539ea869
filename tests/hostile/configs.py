# SPDX-License-Identifier: BSD-2-Clause
"""The configuration on disk is damaged in every way that a disk can think of: the daemon starts with the last good generation,
says so, and goes on from there. Damaged identities are not made up again."""
import random

from bench import TARGET, unharmed
from initiator import GOOD
from tap import expect

LOGS_ERRORS = True  # they are what an operator must act on


def generation(z):
    return z.zsan("status")["generation"]


def empty(data, _):
    """empty"""
    return b""


def half(data, _):
    """half written"""
    return data[:len(data) // 2]


def one_byte_short(data, _):
    """a few bytes short"""
    return data[:-4]


def zeroes(data, _):
    """full of zeroes"""
    return bytes(len(data))


def flipped(data, rng):
    """with one digit changed"""
    at = rng.choice([i for i, c in enumerate(data) if 0x30 <= c <= 0x39])
    return data[:at] + bytes([0x30 + (data[at] - 0x30 + 1) % 10]) + data[at + 1:]


def noise(data, rng):
    """full of noise"""
    return rng.randbytes(len(data))


def connections(z):
    return z.zsan("limits", "show")["max_connections"]


def damage(z, names, how):
    """Stops the daemon, damages these files, starts it; it must name each of them."""
    z.stop()
    at = z.log_size()
    for name in names:
        path = z.state / "config" / name
        path.write_bytes(how(path.read_bytes()))
    z.start()
    for name in names:
        said = [line for line in z.log(at).splitlines() if name in line and " info " not in line]
        expect(said, f"the log does not complain about {name}:\n{z.log(at)}")


def damaged(z, how):
    z.limits(max_connections=1000)
    z.limits(max_connections=1001)
    damage(z, ["config.json"], how)
    expect(connections(z) == 1001, "the copy of the generation in force was not used")
    newest = f"config.{generation(z)}.json"
    damage(z, ["config.json", newest], how)
    expect(connections(z) == 1000, "the generation before was not used")
    z.limits(max_connections=1002)
    z.restart()
    expect(connections(z) == 1002, "a change after it was lost")
    unharmed(z)


def all_damaged(z):
    """when no generation is good the daemon does not start with an empty one, and says why"""
    z.stop()
    files = {path: path.read_bytes() for path in (z.state / "config").glob("config.*json")}
    for path, data in files.items():
        path.write_bytes(data[:-5])
    at = z.log_size()
    try:
        z.start()
        raise AssertionError("it started")
    except RuntimeError:
        z.process = None
    expect("config.json" in z.log(at), z.log(at))
    for path, data in files.items():
        path.write_bytes(data)
    z.start()


def secrets(z):
    """damaged secrets: those of the generation in force are used from their copy"""
    who = "iqn.2026-11.org.example:with-secrets"
    z.initiator(who, "mutual")
    chap = z.grant(who, TARGET)
    damage(z, ["secrets.json"], lambda data: data[:100])
    with z.session(TARGET, who, chap=chap) as s:
        expect(s.ready().status == GOOD, "the secrets have changed")


def identity(z):
    """damaged attributes: the volume is not served under another identity, and says so; others are"""
    before = {v["name"]: v["naa"] for v in z.zsan("volume", "list")}
    ident = z.zsan("volume", "show", "file")["id"]
    path = z.state / "config" / "attrs" / f"{ident}.json"
    whole = path.read_bytes()
    damage(z, [f"attrs/{ident}.json"], lambda data: data[:-10])
    v = z.zsan("volume", "show", "file")
    expect(v["state"] != "online" and v["reason"], str(v))
    expect(z.zsan("volume", "show", "mem")["naa"] == before["mem"], "another volume was harmed")
    path.write_bytes(whole)
    z.restart()
    expect({v["name"]: v["naa"] for v in z.zsan("volume", "list")} == before, "identities have changed")


def tests(z):
    rng = random.Random(3)
    for how in (empty, half, one_byte_short, zeroes, flipped, noise):
        yield f"files {how.__doc__}", lambda how=how: damaged(z, lambda data: how(data, rng))
    for what in (all_damaged, secrets, identity):
        yield what.__doc__, lambda what=what: what(z)
