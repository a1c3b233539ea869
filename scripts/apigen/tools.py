# SPDX-License-Identifier: BSD-2-Clause
"""The languages of src/cmd/grammar, read from their tables: rows of verbs and options stand one on a line there."""
import dataclasses
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "src/cmd/grammar"
NAMES = ("zpool", "zfs", "iscsitadm")
TEXT = r'"((?:[^"\\]|\\.)*)"'


@dataclasses.dataclass
class Option:
    letter: str
    word: str
    arg: str
    doc: str

    @property
    def forms(self):
        return ([f"-{self.letter}"] if self.letter else []) + ([f"--{self.word}"] if self.word else [])


@dataclasses.dataclass
class Verb:
    name: str
    operands: str
    doc: str
    options: list


@dataclasses.dataclass
class Tool:
    name: str
    nouns: list
    doc: str
    verbs: list

    def verb(self, name):
        return next(v for v in self.verbs if v.name == name)


def _option(row):
    def member(name, quote='"'):
        found = re.search(rf"\.{name} = {quote}((?:[^{quote}\\]|\\.)*){quote}", row)
        return found[1] if found else ""
    return Option(member("letter", "'"), member("word"), member("arg"), member("doc"))


def _options(text):
    return [_option(row) for row in re.findall(r"\{\s*\.(?:letter|word)[^}]*\}", text)]


def _read(name):
    text = (FOLDER / f"{name}.c").read_text(encoding="utf-8")
    shared = {m[1]: _options(m[2]) for m in re.finditer(r"#define (\w+)((?:[^\n]*\\\n)+[^\n]*)", text)}
    tables = {}
    for m in re.finditer(r"GR_OPTIONS\((\w+)\) = \{\n(.*?)\n\};", text, re.S):
        rows = []
        for line in m[2].splitlines():
            rows += shared.get(line.strip().rstrip(","), []) or _options(line)
        tables[m[1]] = rows
    verbs = []
    for m in re.finditer(rf"^    \{{{TEXT}, {TEXT}, {TEXT},(.*)\}},$", text, re.M):
        options = re.search(r"GR_WITH\((\w+)\)", m[4])
        verbs.append(Verb(m[1], m[2], m[3], tables[options[1]] if options else []))
    tool = re.search(rf"const struct gr_tool gr_{name} = \{{\s*{TEXT},\s*\{{([^}}]*)\}},\s*{TEXT}", text)
    return Tool(tool[1], re.findall(TEXT, tool[2]), tool[3], verbs)


def load():
    return [_read(name) for name in NAMES]
