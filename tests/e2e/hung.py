# SPDX-License-Identifier: BSD-2-Clause
"""A volume on a file system that stops answering, with a hundred writes in it. It is said to be busy, it can be removed, the daemon stops; nothing else waits."""
import os
import pty
import signal
import subprocess
import threading
import time

import child
import stallfs
from contextlib import contextmanager
from peer import NAME, alive, start_writes, verify
from tap import expect
from zsand import IQN, SANITIZERS, Zsand, program, work_dir

OWN_DAEMONS = True
AT_ONCE_S, PATIENCE_S, STOP_S = 2, 6, 25
UNFINISHED = 3
missing = stallfs.missing


def volume_problems(z):
    return [p for p in z.zsan("status")["problems"] if p["object"].startswith("volume")]


def within(seconds, what, function, *args):
    start = time.monotonic()
    result = function(*args)
    took = time.monotonic() - start
    expect(took < seconds, f"{what} took {took:.1f} s")
    return result


@contextmanager
def hanging():
    """A daemon, its file system, a session with writes to LUN 0 that hang; LUN 1 is well."""
    work = work_dir("e2e-hung")
    with stallfs.StallFs(work / "mnt", {"disk.img": 16 << 20}) as fs, Zsand(work, ["--reactors", 1]) as z:
        z.portal()
        z.volume("hung", path=work / "mnt" / "disk.img")
        z.volume("well", "64M", engine="file")
        z.target("t", ["hung", "well"])
        z.initiator(NAME)
        z.grant(NAME, "t")
        try:
            with z.session("t", NAME) as s:
                alive(s)
                alive(s, 1)
                verify(s, 0, 0, 64)
                fs.stall()
                start_writes(s, 0, 100)
                time.sleep(0.3)
                yield z, fs, s
        finally:
            fs.resume()


def state(z, name):
    return {v["name"]: v["state"] for v in z.zsan("volume", "list")}[name]


def questions():
    """it is busy, and told so at once; other volumes are online and can be changed"""
    with hanging() as (z, fs, s):
        expect(within(AT_ONCE_S, "volume list", state, z, "hung") == "busy", "its state")
        expect(within(AT_ONCE_S, "volume list", state, z, "well") == "online", "the other's state")
        status = within(AT_ONCE_S, "status", z.zsan, "status")
        expect([p["object"] for p in status["problems"] if "busy" in p["text"]] == ["volume hung"], f"{status['problems']}")
        within(AT_ONCE_S, "a change of another volume", z.zsan, "volume", "set", "well", "--threshold-pct", 10)
        within(AT_ONCE_S, "a change of its limits", z.zsan, "volume", "set", "hung", "--iops-limit", 1000)
        alive(s, 1)
        verify(s, 1, 0, 64)
        fs.resume()
        time.sleep(0.5)
        expect(state(z, "hung") == "online", "its state afterwards")


def removal():
    """it is removed: its LUN is gone at once, it is closed when its file system answers"""
    with hanging() as (z, fs, s):
        answer = within(PATIENCE_S, "volume delete", z.zsan, "volume", "delete", "hung", "--force")
        expect("does not answer" in answer.get("warning", ""), f"warning: {answer}")
        expect(str(s.ready(0).sense) == "05/25/00", "its LUN is still there")
        alive(s, 1)
        verify(s, 1, 0, 64)
        within(AT_ONCE_S, "another change", z.zsan, "volume", "set", "well", "--threshold-pct", 10)
        expect("volume.stuck volume=hung" in z.log() and "volume.closed volume=hung" not in z.log(), z.tail())
        expect([p["object"] for p in volume_problems(z)] == ["volume hung"], f"{volume_problems(z)}")
        fs.resume()
        time.sleep(0.5)
        expect("volume.closed volume=hung" in z.log(), z.tail())
        expect(volume_problems(z) == [], "problems afterwards")


def stop():
    """the first SIGTERM ends the daemon in time, and an event names the volume"""
    with hanging() as (z, _, _):
        z.process.send_signal(signal.SIGTERM)
        status = within(STOP_S, "the stop", z.process.wait, 60)
        z.process = None
        expect(status == UNFINISHED, f"status {status}; {z.tail()}")
        expect("volume.abandoned volume=hung" in z.log(), z.tail())


def start():
    """a daemon that starts while it hangs serves the rest, and this one when it answers"""
    with hanging() as (z, fs, s):
        s.close()
        fs.resume()
        z.stop()
        fs.stall()
        within(PATIENCE_S, "the start", z.start)
        expect(state(z, "hung") == "waiting", f"its state: {state(z, 'hung')}")
        with z.session("t", NAME) as other:
            alive(other, 1)
            expect(str(other.ready(0).sense) == "02/04/01", "its LUN")
            fs.resume()
            time.sleep(4)
            alive(other, 0)


def creation():
    """a volume made over something that hangs holds up nobody else's change"""
    with hanging() as (z, _, _):
        maker = threading.Thread(target=z.try_zsan, daemon=True,
                                 args=("volume", "create", "more", "--path", str(z.state.parent / "mnt" / "disk.img")))
        maker.start()
        time.sleep(0.3)
        within(AT_ONCE_S, "another change", z.zsan, "target", "create", IQN + "more")


def terminal():
    """on a terminal a command that takes long shows how far it is; a pipe stays clean"""
    work = work_dir("e2e-hung")
    with stallfs.StallFs(work / "mnt", {"d0": 192 << 20}) as fs, Zsand(work) as z:
        z.zsan("pool", "create", "tank", work / "mnt" / "d0")
        z.volume("tank/v", "64M")
        z.volume("tank/w", "64M")
        z.portal()
        z.target("t", ["tank/v"])
        z.initiator(NAME)
        z.grant(NAME, "t")
        with z.session("t", NAME) as s:
            alive(s)
            for i in range(32):
                s.write(i * 2048, os.urandom(1 << 20))
        env = os.environ | SANITIZERS | {"ZSAN_SOCKET": str(z.state / "zsand.sock")}
        fs.stall()
        try:
            ours, theirs = pty.openpty()
            p = child.spawn([program("src/cmd/zsan"), "volume", "delete", "tank/v", "--force"], env=env, stdin=theirs, stdout=theirs,
                            stderr=theirs)
            q = child.spawn([program("src/cmd/zsan"), "volume", "delete", "tank/w", "--force"], env=env, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
            os.close(theirs)
            shown = b""
            until = time.monotonic() + 20
            while b"%" not in shown and b" s" not in shown and time.monotonic() < until:
                shown += os.read(ours, 4096)
        finally:
            fs.resume()
        expect(p.wait(30) == 0 and q.wait(30) == 0, f"{shown}")
        expect(b"\r" in shown, f"the terminal shows {shown}")
        expect(b"\r" not in q.stdout.read(), "the pipe isn't clean")


def importing():
    """an import that takes long says on a terminal, and to whoever asks, how many of how many disks it has read"""
    work = work_dir("e2e-hung")
    disks = [work / "mnt" / name for name in ("d0", "d1", "d2")]
    with stallfs.StallFs(work / "mnt", {d.name: 96 << 20 for d in disks}) as fs, Zsand(work, ["--reactors", 1]) as z:
        z.zsan("pool", "create", "tank", "mirror", *disks)
        z.zsan("pool", "export", "tank")
        env = os.environ | SANITIZERS | {"ZSAN_SOCKET": str(z.state / "zsand.sock")}
        ours, theirs = pty.openpty()
        fs.hold("d1")
        try:
            p = child.spawn([program("src/cmd/zsan"), "pool", "import", *(w for d in disks for w in ("-d", d)), "tank"], env=env,
                            stdin=theirs, stdout=theirs, stderr=theirs)
            os.close(theirs)
            pool = child.wait_for("the import to be seen", lambda: next(
                (x for x in z.zsan("pool", "status")["pools"] if x.get("import")), None))
            expect(pool["state"] == "importing" and (pool["import_done"], pool["import_of"]) == (1, 3), f"{pool}")
            expect("reading labels: 1 of 3 devices" in z.try_zsan("pool", "status").stdout, "the text")
            shown, until = b"", time.monotonic() + 20
            while b"reading labels" not in shown and time.monotonic() < until:
                shown += os.read(ours, 4096)
            expect(b"reading labels: 1 of 3 devices" in shown, f"the terminal shows {shown}")
        finally:
            fs.release()
        expect(p.wait(30) == 0, "the import")
        expect("import" not in z.zsan("pool", "status")["pools"][0], "it is over")


CASES = [questions, removal, stop, start, creation, terminal, importing]
