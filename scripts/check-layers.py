#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks every #include of src/ against scripts/layers.txt: arrows point down only."""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent


def read_rules():
    rules = {}
    for line in (TOP / "scripts/layers.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            room, _, others = line.partition(":")
            rules[room.strip()] = others.split()
    return rules


def room_of(rules, folders):
    """The innermost folder that has a rule of its own: pool/vdev before pool."""
    for depth in range(len(folders), 0, -1):
        if "/".join(folders[:depth]) in rules:
            return "/".join(folders[:depth])
    return folders[0]


def allowed(rules, room, header, is_test):
    target = room_of(rules, header.split("/")[:-1])
    if target == room or target in rules[room] or header in rules[room]:
        return not header.endswith("_int.h") or target == room
    return is_test and target in ("base", "wire", "run", "volume", "store")


def main():
    rules, bad = read_rules(), []
    include = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
    for path in sorted((TOP / "src").rglob("*.[chS]")):
        room = room_of(rules, path.relative_to(TOP / "src").parts[:-1])
        if room not in rules:
            bad.append(f"{path.relative_to(TOP)}: room {room} is not in scripts/layers.txt")
            continue
        is_test = path.stem.endswith("_test") or "fixture" in path.stem
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = include.match(line)
            if found and "/" in found[1] and not allowed(rules, room, found[1], is_test):
                bad.append(f"{path.relative_to(TOP)}:{number}: {room} may not include {found[1]}")
    print("\n".join(bad) or "layers: every include points down")
    return 1 if bad else 0


sys.exit(main())
