# SPDX-License-Identifier: BSD-2-Clause
"""What zsand can still do when somebody else has taken it over: files in the folders it was given, the system calls it needs, and
nobody but its users at its control socket."""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import socket
import time

from peer import NAME
from tap import Skip, expect
from zsand import Zsand, work_dir

OWN_DAEMONS = True
LANDLOCK_CREATE_RULESET, VERSION = 444, 1
NOBODY, READERS, OPERATORS = 65534, "games", "staff"


def has_landlock():
    return ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, 0, VERSION) > 0


def status(z, field):
    text = pathlib.Path(f"/proc/{z.process.pid}/status").read_text(encoding="ascii")
    return next(line.split()[1] for line in text.splitlines() if line.startswith(field + ":"))


def refused(z, what, *args):
    done = z.try_zsan(*args)
    expect(done.returncode != 0, f"zsan {' '.join(map(str, args))} was not refused")
    expect(what in done.stderr, f"{what!r} is not in {done.stderr!r}")


def filtered():
    """system calls are filtered in every thread, and privileges cannot be won"""
    with Zsand(work_dir("e2e-confine")) as z:
        expect(status(z, "Seccomp") == "2", "no filter")
        expect(status(z, "Seccomp_filters") == "2", "further rings could be made")
        expect(status(z, "NoNewPrivs") == "1", "a program of root's could be run")
        for task in pathlib.Path(f"/proc/{z.process.pid}/task").iterdir():
            text = (task / "status").read_text(encoding="ascii")
            expect("Seccomp:\t2" in text, f"a thread without a filter: {text.splitlines()[0]}")
        served(z)


def unfiltered():
    """the filter can be left out for a debugger, and the log says so"""
    with Zsand(work_dir("e2e-confine"), ["--seccomp", "off"]) as z:
        expect(status(z, "Seccomp") == "0", "a filter all the same")
        expect("system_calls=any" in z.log(), z.tail())


def served(z):
    """Something of each: a volume in a file, a pool, a LUN that is written to."""
    z.portal()
    z.volume("f", "16M")
    z.target("t", ["f"])
    z.initiator(NAME)
    z.grant(NAME, "t")
    with z.session("t", NAME) as s:
        s.ready()
        expect(s.write(0, b"x" * 4096).status == 0, "a write failed")
        expect(s.read(0, 8).data == b"x" * 4096, "what was written cannot be read")


def helpers():
    """threads that compute stand behind those that serve, also below the filter, which allows no other class of scheduling"""
    work = work_dir("e2e-confine")
    with open(work / "disk", "xb") as f:
        f.truncate(256 << 20)
    with Zsand(work) as z:
        z.zsan("pool", "create", "p", work / "disk")
        z.portal()
        z.volume("v", "64M", dataset="p/v")
        z.target("t", ["v"])
        z.initiator(NAME)
        z.grant(NAME, "t")
        with z.session("t", NAME) as s:
            s.ready()
            expect(s.write(0, b"x" * (64 << 10) + os.urandom(64 << 10)).status == 0, "a write failed")
        tasks = [int(t.name) for t in pathlib.Path(f"/proc/{z.process.pid}/task").iterdir() if (t / "comm").read_text() == "offload\n"]
        expect(tasks, "nothing was compressed by a helper")
        for t in tasks:
            expect(os.sched_getscheduler(t) == os.SCHED_BATCH, f"a helper's class is {os.sched_getscheduler(t)}")
        expect(os.sched_getscheduler(z.process.pid) == os.SCHED_OTHER, "a reactor stands behind")


def folders():
    """disks and volume files are opened in the folders that were named, and elsewhere not, by links neither"""
    if not has_landlock():
        raise Skip("this kernel has no Landlock")
    work = work_dir("e2e-confine")
    inside, outside = work / "luns", work / "other"
    for folder in (inside, outside):
        folder.mkdir()
        for name in ("disk", "lun"):
            with open(folder / name, "wb") as f:
                f.truncate(128 << 20)
    (inside / "link").symlink_to(outside / "disk")
    with Zsand(work, ["--device-folder", inside]) as z:
        served(z)
        z.zsan("volume", "create", "in", "--path", inside / "lun")
        refused(z, "--device-folder", "volume", "create", "out", "--path", outside / "disk")
        refused(z, "--device-folder", "volume", "create", "out", "--path", inside / "link")
        refused(z, "--device-folder", "pool", "create", "p", outside / "disk")
        refused(z, "--device-folder", "pool", "create", "p", inside / "link")
        refused(z, "--device-folder", "pool", "import", "-d", outside)
        z.zsan("pool", "create", "p", inside / "disk")
        z.restart()
        expect("p" in z.try_zsan("pool", "list", "-H").stdout, "the pool did not come back")


def missing_folder():
    """a folder that is not there is named, and nothing is started"""
    z = Zsand(work_dir("e2e-confine"), ["--device-folder", "/nowhere/at/all"])
    try:
        z.start()
        raise AssertionError("it started")
    except RuntimeError:
        z.process = None
    expect("/nowhere/at/all: No such file" in z.log(), z.tail())


def ask_as(path, gid, groups, method, params=None):
    """What a process of another user is told, or None where the kernel does not let it connect."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        answer = b""
        try:
            os.setgroups(groups)
            os.setgid(gid)
            os.setuid(NOBODY)
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(20)
                s.connect(str(path))
                with contextlib.suppress(BrokenPipeError):  # turned away, and told so, before it said anything
                    s.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}).encode() + b"\n")
                while b"\n" not in answer and (part := s.recv(65536)):
                    answer += part
        except PermissionError:
            pass
        finally:
            os.write(write, answer)
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as f:
        text = f.read()
    os.waitpid(pid, 0)
    return json.loads(text) if text else None


def strangers(z, path):
    """Who is turned away is in the log and in the audit trail, and cannot fill them."""
    began = time.monotonic()
    for _ in range(50):
        told = ask_as(path, NOBODY, [], "status")
        expect("may not use" in told["error"]["message"], f"a stranger was served: {told}")
    said = [line for line in z.log().splitlines() if "control.stranger" in line]
    expect(f"uid={NOBODY}" in said[0] and len(said) <= 3 + time.monotonic() - began, f"{len(said)} events: {said[0]}")
    z.zsan("audit", "verify")
    trail = "".join(p.read_text() for p in (z.state / "audit").glob("*.jsonl"))
    expect(0 < trail.count('"control.stranger"') <= len(said), "not in the audit trail")


@contextlib.contextmanager
def groups_and_socket():
    """The numbers of both groups, and a place for a control socket that others can reach."""
    if os.geteuid() != 0:
        raise Skip("needs root, to be other users")
    import grp
    folder = pathlib.Path("/run") / f"zsan-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        yield grp.getgrnam(READERS).gr_gid, grp.getgrnam(OPERATORS).gr_gid, folder / "control"
    finally:
        shutil.rmtree(folder)


def roles():
    """who may act, who may look, and who is turned away: by the groups of the process that asks"""
    create = ("volume.create", {"name": "v", "size": 1 << 24, "engine": "mem"})
    with groups_and_socket() as (readers, operators, path):
        with Zsand(work_dir("e2e-confine"), ["--control-group", OPERATORS, "--control-readers", READERS], path) as z:
            for gid, groups in ((readers, []), (NOBODY, [readers])):
                expect("result" in ask_as(path, gid, groups, "status"), "a reader cannot look")
                told = ask_as(path, gid, groups, *create)
                expect("may look" in told["error"]["message"], f"a reader could act: {told}")
                told = ask_as(path, gid, groups, "config.export", {"with_secrets": True})
                expect("may look" in told["error"]["message"], f"a reader was told secrets: {told}")
            told = ask_as(path, NOBODY, [], "status")
            expect("may not use" in told["error"]["message"], f"a stranger was served: {told}")
            strangers(z, path)
            expect("result" in ask_as(path, NOBODY, [operators], *create), "an operator cannot act")
        with Zsand(work_dir("e2e-confine"), ["--control-group", OPERATORS], path) as z:
            expect(ask_as(path, readers, [readers], "status") is None, "without readers the file is closed to all others")
            expect("result" in ask_as(path, operators, [], "status"), "an operator cannot look")


def existence():
    """CVE-2017-1000199 (tcmu-runner): who may only look is not told by the daemon which files there are, or what is in them"""
    work = work_dir("e2e-confine")
    with groups_and_socket() as (readers, _, path), Zsand(work, ["--control-readers", READERS], path) as z:
        with open(work / "there", "xb") as f:
            f.truncate(128 << 20)
        z.zsan("pool", "create", "hidden", work / "there")
        z.zsan("pool", "export", "hidden")
        document = z.zsan("config", "export")

        def told(there):
            file = str(work / ("there" if there else "gone"))
            asked = [("pool.found", {"devices": [file]}), ("pool.found", {"devices": [os.path.dirname(file) if there else file]}), ("volume.create", {"name": "w", "path": file}),
                     ("volume.orphans", {}), ("config.plan", {"document": document | {"volumes": document.get("volumes", {}) | {"w": {"engine": "file", "path": file}}}})]
            return [json.dumps(ask_as(path, readers, [], *a)).replace(file, "FILE") for a in asked]

        expect(told(True) == told(False), f"it is told:\n{told(True)}\n{told(False)}")
        for there in (True, False):
            expect("hidden" not in str(told(there)), "it is told what is in a file")
            expect("FILE" not in str(told(there)), "a file is named")


CASES = [filtered, unfiltered, helpers, folders, missing_folder, roles, existence]
