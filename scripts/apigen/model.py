# SPDX-License-Identifier: BSD-2-Clause
"""The description as objects, checked: what is read here can be generated."""
import dataclasses

import yaml

PARAM_TYPES = {"text", "uint", "size", "bool", "enum", "tags", "names", "json", "secret"}
MEMBER_TYPES = {"text", "uint", "size", "bool", "time", "ns", "json"}
INT_MAX = (1 << 63) - 1


class Invalid(Exception):
    """The description is wrong."""


@dataclasses.dataclass
class Param:
    name: str
    type: str
    doc: str
    pos: bool = False
    required: bool = False
    min: int = 0
    max: int = 0
    of: str = ""
    values: list = dataclasses.field(default_factory=list)  # of an enum: (text, C constant)

    @property
    def flag(self):
        return "--" + self.name.replace("_", "-")

    @property
    def top(self):
        """The largest number that fits."""
        return self.max or INT_MAX


@dataclasses.dataclass
class Member:
    name: str
    type: str  # without the brackets of a list
    many: bool
    doc: str
    col: str = ""


@dataclasses.dataclass
class Type:
    name: str
    doc: str
    members: list


@dataclasses.dataclass
class Method:
    noun: str
    verb: str
    doc: str
    params: list
    local: list
    result: str  # a type's name, or "json"
    many: bool   # a list of them
    change: bool
    audit: bool  # not a change, but logged as one is
    say: str
    errors: list
    language: str = ""  # in which its command line is written, "": flags by the parameters' names

    @property
    def name(self):
        return f"{self.noun}.{self.verb}" if self.verb else self.noun

    @property
    def ident(self):
        return self.name.replace(".", "_")

    @property
    def words(self):
        return f"{self.noun} {self.verb}".strip()

    @property
    def positional(self):
        return [p for p in self.params + self.local if p.pos]

    @property
    def local_flags(self):
        return [p for p in self.local if not p.pos]

    @property
    def flags(self):
        """What has a flag on the command line: not what is positional, not secrets (--secret-file)."""
        return [p for p in self.params if not p.pos and p.type != "secret"]

    @property
    def secrets(self):
        return [p for p in self.params if p.type == "secret"]


@dataclasses.dataclass
class Noun:
    name: str
    doc: str
    methods: list
    language: str = ""


@dataclasses.dataclass
class Api:
    errors: list
    enums: dict
    types: dict
    nouns: list

    @property
    def methods(self):
        return sorted((m for n in self.nouns for m in n.methods), key=lambda m: m.name)


def _listed(text):
    """("x", True) of "[x]"."""
    return (text[1:-1], True) if text.startswith("[") else (text, False)


def _record(cls, raw, where, **more):
    known = {f.name for f in dataclasses.fields(cls)}
    unknown = set(raw) - known
    if unknown:
        raise Invalid(f"{where}: unknown: {', '.join(sorted(unknown))}")
    try:
        return cls(**(raw | more))
    except TypeError as e:
        raise Invalid(f"{where}: {e}") from e


def _param(raw, enums, where):
    p = _record(Param, raw, where)
    if p.type not in PARAM_TYPES:
        raise Invalid(f"{where}: no type {p.type}")
    if p.type == "enum":
        if p.of not in enums:
            raise Invalid(f"{where}: no enum {p.of}")
        p.values = list(enums[p.of].items())
    if p.type in ("text", "names") and not p.max:
        raise Invalid(f"{where}: {p.name} needs max")
    return p


def _method(noun, raw, enums, language):
    where = f"{noun} {raw.get('name', '?')}"
    raw = dict(raw)
    result, many = _listed(raw.pop("result"))
    params = [_param(p, enums, where) for p in raw.pop("params", [])]
    local = [_param(p, enums, where) for p in raw.pop("local", [])]
    more = {"params": params, "local": local, "result": result, "many": many, "noun": noun,
            "change": raw.pop("change", False), "audit": raw.pop("audit", False), "say": raw.pop("say", ""), "errors": raw.pop("errors", []),
            "verb": raw.pop("name"), "language": "" if raw.pop("own", False) else language}
    m = _record(Method, raw, where, **more)
    pos = m.positional
    if any(b.required and not a.required for a, b in zip(pos, pos[1:])):
        raise Invalid(f"{where}: a required argument after an optional one")
    if any(p.type == "names" for p in pos[:-1]):
        raise Invalid(f"{where}: a list of arguments must be the last one")
    return m


def _types(raw):
    types = {}
    for name, t in raw.items():
        members = []
        for m in t["members"]:
            kind, many = _listed(m["type"])
            members.append(_record(Member, m | {"type": kind}, name, many=many))
        types[name] = Type(name, t["doc"], members)
    for t in types.values():
        for m in t.members:
            if m.type not in MEMBER_TYPES and m.type not in types:
                raise Invalid(f"type {t.name}: {m.name}: no type {m.type}")
    return types


def load(path):
    with open(path, encoding="utf-8") as f:
        raw = yaml.safe_load(f)
    types = _types(raw["types"])
    nouns = [Noun(o["name"], o["doc"], [_method(o["name"], m, raw["enums"], o.get("language", "")) for m in o["methods"]],
                  o.get("language", "")) for o in raw["objects"]]
    known = {e["errno"] for e in raw["errors"]}
    for m in (m for n in nouns for m in n.methods):
        if m.result != "json" and m.result not in types:
            raise Invalid(f"{m.name}: no type {m.result}")
        if set(m.errors) - known:
            raise Invalid(f"{m.name}: unknown errors")
    return Api(raw["errors"], raw["enums"], types, nouns)
