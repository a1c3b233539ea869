# SPDX-License-Identifier: BSD-2-Clause
"""Runs libiscsi's conformance suite test by test, each in a process with a time limit of its own, and judges it.

A test is good when it passes without a SKIPPED line. What may deviate stands in expected.txt, one line each:
    KINDS TESTS VERDICT REASON
KINDS are patterns of kinds of LUN with commas between, TESTS is a pattern, VERDICT is skipped,
failed, protected: failed because the LUN answers 07/27/00 to writes, or raced: failed or passed, as which of two answers
comes first decides. The first line that fits counts. One that is not needed any more fails the run as well, so the list
cannot rot.
"""
import fnmatch
import pathlib
import re
import subprocess
from collections import namedtuple

import child

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 60  # seconds; the client itself can deadlock


def tests(pattern="ALL"):
    out = child.run(["iscsi-test-cu", "--list"]).stdout
    names = [n.strip() for n in out.splitlines() if n.startswith("ALL.") and n.count(".") == 2]
    return [n for n in names if fnmatch.fnmatch(n, pattern if "." in pattern else pattern + ".*")]


Row = namedtuple("Row", "tests verdict reason")
PASS = Row("", "passed", "")


def expected(kind):
    rows = []
    for line in (HERE / "expected.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            kinds, *row = line.split(None, 3)
            if any(fnmatch.fnmatch(kind, k) for k in kinds.split(",")):
                rows.append(Row(*row))
    return rows


def verdict_of(text, status):
    """CUnit's summary counts; "[FAILED]" also stands before what a test expects to go wrong, and in its cleaning up."""
    summary = re.search(r"^ *tests +\d+ +(\d+) +(\d+) +(\d+) ", text, re.M)
    if status != 0 or not summary or summary.groups() != ("1", "1", "0"):
        return "protected" if re.search(r"WRITE_PROTECTED|\(0x07\)/\(0x2700\)", text) else "failed"
    return "skipped" if "[SKIPPED]" in text else "passed"


def run_one(test, urls, names):
    argv = ["iscsi-test-cu", "--dataloss", "--initiator-name=" + names[0], "--initiator-name-2=" + names[1],
            "--test=" + test, *urls]
    try:
        done = child.run(argv, timeout=LIMIT)
    except subprocess.TimeoutExpired as e:
        return "failed", (e.stdout or b"").decode(errors="replace") + f"\nno end within {LIMIT} s"
    text = done.stdout + done.stderr
    return verdict_of(text, done.returncode), text


def details(text):
    keep = ("[SKIPPED]", "[FAILED]", "CU_", ".c:", "no end", "Failed")
    return "\n".join(line.strip() for line in text.splitlines() if any(k in line for k in keep))


def as_expected(verdict, row):
    return verdict == row.verdict or (row.verdict == "raced" and verdict in ("failed", "passed"))


def run(tap, kind, urls, names, only="ALL", skip=()):
    """only and skip are patterns of test names."""
    rows = expected(kind)
    used = set()
    for test in tests(only):
        if any(fnmatch.fnmatch(test, s) for s in skip):
            continue
        verdict, text = run_one(test, urls, names)
        row = next((r for r in rows if fnmatch.fnmatch(test, r.tests)), PASS)
        used.add(row)
        good = as_expected(verdict, row)
        note = f" ({verdict}: {row.reason})" if row.reason and good else ""
        tap.result(good, f"{kind} {test}{note}", "" if good else f"{verdict}, expected {row.verdict}\n" + details(text))
    if only == "ALL":
        for row in set(rows) - used:
            tap.result(False, f"{kind}: {row.tests} in expected.txt fits no test that was run")
