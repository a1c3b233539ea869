# SPDX-License-Identifier: BSD-2-Clause
"""The newest generation of the configuration is damaged in every way that a disk can think of: the daemon starts with the last good
one, says so, and goes on from there."""
import random

from bench import unharmed
from tap import expect


def newest(z):
    """The newest configuration file of a daemon that does not run."""
    files = list(z.state.glob("config.*.json"))
    expect(len(files) >= 2, f"there are only {len(files)} generations")
    return max(files, key=lambda f: int(f.name.split(".")[1]))


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


def damaged(z, how, rng):
    z.zsan("limits", "set", "--max-connections", 1000)
    z.zsan("limits", "set", "--max-connections", 1001)
    z.stop()
    path = newest(z)
    path.write_bytes(how(path.read_bytes(), rng))
    at = z.log_size()
    z.start()
    expect(z.zsan("limits", "show")["max_connections"] == 1000, "this is not the generation before")
    said = [line for line in z.log(at).splitlines() if path.name in line]
    expect(said, "the log does not name the damaged file:\n" + z.log(at))
    z.zsan("limits", "set", "--max-connections", 1002)
    z.restart()
    expect(z.zsan("limits", "show")["max_connections"] == 1002, "a change after it was lost")
    unharmed(z)


def secrets_gone(z):
    """damaged secrets: the last good ones are used"""
    z.zsan("initiator", "add", "iqn.2026-11.org.example:one-more")
    z.zsan("initiator", "add", "iqn.2026-11.org.example:two-more")
    z.stop()
    path = max(z.state.glob("secrets.*.json"), key=lambda f: int(f.name.split(".")[1]))
    path.write_bytes(path.read_bytes()[:100])
    at = z.log_size()
    z.start()
    expect(path.name in z.log(at), "the log does not name the damaged file:\n" + z.log(at))
    unharmed(z)


def tests(z):
    rng = random.Random(3)
    for how in (empty, half, one_byte_short, zeroes, flipped, noise):
        yield f"newest generation {how.__doc__}", lambda how=how: damaged(z, how, rng)
    yield secrets_gone.__doc__, lambda: secrets_gone(z)
