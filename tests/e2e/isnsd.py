# SPDX-License-Identifier: BSD-2-Clause
"""Debian's iSNS server and its tool (tests/e2e/isnsd.sh unpacks them), with a folder and a port of their own and without
authentication."""
import pathlib
import re

import child
from peer import free_port6

TOP = pathlib.Path(__file__).resolve().parents[2]
SBIN = TOP / "build/isns/prefix/usr/sbin"
ATTRIBUTE = re.compile(r"\s+([0-9a-f]{4})\s+\w+\s+: .*? = (.*)")


def missing():
    done = child.run([TOP / "tests/e2e/isnsd.sh"], timeout=120)
    return None if done.returncode == 0 else done.stderr.strip() or "no open-isns here"


class Isnsd(child.Server):
    """A name server that remembers in memory, or in its folder."""

    def __init__(self, work, address="127.0.0.1", kept=False, **settings):
        self.work = pathlib.Path(work) / "isnsd"
        self.work.mkdir()
        self.address, self.port = address, free_port6() if ":" in address else child.free_port(address)
        at = f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"
        common = {"ControlSocket": self.work / "control", "PIDFile": self.work / "pid", "Security": 0, "SLPRegister": 0}
        self._write("isnsd.conf", common | {
            "SourceName": "iqn.2026-11.org.example:isnsd", "BindAddress": at, "DefaultDiscoveryDomain": 1,
            "RegistrationPeriod": 60, "ESIMinInterval": 1, "ESIMaxInterval": 1, "ESIRetries": 3, "SCNTimeout": 5,
        } | ({"Database": self.work / "db"} if kept else {}) | settings)
        self._write("isnsadm.conf", common | {
            "SourceName": "iqn.2026-11.org.example:host", "ServerAddress": at,
            "Control.SourceName": "iqn.2026-11.org.example:control"})
        self.start()

    def _write(self, name, settings):
        (self.work / name).write_text("".join(f"{k} = {v}\n" for k, v in settings.items()))

    def start(self):
        # As under systemd, SIGPIPE is ignored: isnsd may answer an isnsadm that has gone, and would end by it.
        with open(self.work / "log", "ab") as log:
            self.process = child.spawn([SBIN / "isnsd", "-f", "-c", self.work / "isnsd.conf", "-d", "message"], stdout=log, stderr=log,
                                       restore_signals=False)
        child.wait_for("isnsd answers", self._answers)

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"isnsd ended with {self.process.returncode}: {(self.work / 'log').read_text(errors='replace')[-500:]}")
        return self._adm("--local", "--list", "entities").returncode == 0

    def _adm(self, *words):
        return child.run([SBIN / "isnsadm", "-c", self.work / "isnsadm.conf", *words])

    def adm(self, *words):
        done = self._adm(*words)
        if done.returncode != 0:
            raise RuntimeError(f"isnsadm {words}, isnsd {self.process.poll()}: {done.stderr or done.stdout}")
        return done.stdout

    def objects(self, *words):
        """What isnsadm lists: of each object its attributes by tag, as text."""
        found = []
        for line in self.adm(*words).splitlines():
            m = ATTRIBUTE.match(line)
            if re.match(r"[Oo]bject\W", line):
                found.append({})
            elif m and found:
                found[-1][int(m[1], 16)] = m[2].strip('"')
        return found

    def entities(self):
        return [o[1] for o in self.objects("--local", "--list", "entities")]

    def targets(self):
        """Alias by name."""
        return {o[32]: o.get(34, "") for o in self.objects("--local", "--list", "nodes") if o.get(33) == "Target"}

    def portals(self):
        return {f"{o[16]}:{o[17].removesuffix('/tcp')}" for o in self.objects("--local", "--list", "portals")}

    def groups(self):
        """Tag by (name, portal); pairs that do not reach each other are not there."""
        return {(o[48], f"{o[49]}:{o[50].removesuffix('/tcp')}"): o[51]
                for o in self.objects("--local", "--list", "portal-groups")}
