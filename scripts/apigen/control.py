# SPDX-License-Identifier: BSD-2-Clause
"""src/control's half: argument structs, tables of parameters, the table of methods."""

C_TYPES = {"text": "const char *", "secret": "const char *", "uint": "uint64_t ", "size": "uint64_t ", "bool": "bool ",
           "enum": "int ", "tags": "struct api_tags ", "names": "struct api_names ", "json": "const json_t *"}
KINDS = {"text": "P_TEXT", "secret": "P_TEXT", "uint": "P_UINT", "size": "P_UINT", "bool": "P_BOOL", "enum": "P_ENUM",
         "tags": "P_TAGS", "names": "P_NAMES", "json": "P_JSON"}
HAS = ("uint", "size", "bool", "enum")  # optional ones have a member has_NAME
SECRET_MAX = 255                        # bytes, CFG_SECRET_MAX
TOP = "/* Made of api/zsan.yaml by scripts/genapi.py. */\n"


def _has(p):
    return p.type in HAS and not p.required


def _struct(m):
    lines = [f"struct args_{m.ident} {{"]
    for p in m.params:
        if _has(p):
            lines.append(f"    bool has_{p.name};")
        lines.append(f"    {C_TYPES[p.type]}{p.name};")
    if not m.params:
        lines.append("    char none;")
    return "\n".join(lines + ["};"])


def header(api):
    out = [TOP + "#ifndef CONTROL_API_GEN_H", "#define CONTROL_API_GEN_H", "", '#include "control/rpc.h"', ""]
    for m in api.methods:
        out += [_struct(m), f"/* {m.words}: {m.doc} */",
                f"int rpc_{m.ident}(struct control *c, const struct args_{m.ident} *a, json_t **ret_result,",
                "    struct err *reterr);", ""]
    return "\n".join(out + ["#endif", ""])


def _row(m, p):
    at = f"offsetof(struct args_{m.ident}, {p.name})"
    fields = [f'"{p.name}"', KINDS[p.type], f".off = {at}"]
    if _has(p):
        fields.append(f".has_off = offsetof(struct args_{m.ident}, has_{p.name}), .has = true")
    top = SECRET_MAX if p.type == "secret" else p.max
    if p.type in ("uint", "size"):
        top = p.top
    fields.append(f".min = {p.min}, .max = {top}")
    fields += [f".names = {p.of}_names"] if p.of else []
    fields += [".required = true"] if p.required else []
    fields += [".pos = true"] if p.pos else []
    return "    {" + ", ".join(fields) + "},"


def _method(m):
    out = []
    if m.params:
        out += [f"static const struct param {m.ident}_params[] = {{", *(_row(m, p) for p in m.params), "};"]
    out += [f"static int call_{m.ident}(struct control *c, const void *a, json_t **ret_result, struct err *reterr)",
            "{", f"    return rpc_{m.ident}(c, a, ret_result, reterr);", "}", ""]
    return out


def source(api):
    out = [TOP + '#include "control/api_gen.h"\n#include "config/config.h"\n#include "base/log.h"', ""]
    used = {p.of for m in api.methods for p in m.params}
    for name, values in ((n, v) for n, v in api.enums.items() if n in used):
        rows = ", ".join(f'{{"{text}", {c}}}' for text, c in values.items())
        out += [f"static const struct param_name {name}_names[] = {{{rows}, {{NULL, 0}}}};"]
    out.append("")
    for m in api.methods:
        out += _method(m)
    out.append("const struct method control_methods[] = {")
    for m in api.methods:
        params, n = (f"{m.ident}_params", f"ARRAY_LEN({m.ident}_params)") if m.params else ("NULL", "0")
        out.append(f'    {{"{m.name}", {params}, {n}, sizeof(struct args_{m.ident}), call_{m.ident}, '
                   f"{'AUDIT_CHANGE' if m.change else 'AUDIT_READ' if m.audit else 'AUDIT_NONE'}}},")
    return "\n".join(out + ["};", "const size_t control_nmethods = ARRAY_LEN(control_methods);", ""])
