# SPDX-License-Identifier: BSD-2-Clause
"""A guest with a real kernel initiator (tests/realclient/run.sh): runs a script in it and acts on lines that it prints.

The guest's files are in build/realclient, or where REALCLIENT_CACHE says; run.sh makes them when they are missing.
"""
import os
import subprocess
import threading

import child
from zsand import TOP

HERE = TOP / "tests/realclient"


def cache():
    return os.environ.get("REALCLIENT_CACHE", str(TOP / "build/realclient"))


class GuestError(Exception):
    """The script failed; the text is all it printed."""


class Guest:
    def __init__(self, script, *args, ports=(), nics=1, mem=1024, fio=False, forwards=(), programs=(), qemu=(),
                 limit=240, on=None):
        argv = [HERE / "run.sh", "-C", cache(), "-t", limit, "-n", nics, "-m", mem]
        for flag, values in (("-p", ports), ("-f", forwards), ("-a", programs), ("-q", qemu)):
            for value in values:
                argv += [flag, value]
        self.argv = argv + (["-x"] if fio else []) + [script, *args]
        self.on = on or {}
        self.lines = []
        self.process = self.reader = self.failed = None

    def start(self):
        self.process = child.spawn(self.argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace")
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        return self

    def _read(self):
        for line in self.process.stdout:
            line = line.strip()
            self.lines.append(line)
            word = line.split(" ", 1)[0]
            if word in self.on:
                try:
                    self.on[word](line)
                except Exception as e:  # pylint: disable=broad-except
                    self.failed = self.failed or e

    def text(self):
        return "\n".join(self.lines)

    def find(self, word):
        """The first line that begins with this word, or None."""
        return next((l for l in list(self.lines) if l.split(" ", 1)[0] == word), None)

    def wait(self, check=True):
        status = self.process.wait()
        self.reader.join()
        if check and (status != 0 or self.failed):
            raise GuestError(f"status {status}, {self.failed or 'script failed'}\n{self.text()}")
        return status

    def run(self):
        return self.start().wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            child.end(self.process)
