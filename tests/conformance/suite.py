# SPDX-License-Identifier: BSD-2-Clause
"""Runs libiscsi's conformance suite test by test, each in a process with a time limit of its own, and judges it.

A test is good when it passes without a SKIPPED line. What may deviate stands in expected.txt, one line each:
    KIND TEST VERDICT REASON
KIND is the LUN's kind (mem, file, readonly, multipath or *), VERDICT is skipped or failed. A line that is
not needed any more fails the run as well, so the list cannot rot.
"""
import fnmatch
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 60  # seconds; the client itself can deadlock


def tests(pattern="ALL"):
    out = subprocess.run(["iscsi-test-cu", "--list"], capture_output=True, text=True, check=False).stdout
    names = [n.strip() for n in out.splitlines() if n.startswith("ALL.") and n.count(".") == 2]
    return [n for n in names if fnmatch.fnmatch(n, pattern if "." in pattern else pattern + ".*")]


def expected(kind):
    rows = {}
    for line in (HERE / "expected.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            k, test, verdict, reason = line.split(None, 3)
            if fnmatch.fnmatch(kind, k):
                rows[test] = (verdict, reason)
    return rows


def run_one(test, urls, names):
    cmd = ["iscsi-test-cu", "--dataloss", "--initiator-name=" + names[0], "--initiator-name-2=" + names[1],
           "--test=" + test, *urls]
    try:
        p = subprocess.run(cmd, capture_output=True, text=True, errors="replace", timeout=LIMIT, check=False)
        text, status = p.stdout + p.stderr, p.returncode
    except subprocess.TimeoutExpired as e:
        return "failed", (e.stdout or b"").decode(errors="replace") + f"\nno end within {LIMIT} s"
    passed = "...passed" in text or "\npassed" in text
    if status != 0 or "[FAILED]" in text or not passed:
        return "failed", text
    return ("skipped" if "[SKIPPED]" in text else "passed"), text


def details(text):
    keep = ("[SKIPPED]", "[FAILED]", "CU_", ".c:", "no end", "Failed")
    return "\n".join("#   " + l.strip() for l in text.splitlines() if any(k in l for k in keep))


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def result(self, good, name, text=""):
        self.n += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.n} - {name}", flush=True)
        if text:
            print(text, flush=True)

    def end(self):
        print(f"1..{self.n}")
        return 1 if self.failed else 0


def run(tap, kind, urls, names, only="ALL", skip=()):
    allowed, used = expected(kind), set()
    for test in tests(only):
        if any(fnmatch.fnmatch(test, s) for s in skip):
            continue
        verdict, text = run_one(test, urls, names)
        want = allowed.get(test, ("passed", ""))[0]
        used.add(test)
        good = verdict == want
        note = f" ({verdict}: {allowed[test][1]})" if test in allowed and good else ""
        tap.result(good, f"{kind} {test}{note}", "" if good else f"#   {verdict}, expected {want}\n" + details(text))
    if only == "ALL":
        for test in set(allowed) - used:
            tap.result(False, f"{kind} {test} is in expected.txt but was not run")
