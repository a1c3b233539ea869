# SPDX-License-Identifier: BSD-2-Clause
"""zsan's half: its verbs with arguments, flags and help, and how each result is shown."""
import json

KINDS = {"text": "A_TEXT", "uint": "A_UINT", "size": "A_SIZE", "bool": "A_BOOL", "enum": "A_ENUM", "tags": "A_TAGS",
         "names": "A_NAMES", "json": "A_JSON", "secret": "A_SECRET"}
SHOWN = {"text": "M_TEXT", "uint": "M_UINT", "size": "M_SIZE", "bool": "M_BOOL", "time": "M_TIME", "ns": "M_NS",
         "json": "M_JSON"}
TOP = "/* Made of api/zsan.yaml by scripts/genapi.py. */\n"


def _s(text):
    """A C string literal, or NULL."""
    return json.dumps(text) if text else "NULL"


def placeholder(p):
    """What stands for the value in usage lines."""
    if p.type == "enum":
        return "|".join(v for v, _ in p.values)
    if p.type == "tags":
        return "TAG,..."
    if p.type == "names" and not p.pos:
        return "NAME,..."
    if p.type == "json":
        return "FILE"
    if p.pos:
        return p.name.upper().rstrip("S") + "..." if p.type == "names" else p.name.upper()
    return {"size": "SIZE", "uint": "N"}.get(p.type, p.name.split("_")[-1].upper())


def _arg(p, local):
    flag = "" if p.pos or p.type == "secret" else p.flag[2:]
    values = f"{p.of}_values" if p.of else "NULL"
    return (f"    {{{_s(p.name)}, {_s(flag)}, {_s(placeholder(p))}, {_s(p.doc)}, {KINDS[p.type]}, "
            f"{'true' if p.required else 'false'}, {'true' if local else 'false'}, {p.min}u, {p.top}u, {values}}},")


def _verb(m):
    if m.params or m.local:
        return [f"static const struct cli_arg {m.ident}_args[] = {{", *(_arg(p, False) for p in m.params),
                *(_arg(p, True) for p in m.local), "};"]
    return []


def _type(t):
    out = []
    if t.members:
        out.append(f"static const struct cli_member {t.name}_members[] = {{")
        for m in t.members:
            kind, sub = (SHOWN[m.type], "NULL") if m.type in SHOWN else ("M_OBJECT", f"&cli_type_{m.type}")
            out.append(f"    {{{_s(m.name)}, {_s(m.col)}, {kind}, {'true' if m.many else 'false'}, {sub}}},")
        out.append("};")
    members = (f"{t.name}_members", f"ARRAY_LEN({t.name}_members)") if t.members else ("NULL", "0")
    out.append(f"static const struct cli_type cli_type_{t.name} = {{{_s(t.name)}, {members[0]}, {members[1]}}};")
    return out


def source(api):
    out = [TOP + '#include "cmd/client/verbs.h"', ""]
    out += [f"static const struct cli_type cli_type_{name};" for name in api.types]
    for t in api.types.values():
        out += _type(t)
    for name, values in api.enums.items():
        out.append(f"static const char *const {name}_values[] = {{{', '.join(map(_s, values))}, NULL}};")
    for m in api.methods:
        out += _verb(m)
    out.append("const struct cli_verb cli_verbs[] = {")
    for n in api.nouns:
        for m in n.methods:
            has = m.params or m.local
            args = (f"{m.ident}_args", f"ARRAY_LEN({m.ident}_args)") if has else ("NULL", "0")
            result = "NULL" if m.result == "json" else f"&cli_type_{m.result}"
            out.append(f"    {{{_s(n.name)}, {_s(m.verb)}, {_s(m.name)}, {_s(m.doc)}, {args[0]}, {args[1]}, {result}, "
                       f"{'true' if m.many else 'false'}, {'true' if m.change else 'false'}, {_s(m.say)}}},")
    out += ["};", "const size_t cli_nverbs = ARRAY_LEN(cli_verbs);", "const struct cli_noun cli_nouns[] = {"]
    out += [f"    {{{_s(n.name)}, {_s(n.doc)}}}," for n in api.nouns]
    out += ["};", "const size_t cli_nnouns = ARRAY_LEN(cli_nouns);", "const struct cli_exit cli_exits[] = {"]
    out += [f"    {{{_s(e['errno'])}, {e['exit']}, {_s(e['doc'])}}}," for e in api.errors]
    return "\n".join(out + ["};", "const size_t cli_nexits = ARRAY_LEN(cli_exits);", ""])
