# SPDX-License-Identifier: BSD-2-Clause
"""A guest with a real kernel initiator (tests/realclient/run.sh): runs a script in it and acts on lines that it prints.

The guest's files are in build/realclient, or where REALCLIENT_CACHE says; run.sh makes them when they are missing.
"""
import os
import socket
import subprocess
import threading
from contextlib import suppress

import child
from zsand import TOP

HERE = TOP / "tests/realclient"


def cache():
    return os.environ.get("REALCLIENT_CACHE", str(TOP / "build/realclient"))


class GuestError(Exception):
    """The script failed; the text is all it printed."""


class Guest:
    def __init__(self, script, *args, ports=(), nics=1, mem=1024, fio=False, forwards=(), programs=(), qemu=(),
                 limit=240, on=None, boot=None, settings=(), uefi=False):
        """With boot, the URI of a LUN, the script is None: it lies there, in an image that run.sh -B made."""
        argv = [HERE / "run.sh", "-C", cache(), "-t", limit, "-n", nics, "-m", mem]
        for flag, values in (("-p", ports), ("-f", forwards), ("-a", programs), ("-q", qemu), ("-s", settings)):
            for value in values:
                argv += [flag, value]
        self.argv = argv + (["-x"] if fio else []) + (["-U"] if uefi else []) + (["-b", boot] if boot else [script, *args])
        self.on = on or {}
        self.lines = []
        self.process = self.reader = None

    def _spawn(self):
        self.process = child.spawn(self.argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace")

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())
            yield line.strip()

    def run(self):
        """To the end of the script; its lines are acted on by the caller's thread (a child dies with the thread that made it)."""
        self._spawn()
        try:
            for line in self._read():
                action = self.on.get(line.split(" ", 1)[0])
                if action:
                    action(line)
            if self.process.wait() != 0:
                raise GuestError(f"status {self.process.returncode}\n{self.text()}")
        finally:
            self.stop()

    def start(self):
        """In the background; wait_line() tells how far it is."""
        self._spawn()
        self.reader = threading.Thread(target=lambda: list(self._read()), daemon=True)
        self.reader.start()

    def wait_line(self, begin, seconds=120):
        def seen():
            if self.process.poll() is not None:
                raise GuestError("it ended:\n" + self.text())
            return next((line for line in list(self.lines) if line.startswith(begin)), None)
        return child.wait_for(begin, seen, seconds)

    def wait_said(self, word, seconds=240):
        """A line of lib.sh's say, which puts the time before it."""
        def said():
            if self.process.poll() is not None:
                raise GuestError("it ended:\n" + self.text())
            return any(line.endswith("] " + word) for line in list(self.lines))
        try:
            child.wait_for(word, said, seconds)
        except TimeoutError as e:
            raise GuestError(f"{e}\n{self.text()}") from e

    def join(self):
        """The script's status."""
        status = self.process.wait()
        self.reader.join()
        return status

    def text(self):
        return "\n".join(self.lines)

    def stop(self):
        if self.process and self.process.poll() is None:
            child.end(self.process)


class Turns:
    """Where several guests ask whose turn it is (lib.sh, turn): a port of the host's that answers go once a turn was given."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.given = set()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            with s, suppress(OSError):
                s.settimeout(5)
                asked = s.makefile("r").readline().strip()
                s.sendall(b"go\n" if asked in self.given else b"wait\n")

    def give(self, turn):
        self.given.add(turn)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
