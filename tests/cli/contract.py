# SPDX-License-Identifier: BSD-2-Clause
"""Are answers what api/zsan.yaml says? And which verbs were never asked?"""
import pathlib
import sys

from tap import expect

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))
from apigen import model, tools  # noqa: E402

API = model.load(TOP / "api/zsan.yaml")
PLAIN = {"text": str, "uint": int, "size": int, "time": int, "ns": int, "bool": bool, "json": dict}


def _value(kind, many, value, where):
    if many:
        expect(isinstance(value, list), f"{where} is no list: {value!r}")
        for i, item in enumerate(value):
            _value(kind, False, item, f"{where}[{i}]")
    elif kind in PLAIN:
        expect(type(value) is PLAIN[kind], f"{where} is no {kind}: {value!r}")
        expect(PLAIN[kind] is not int or value >= 0, f"{where} is negative: {value!r}")
    else:
        expect(isinstance(value, dict), f"{where} is no object: {value!r}")
        members = {m.name: m for m in API.types[kind].members}
        for key, item in value.items():
            expect(key in members, f"{where}.{key} is not described")
            _value(members[key].type, members[key].many, item, f"{where}.{key}")


class Contract:
    def __init__(self):
        self.asked = set()

    @staticmethod
    def method(words):
        """The method that a command line means."""
        found = [m for m in API.methods if words[:len(m.words.split())] == m.words.split()]
        expect(found, f"no verb in {words}")
        return max(found, key=lambda m: len(m.words))

    def check(self, args, answer):
        m = self.method([str(a) for a in args])
        self.asked.add(m.words)
        if m.result == "json":
            return
        if m.change and isinstance(answer, dict):
            answer = {k: v for k, v in answer.items() if k != "warning"}
        _value(m.result, m.many, answer, m.words)

    def never_asked(self):
        return sorted({m.words for m in API.methods} - self.asked)
