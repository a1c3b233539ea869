# SPDX-License-Identifier: BSD-2-Clause
"""zsand and zsan as a test sees them: a daemon with a state directory of its own, asked only through the command.

    with Zsand(work) as z:
        z.volume("v", "64M", engine="mem")
        z.portal(); z.target("t", ["v"]); z.initiator(NAME); z.grant(NAME, "t")
        ... z.url("t") ...
    # here it was ended, and its log was searched for crashes and sanitizer reports

ZSAN_BUILD names the build directory (default build/test).
"""
import json
import os
import pathlib
import re
import shutil
import signal
import tempfile

import child
from initiator import Chap, Session

IQN = "iqn.2026-11.org.example:"
TOP = pathlib.Path(__file__).resolve().parents[2]
CRASH = re.compile(r"ERROR: (?:Address|Leak|Thread|Undefined)Sanitizer|runtime error:|Assertion .* failed|assert_cmp|"
                   r"SUMMARY: \w+Sanitizer|stack overflow|fiber .* overflowed")
SANITIZERS = {"ASAN_OPTIONS": "quarantine_size_mb=16:detect_stack_use_after_return=0",
              "UBSAN_OPTIONS": "print_stacktrace=1"}


def build_dir():
    return TOP / os.environ.get("ZSAN_BUILD", "build/test")


def program(*path):
    """A built program, such as program("tests/conformance/caw_counter")."""
    return build_dir().joinpath(*path)


def work_dir(name):
    """A new directory below build/, on a real disk. It stays for whoever wants to look, until tests of that name run again."""
    base = TOP / "build/work"
    base.mkdir(parents=True, exist_ok=True)
    for old in base.glob(f"{name}-[0-9]*-*"):
        if not pathlib.Path("/proc", old.name[len(name) + 1:].split("-")[0]).exists():
            shutil.rmtree(old, ignore_errors=True)
    return pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-{os.getpid()}-", dir=base))


class ZsanError(Exception):
    """zsan ended with another status than 0."""

    def __init__(self, args, done):
        super().__init__(f"zsan {' '.join(args)}: status {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
        self.status, self.text = done.returncode, done.stderr


class Zsand:
    def __init__(self, work, args=(), control=None, by=()):
        """by: the start of a command line that runs the daemon in some way of its own."""
        self.state = pathlib.Path(work) / "state"
        self.control = control or self.state / "zsand.sock"
        self.log_path = pathlib.Path(work) / "zsand.log"
        self.args = [str(a) for a in args]
        self.by = by
        self.process = None
        self.portals = []
        self.searched = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.stop()
        self.check()

    # ---- the process --------------------------------------------------------------------------------

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = child.spawn([*self.by, program("src/cmd/zsand"), "--state", self.state, "--control", self.control, *self.args],
                                       stdout=log, stderr=log, env=os.environ | SANITIZERS)
        child.wait_for("zsand answers", self._answers)

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"zsand ended with status {self.process.returncode}; its log ends:\n{self.tail()}")
        return self.try_zsan("status").returncode == 0

    def stop(self):
        if self.process:
            status = child.end(self.process)
            self.process = None
            if status != 0:
                raise RuntimeError(f"zsand ended with status {status} on SIGTERM; its log ends:\n{self.tail()}")

    def kill9(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def restart(self):
        self.stop()
        self.start()

    def log(self, since=0):
        with open(self.log_path, "rb") as f:
            f.seek(since)
            return f.read().decode(errors="replace")

    def log_size(self):
        return self.log_path.stat().st_size

    def tail(self, lines=30):
        return "\n".join(self.log().splitlines()[-lines:])

    def check(self):
        """Raises when the daemon died, or its log holds what must never be there."""
        if self.process and self.process.poll() is not None:
            raise RuntimeError(f"zsand died with status {self.process.returncode}; its log ends:\n{self.tail()}")
        text = self.log(self.searched)
        self.searched = self.log_size()
        if CRASH.search(text):
            at = CRASH.search(text).start()
            raise RuntimeError("zsand's log:\n" + text[max(0, at - 200):at + 4000])

    def errors(self, since):
        """Events of level error: what an operator would have to act on."""
        return [line for line in self.log(since).splitlines() if re.match(r"\S+Z error ", line)]

    def rss_mib(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no VmRSS")

    # ---- the command --------------------------------------------------------------------------------

    def try_zsan(self, *args, **kwargs):
        env = os.environ | SANITIZERS | {"ZSAN_SOCKET": str(self.control)}
        return child.run([program("src/cmd/zsan"), *args], env=env, **kwargs)

    def zsan(self, *args):
        """The answer of `zsan ... --json`."""
        args = [str(a) for a in args]
        done = self.try_zsan(*args, "--json")
        if done.returncode != 0:
            raise ZsanError(args, done)
        return json.loads(done.stdout) if done.stdout.strip() else None

    # ---- objects ------------------------------------------------------------------------------------

    def _flags(self, options):
        out = []
        for name, value in options.items():
            if value is not None and value is not False:
                out += ["--" + name.replace("_", "-")] + ([] if value is True else [str(value)])
        return out

    def portal(self, address="127.0.0.1", port=None, **options):
        """A portal on a free port; url() and address() take it by the order of these calls."""
        port = port or child.free_port(address)
        self.zsan("portal", "add", address, "--port", port, *self._flags(options))
        self.portals.append((address, port))
        return port

    def volume(self, name, size=None, **options):
        return self.zsan("volume", "create", name, *self._flags({"size": size} | options))

    def target(self, name, volumes=()):
        """A target that maps these volumes from LUN 0 on."""
        iqn = IQN + name
        self.zsan("target", "create", iqn)
        for lun, volume in enumerate(volumes):
            self.zsan("lun", "add", iqn, volume, "--lun", lun)
        return iqn

    def initiator(self, name, auth="none"):
        """Makes it known; the secrets for discovery that were minted, if any."""
        return _first_chap(self.zsan("initiator", "add", name, "--auth", auth))

    def grant(self, initiator, target):
        """The pair's secrets, if any were minted."""
        return _first_chap(self.zsan("grant", "add", initiator, IQN + target))

    def limits(self, **options):
        self.zsan("limits", "set", *self._flags(options))

    def address(self, portal=0):
        return self.portals[portal]

    def url(self, target, lun=0, portal=0):
        return "iscsi://%s:%d/%s/%d" % (*self.portals[portal], IQN + target, lun)

    def session(self, target, initiator, portal=0, **options):
        """A logged-in initiator.Session."""
        return Session(self.portals[portal], IQN + target, initiator, **options)


def _first_chap(answer):
    minted = answer.get("minted") or []
    if not minted or not minted[0].get("secret"):
        return None
    m = minted[0]
    return Chap(m["name"], m["secret"], m.get("reverse_name"), m.get("reverse_secret"))
