# SPDX-License-Identifier: BSD-2-Clause
"""What people read: the reference of the API, and the verbs of zsan(8)."""
from . import tools
from .client import placeholder

BEGIN, END = "; verbs: made of api/zsan.yaml by scripts/genapi.py", "; end of the verbs"
TYPE_WORDS = {"text": "text", "uint": "number", "size": "number of bytes", "bool": "true or false", "time": "seconds since 1970",
              "ns": "nanoseconds", "json": "object", "names": "list of texts", "tags": "list of tags", "secret": "text"}


def usage(m):
    """`zsan volume create NAME [--size SIZE] ...`"""
    if m.language:
        verb = next(t for t in tools.load() if t.name == m.language).verb(m.verb)
        return f"zsan {m.words} {'[OPTIONS] ' if verb.options else ''}{verb.operands}"
    words = ["zsan", m.words]
    for p in m.positional:
        words.append(placeholder(p) if p.required else f"[{placeholder(p)}]")
    if m.flags + m.local_flags + m.secrets:
        words.append("[FLAGS]")
    return " ".join(words)


# ---- docs/api.md ------------------------------------------------------------------------------------

INTRO = """<!-- Made of api/zsan.yaml by scripts/genapi.py: change that. -->
# The control API

zsand answers JSON-RPC 2.0 on a unix socket (`zsand --control`), which only its own user may use, or the members of one group as well
(`--control-group`). One request is one line, and so is its answer:

    {"jsonrpc": "2.0", "id": 1, "method": "volume.create", "params": {"name": "vm1", "size": 805306368000}}
    {"jsonrpc": "2.0", "id": 1, "result": {"name": "vm1", "size": 805306368000, ...}}

- Parameters have names; an unknown one, a wrong type or a number out of its range is refused by name. Sizes are bytes.
- A request has at most 1 MiB and 32 levels of nesting. It has an `id` (a text or a whole number): what would get no answer is
  refused, and so are batches. Requests of one connection are answered in order; there may be 64 connections, and one that says
  nothing for five minutes is closed.
- A change is one transaction: all of it is durable and served when the answer comes, or nothing is changed. When something of it
  cannot be brought up now (a missing device, an address that isn't there yet), it's retried, and the result has a member
  `warning`. Every change is logged with the user id of its caller (event `control.change`).
- Members of a result without a value are left out.

| error | means |
|---|---|
| -32700 | the line is no JSON |
| -32600 | it is no request; also: too long, too deep, a batch, no `id` |
| -32601 | there is no such method |
| -32602 | a parameter is missing, unknown or wrong; `data.field` names it |
| -32000 | it could not be done: `message` names the object and the fix, `data.errno` is one of these |
"""


def _type_link(kind, many):
    word = TYPE_WORDS.get(kind) or f"[{kind}](#{kind})"
    return f"list of {word}" if many else word


def _limits(p):
    if p.type == "enum":
        return ", ".join(f"`{v}`" for v, _ in p.values)
    if p.type in ("uint", "size") and (p.min or p.max):
        return f"{TYPE_WORDS[p.type]}, {p.min} to {p.top}"
    if p.type in ("text", "names"):
        return f"{TYPE_WORDS[p.type]}, up to {p.max} bytes"
    return TYPE_WORDS[p.type]


def _method(m):
    out = [f"### {m.name}", "", m.doc + (" Changes the configuration." if m.change and m.noun != "session" else ""), ""]
    if m.params:
        out += ["| parameter | type | |", "|---|---|---|"]
        out += [f"| `{p.name}`{' *' if p.required else ''} | {_limits(p)} | {p.doc} |" for p in m.params]
        out.append("")
    out.append("Result: " + ("the document" if m.result == "json" else _type_link(m.result, m.many)) + ".")
    if m.errors:
        out.append("Errors: " + ", ".join(f"`{e}`" for e in m.errors) + ".")
    return out + [f"Command: `{usage(m)}`", ""]


def reference(api):
    out = [INTRO.rstrip("\n")]
    out += [f"| `{e['errno']}` | {e['doc']} |" for e in api.errors] + ["| others | what the system said |", ""]
    out.append("`*` marks parameters that must be there.\n")
    for n in api.nouns:
        out += [f"## {n.name}", "", n.doc, ""]
        for m in n.methods:
            out += _method(m)
    out += ["## Types", ""]
    for t in api.types.values():
        out += [f"### {t.name}", "", t.doc, ""]
        if t.members:
            out += ["| member | type | |", "|---|---|---|"]
            out += [f"| `{m.name}` | {_type_link(m.type, m.many)} | {m.doc} |" for m in t.members] + [""]
    return "\n".join(out).rstrip("\n") + "\n"


# ---- zsan(8) ----------------------------------------------------------------------------------------

def _scd(text):
    """Text for scdoc: its marks are escaped."""
    return "".join("\\" + c if c in "*_\\`#[]<>" else c for c in text)


def _manual_method(m):
    words = [f"*{_scd(w)}*" for w in f"zsan {m.words}".split()]
    words += [("" if p.required else "\\[") + f"_{_scd(placeholder(p))}_" + ("" if p.required else "\\]")
              for p in m.positional]
    flags = m.flags + m.local_flags
    out = [" ".join(words) + (" \\[_FLAGS_\\]" if flags or m.secrets else ""), "\t" + _scd(m.doc), ""]
    for p in flags:
        value = "" if p.type == "bool" else f" _{_scd(placeholder(p))}_"
        out += [f"\t*{_scd(p.flag)}*{value}", f"\t\t{_scd(p.doc)}{' (must be given)' if p.required else ''}", ""]
    if m.secrets:
        out += ["\t*--secret-file* _FILE_", "\t\tread the secret from the first line of the file and the reverse secret from the "
                "second; an empty line: that one stays. Without it, both are read from standard input", ""]
    return out


def _manual_tool(t):
    nouns = "".join(f", *zsan {n}*" for n in t.nouns)
    out = [f"## {t.name}", "", f"*zsan {t.name}*{nouns}: {_scd(t.doc)}", ""]
    for v in t.verbs:
        operands = f" _{_scd(v.operands)}_" if v.operands else ""
        out += [f"*zsan {_scd(t.name)} {_scd(v.name)}*" + (" \\[_OPTIONS_\\]" if v.options else "") + operands, "\t" + _scd(v.doc), ""]
        for o in v.options:
            forms = ", ".join(f"*{_scd(form)}*" for form in o.forms)
            out += [f"\t{forms}" + (f" _{_scd(o.arg)}_" if o.arg else ""), f"\t\t{_scd(o.doc)}", ""]
    return out


def manual(api, old):
    """old with the verbs between its markers made anew."""
    head, begin, rest = old.partition(BEGIN + "\n")
    _, end, tail = rest.partition(END + "\n")
    if not begin or not end:
        raise SystemExit("the manual page has lost its markers")
    out = []
    for n in api.nouns:
        out += [f"## {n.name}", "", _scd(n.doc), ""]
        if n.language:
            out += [f"More verbs are those of *{n.language}*, below.", ""]
        for m in n.methods:
            out += [] if m.language else _manual_method(m)
    out += ["# LANGUAGES", "", "What operators know from ZFS and from Solaris. Dashes that a page's typesetting made of hyphens are taken "
            "as what they were.", ""]
    for t in tools.load():
        out += _manual_tool(t)
    codes = ["# EXIT STATUS", "", "_0_", "\tdone", "", "_1_", "\tfailed: the message says why", "", "_2_",
             "\twrong use of the command", "", "_3_", "\tzsand could not be reached", ""]
    for e in api.errors:
        codes += [f"_{e['exit']}_", "\t" + _scd(e["doc"]), ""]
    codes += ["_10_, _11_, _12_", "\t*zsan audit*: the worst that it found is low, medium or high", ""]
    return head + begin + "\n" + "\n".join(out + codes) + "\n" + end + tail
