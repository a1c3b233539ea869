# SPDX-License-Identifier: BSD-2-Clause
"""What a crash leaves behind, and what others of the same user see of the process: nothing. For a debugger's sake --dumpable allows both;
then a dump holds the secrets in force, which it has to, and none of those that are no more. Not for builds with sanitizers, which
allow dumps always."""
import os
import pathlib
import pwd
import resource
import signal
from contextlib import contextmanager

import child
from leaks import daemon, documents, found, used
from tap import Skip, expect, note
from zsand import build_dir, program, work_dir

OWN_DAEMONS = True
PATTERN = pathlib.Path("/proc/sys/kernel/core_pattern")
NOBODY = 65534
# Prints what of a process it may look at. Only the memory and being traced need more than that both are the same user's, where Yama is in force.
LOOK = """
import ctypes, sys
pid = sys.argv[1]
for name in ("mem", "maps", "environ", "auxv"):
    try:
        open(f"/proc/{pid}/{name}", "rb").close()
        print(name)
    except PermissionError:
        pass
if ctypes.CDLL(None).ptrace(0x4206, int(pid), None, None) == 0:  # PTRACE_SEIZE: it is not stopped
    print("trace")
"""


def missing():
    return "sanitizers need dumps" if build_dir().name in ("asan", "tsan") else None


@contextmanager
def cores(work):
    """Whoever is started inside may leave cores of any size, and leaves them in work."""
    was, here = resource.getrlimit(resource.RLIMIT_CORE), os.getcwd()
    if was[1] != resource.RLIM_INFINITY:
        raise Skip("the limit of core dumps cannot be raised here")
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (was[1], was[1]))
        os.chdir(work)
        yield
    finally:
        os.chdir(here)
        resource.setrlimit(resource.RLIMIT_CORE, was)


def crash(z, how):
    """Kills it; whether it left a core, wherever this machine wants cores."""
    def ended():
        os.kill(z.process.pid, how)  # again: a fault that does not come again when tried again is none to zsand
        return os.waitid(os.P_PID, z.process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)

    end = child.wait_for(f"it dies of {how.name}", ended)
    z.process.wait()
    z.process = None
    expect(end.si_status == how, f"it did not die of {how.name}: {end}")
    return end.si_code == os.CLD_DUMPED


def core_of(work, before):
    new = [p for p in work.iterdir() if p not in before]
    expect(len(new) == 1, f"beside the core: {new}")
    return new[0].read_bytes()


def no_core():
    """a crash leaves no core, not where its parent allows one of any size either"""
    work = work_dir("e2e-dumps")
    with cores(work), daemon(work) as z:
        used(z)
        for how in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
            before = set(work.iterdir())
            expect(resource.prlimit(z.process.pid, resource.RLIMIT_CORE) == (0, 0), "the limit of core dumps is not 0")
            expect(not crash(z, how), f"{how.name} made it leave a core")
            expect(set(work.iterdir()) == before, f"{how.name} left {set(work.iterdir()) - before}")
            z.start()


def wiped():
    """with --dumpable a core holds secrets that are in force, and none that are no more or never were"""
    work = work_dir("e2e-dumps")
    with cores(work), daemon(work, "--dumpable") as z:
        secrets = used(z)
        secrets.refused.extend(documents(z, secrets))
        before = set(work.iterdir())
        dumped = crash(z, signal.SIGSEGV)
        z.start()
        pattern = PATTERN.read_text(encoding="ascii").strip()
        if pattern.startswith("|") or "/" in pattern:
            raise Skip(f"this machine sends cores elsewhere ({pattern}); it was {'' if dumped else 'not '}dumped")
        expect(dumped, "it left none, so the test before this one finds nothing either")
        core = core_of(work, before)
        note(f"{len(core) >> 20} MiB")
        for s in secrets.live:
            expect(s.encode() in core, "this test looks for what is nowhere")
        found(secrets.gone + secrets.refused, "the core", core)


def is_root():
    """And not in a namespace of its own, where it is everybody there is."""
    return "4294967295" in pathlib.Path("/proc/self/uid_map").read_text(encoding="ascii")


def as_another():
    """The start of a command line that makes a user of no privileges of who is root, or as good as one."""
    who = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if is_root() else ["--bounding-set=-all", "--inh-caps=-all"]
    by = ["setpriv", *who, "--no-new-privs", "--pdeathsig=KILL"]
    if child.run([*by, "test", "-x", program("src/cmd/zsand")]).returncode != 0:
        raise Skip("other users cannot run what was built here")
    return by


def looked_at(*args, by=None):
    """What one of its own user sees of a daemon, which by starts."""
    work, as_it = work_dir("e2e-dumps"), as_another()
    work.chmod(0o777)
    with daemon(work, *args, by=as_it if by is None else by) as z:
        expect(z.zsan("status"), "it does not serve")
        return set(child.run([*as_it, "python3", "-I", "-c", LOOK, z.process.pid]).stdout.split())


def same_user():
    """nobody of its own user reads its memory, traces it, or sees where it has what; with --dumpable they do"""
    seen = looked_at()
    expect(not seen, f"of its own user one sees {seen}")
    seen = looked_at("--dumpable")
    note(", ".join(sorted(seen)))
    expect({"maps", "environ", "auxv"} <= seen, f"this test looks at nothing: {seen}")


def changed_user():
    """the same holds where root started it with --user"""
    if not is_root():
        raise Skip("needs root")
    to = ["--user", pwd.getpwuid(NOBODY).pw_name]
    expect(not (seen := looked_at(*to, by=())), f"of its own user one sees {seen}")
    expect("maps" in looked_at(*to, "--dumpable", by=()), "--dumpable does nothing")


CASES = [no_core, wiped, same_user, changed_user]
