# SPDX-License-Identifier: BSD-2-Clause
"""Completion for bash and zsh: nouns, verbs, flags and their values; names of objects are asked of the daemon."""

from . import tools

HEAD = "# SPDX-License-Identifier: BSD-2-Clause\n# Made of api/zsan.yaml by scripts/genapi.py.\n"
GLOBAL = "--json --socket --help"
# Which list a positional argument is completed from: parameter's name (or noun.name) -> noun.
LISTS = {"target": "target", "volume": "volume", "initiator": "initiator", "who": "host initiator", "session.id": "session"}


def _source(m, p):
    """Nouns whose first column completes p."""
    if p.name == "name":
        return "" if m.verb in ("create", "add") else m.noun
    return LISTS.get(f"{m.noun}.{p.name}") or LISTS.get(p.name, "")


def _flags(m):
    out = []
    for p in m.flags + m.local_flags:
        out.append(p.flag)
        if p.type == "bool" and p not in m.local and m.verb == "set" and p.name != "force":
            out.append("--no-" + p.flag[2:])
    return " ".join(out + (["--secret-file"] if m.secrets else []))


def _operands(t, v):
    """Sources of a verb's operands: the first one that names what is there."""
    if v.name in ("create", "import") or t.name == "iscsitadm":
        return "-"
    source = {"zpool": "pool", "zfs": "dataset"}[t.name]
    return f"-,{source}" if "PROPERTY" in v.operands.split(" ")[0] else source


def _cases(api, indent):
    """Shell case branches by "NOUN VERB": flags and sources of positional arguments."""
    out = []
    for t in tools.load():
        for v in t.verbs:
            flags = " ".join(form for o in v.options for form in o.forms)
            valued = " ".join(form for o in v.options if o.arg for form in o.forms)
            words = [f"'{noun} {v.name.split()[0]}'" for noun in (t.name, *t.nouns)]
            if v is t.verb(next(w.name for w in t.verbs if w.name.split()[0] == v.name.split()[0])):
                out.append(f"{indent}{' | '.join(words)}) flags='{flags}' valued='{valued}' args='{_operands(t, v)}' ;;")
    for m in (m for m in api.methods if not m.language):
        sources = ",".join(_source(m, p).replace(" ", "+") or ("@" if p.type == "json" else "-") for p in m.positional)
        valued = " ".join([p.flag for p in m.flags + m.local_flags if p.type != "bool"] + (["--secret-file"] if m.secrets else []))
        out.append(f"{indent}'{m.words}') flags='{_flags(m)}' valued='{valued}' args='{sources}' ;;")
    return out


def _values(api, indent):
    seen = {}
    for m in api.methods:
        for p in m.flags:
            if p.type == "enum":
                seen[p.flag] = " ".join(v for v, _ in p.values)
    return [f"{indent}{flag}) values='{values}' ;;" for flag, values in sorted(seen.items())]


def _common(api):
    """Functions that both shells use: _zsan_look "NOUN VERB" sets flags, valued (those of them with a value) and args."""
    languages = tools.load()
    nouns = " ".join([n.name for n in api.nouns] + [t.name for t in languages])
    out = [f"_zsan_nouns='{nouns} help'", "_zsan_verbs() {", "    case $1 in"]
    for n in api.nouns:
        of_tool = [v.name for t in languages if n.name in t.nouns for v in t.verbs]
        verbs = " ".join(of_tool + [m.verb for m in n.methods if m.verb and m.verb not in of_tool])
        if verbs:
            out.append(f"    {n.name}) echo '{verbs}' ;;")
    for t in languages:
        out.append(f"    {t.name}) echo '{' '.join(dict.fromkeys(v.name.split()[0] for v in t.verbs))}' ;;")
    out += ["    esac", "}", "_zsan_look() {", "    flags='' valued='' args=''", '    case "$1" in', *_cases(api, "    "), "    esac",
            "}", "_zsan_values() {", "    values=''", '    case "$1" in', *_values(api, "    "), "    esac", "}",
            "# Names in the first columns of tables, from the daemon.",
            "_zsan_names() {", "    local noun", "    for noun in $(echo \"$1\" | tr + ' '); do",
            "        zsan \"$noun\" list 2>/dev/null | awk 'NR > 1 { print $1 }'", "    done", "}"]
    return out


def bash(api):
    body = r"""
_zsan() {
    local flags='' valued='' args='' values cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} noun='' verb='' n=0 word i
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        --socket) ((i++)) ;;
        -*) [[ " $valued " == *" $word "* ]] && ((i++)) ;;
        help) ;;
        *) if [ -z "$noun" ]; then noun=$word; elif [ -z "$verb" ] && [ -n "$(_zsan_verbs "$noun")" ]; then verb=$word; else ((n++)); fi
            _zsan_look "$noun${verb:+ $verb}" ;;
        esac
    done
    _zsan_values "$prev"
    COMPREPLY=()
    case $prev in
    --socket | --secret-file | --path) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    esac
    if [ -n "$values" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")
    elif [ -z "$noun" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$_zsan_nouns GLOBAL" -- "$cur")
    elif [ -z "$verb" ] && [ -n "$(_zsan_verbs "$noun")" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_zsan_verbs "$noun")" -- "$cur")
    elif [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$flags GLOBAL" -- "$cur")
    else
        word=$(echo "$args," | cut -d, -f$((n + 1)))
        case $word in
        @) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
        '' | -) ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$(_zsan_names "$word")" -- "$cur") ;;
        esac
    fi
}
complete -F _zsan zsan
"""
    return HEAD + "\n".join(_common(api)) + body.replace("GLOBAL", GLOBAL)


def zsh(api):
    body = r"""
_zsan() {
    local flags='' valued='' args='' values noun='' verb='' n=0 word i
    for ((i = 2; i < CURRENT; i++)); do
        word=${words[i]}
        case $word in
        --socket) ((i++)) ;;
        -*) [[ " $valued " == *" $word "* ]] && ((i++)) ;;
        help) ;;
        *) if [[ -z $noun ]]; then noun=$word; elif [[ -z $verb && -n $(_zsan_verbs $noun) ]]; then verb=$word; else ((n++)); fi
            _zsan_look "$noun${verb:+ $verb}" ;;
        esac
    done
    _zsan_values "${words[CURRENT - 1]}"
    case ${words[CURRENT - 1]} in
    --socket | --secret-file | --path) _files; return ;;
    esac
    if [[ -n $values ]]; then
        compadd -- ${=values}
    elif [[ -z $noun ]]; then
        compadd -- ${=_zsan_nouns} GLOBAL
    elif [[ -z $verb && -n $(_zsan_verbs $noun) ]]; then
        compadd -- $(_zsan_verbs $noun)
    elif [[ ${words[CURRENT]} == -* ]]; then
        compadd -- ${=flags} GLOBAL
    else
        word=${${(s:,:)args}[n + 1]}
        case $word in
        @) _files ;;
        '' | -) ;;
        *) compadd -- $(_zsan_names $word) ;;
        esac
    fi
}
_zsan "$@"
"""
    return "#compdef zsan\n" + HEAD + "\n".join(_common(api)) + body.replace("GLOBAL", GLOBAL)
