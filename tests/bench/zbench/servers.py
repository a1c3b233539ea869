# SPDX-License-Identifier: BSD-2-Clause
"""The servers that are compared. Each is started for one run and serves every LUN as a target of
its own, on loopback, to anybody, without CHAP."""
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass

START_SECONDS = 15
STOP_SECONDS = 10


class ServerError(Exception):
    pass


@dataclass(frozen=True)
class Lun:
    """What a server is to serve."""

    kind: str  # "file"; "null": takes everything, returns zeros; of zsan alone "mem", and "pool": a volume in a pool on path
    size: int  # bytes
    path: str = ""
    durable: bool = False  # a write's GOOD means that it's on the disk
    sync: str = ""  # zsan's word for how durable it is, where that isn't enough


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _tail(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return "".join(f.readlines()[-12:])


class Server:
    """start(luns), then pid and urls; stop(). Also a context: `with server.serving(luns)`."""

    name = ""

    def __init__(self):
        self.process = None
        self.urls = []

    @property
    def pid(self):
        return self.process.pid

    def serving(self, luns):
        return _Serving(self, luns)

    def sync_mode(self, lun):
        """How it makes a write durable, in the server's own words."""
        raise NotImplementedError

    def start(self, luns):
        raise NotImplementedError

    def _spawn(self, argv, log_path, **kwargs):
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, **kwargs)

    def _wait(self, ready, log_path):
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise ServerError(f"{self.name} doesn't start; its log ends:\n{_tail(log_path)}")
            time.sleep(0.05)

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class _Serving:
    def __init__(self, server, luns):
        self.server, self.luns = server, luns

    def __enter__(self):
        try:
            self.server.start(self.luns)
        except BaseException:
            self.server.stop()
            raise
        return self.server

    def __exit__(self, *_):
        self.server.stop()


class Tgt(Server):
    """Debian's tgt with its default worker threads."""

    name = "tgt"

    def __init__(self, work):
        super().__init__()
        self.log = os.path.join(work, "tgtd.log")
        self.control = None

    @staticmethod
    def install():
        if shutil.which("tgtd"):
            return
        if os.geteuid() != 0:
            raise ServerError("tgtd isn't installed: apt-get install tgt (or run as root)")
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", "tgt"], check=True)
        # the package starts one on port 3260, which nobody asked for
        if shutil.which("systemctl"):
            subprocess.run(["systemctl", "disable", "--now", "tgt"], check=False)

    @staticmethod
    def version():
        out = subprocess.run(["tgtd", "--version"], capture_output=True, text=True, check=False)
        return "tgt " + out.stdout.strip()

    def sync_mode(self, lun):
        return "direct+sync" if lun.durable else "page cache"

    def _admin(self, *args, check=True):
        argv = ["tgtadm", "-C", str(self.control), "--lld", "iscsi", *args]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise ServerError(f"{' '.join(argv)}: {done.stderr.strip()}")
        return done.returncode == 0

    def start(self, luns):
        port = free_port()
        self.control = port // 2  # one number per tgtd of the machine, below 32768
        self._spawn(["tgtd", "-f", "-C", str(self.control), "--iscsi", f"portal=127.0.0.1:{port}"],
                    self.log)
        self._wait(lambda: self._admin("--op", "show", "--mode", "system", check=False), self.log)
        self.urls = []
        for tid, lun in enumerate(luns, 1):
            iqn = f"iqn.2026-01.org.zsan:tgt-{tid}"
            flags = ["--bsoflags", "sync:direct"] if lun.durable else []
            self._admin("--op", "new", "--mode", "target", "--tid", str(tid), "-T", iqn)
            self._admin("--op", "new", "--mode", "logicalunit", "--tid", str(tid), "--lun", "1",
                        "-b", lun.path, *flags)
            self._admin("--op", "bind", "--mode", "target", "--tid", str(tid), "-I", "ALL")
            self.urls.append(f"iscsi://127.0.0.1:{port}/{iqn}/1")

    def stop(self):
        # tgtd ignores SIGTERM while it has targets; this is how its own scripts end it
        if self.process is not None and self.process.poll() is None:
            for tid in range(1, len(self.urls) + 1):
                self._admin("--op", "delete", "--force", "--mode", "target", "--tid", str(tid),
                            check=False)
            self._admin("--op", "delete", "--mode", "system", check=False)
        super().stop()
