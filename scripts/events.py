#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""events.py --check | --write: keeps docs/events.md in step with the events that the sources log.

Meanings are written by hand in docs/events.md; the events, their levels and their MESSAGE_IDs come from the sources. --write brings the
table up to date (a new event gets the meaning "?"); --check fails when something differs or lacks a meaning.
"""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
DOC = TOP / "docs/events.md"
ROW = re.compile(r"^\| `([^`]+)` \| ([\w/]+) \| (.*) \| `([0-9a-f]+)` \|$")
CALL = re.compile(r'\blog_(error|warn|info|debug)\(\s*"([^"]+)"')
MASK = (1 << 64) - 1
KEYS = (b"zsan event id 1", b"zsan event id 2")  # as in src/cmd/daemon/journal.c


def rotl(x, by):
    return (x << by | x >> (64 - by)) & MASK


def siphash(key, data):
    """SipHash-2-4, as src/base/siphash.c."""
    k0, k1 = (int.from_bytes(key.ljust(16, b"\0")[i:i + 8], "little") for i in (0, 8))
    v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573]

    def rounds(n):
        for _ in range(n):
            v[0] = (v[0] + v[1]) & MASK
            v[2] = (v[2] + v[3]) & MASK
            v[1] = rotl(v[1], 13) ^ v[0]
            v[3] = rotl(v[3], 16) ^ v[2]
            v[0] = rotl(v[0], 32)
            v[2] = (v[2] + v[1]) & MASK
            v[0] = (v[0] + v[3]) & MASK
            v[1] = rotl(v[1], 17) ^ v[2]
            v[3] = rotl(v[3], 21) ^ v[0]
            v[2] = rotl(v[2], 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 0xff])
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i:i + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xff
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def message_id(event):
    return "".join(f"{siphash(k, event.encode()):016x}" for k in KEYS)


def logged():
    """{event: levels} of all sources that belong to the daemon."""
    events = {}
    for path in sorted((TOP / "src").rglob("*.c")):
        if path.stem.endswith("_test") or "fixture" in path.stem:
            continue
        for level, event in CALL.findall(path.read_text()):
            events.setdefault(event, set()).add(level)
    return events


def table(events, meanings):
    lines = ["| event | level | meaning | MESSAGE_ID |", "|---|---|---|---|"]
    for event in sorted(events):
        level = "/".join(sorted(events[event]))
        lines.append(f"| `{event}` | {level} | {meanings.get(event, '?')} | `{message_id(event)}` |")
    return lines


def main():
    lines = DOC.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| event |"))
    rows = [line for line in lines[start:] if line.startswith("|")]
    meanings = {m[1]: m[3] for m in map(ROW.match, rows) if m}
    fresh = table(logged(), meanings)
    if sys.argv[1:] == ["--write"]:
        DOC.write_text("\n".join(lines[:start] + fresh + lines[start + len(rows):]) + "\n")
        return 0
    problems = [f"docs/events.md: out of date: {line}" for line in fresh if line not in rows]
    problems += [f"docs/events.md: no longer logged: {line}" for line in rows if line not in fresh]
    problems += [f"docs/events.md: {line}: write what it means" for line in fresh if "| ? |" in line]
    print("\n".join(problems) or "events: documented")
    return 1 if problems else 0


sys.exit(main())
