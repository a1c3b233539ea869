# SPDX-License-Identifier: BSD-2-Clause
"""zsand, with a fresh state directory and one whole configuration for every start."""
import json
import os
import subprocess
import tempfile

from .servers import Server, ServerError, free_port

SPIN_US = 30


class Zsand(Server):
    name = "zsan"

    def __init__(self, work, initiator, daemon, command, spin=False, reactors=None,
                 data_memory_mib=None):
        super().__init__()
        self.daemon, self.command, self.initiator = daemon, command, initiator
        self.spin_us = SPIN_US if spin else 0
        self.reactors, self.data_memory_mib = reactors, data_memory_mib
        self.state = tempfile.mkdtemp(prefix="zsand-", dir=work)
        self.log = os.path.join(work, "zsand.log")

    def sync_mode(self, lun):
        """tgt's page cache and write cache bit are what zsan calls standard."""
        return "always" if lun.durable else "standard"

    def start(self, luns):
        port = free_port()
        names = [f"iqn.2026-01.org.zsan:bench-{i}" for i in range(len(luns))]
        self._spawn(self._arguments(), self.log)
        self._wait(lambda: self._command("status", check=False), self.log)
        self._apply(self._document(luns, names, port))
        self.urls = [f"iscsi://127.0.0.1:{port}/{name}/0" for name in names]

    def _arguments(self):
        argv = [self.daemon, "--state", self.state, "--spin-us", str(self.spin_us)]
        return argv + (["--reactors", str(self.reactors)] if self.reactors else [])

    def _command(self, *args, check=True):
        env = os.environ | {"ZSAN_SOCKET": os.path.join(self.state, "zsand.sock")}
        done = subprocess.run([self.command, *args], env=env, capture_output=True, text=True,
                              check=False)
        if check and done.returncode != 0:
            raise ServerError(f"zsan {' '.join(args)}: {done.stderr.strip()}")
        return done.returncode == 0

    def _apply(self, document):
        path = os.path.join(self.state, "bench.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(document, f)
        self._command("config", "apply", path)

    def _document(self, luns, names, port):
        document = {
            "format": "zsan-config",
            "version": 1,
            "volumes": {f"v{i}": self._volume(lun) for i, lun in enumerate(luns)},
            "portal_groups": {"1": {"portals": [{"address": "127.0.0.1", "port": port}]}},
            "initiators": {self.initiator: {"auth": "none"}},
            "targets": {name: {"luns": {"0": f"v{i}"}, "portal_groups": [1],
                               "grants": [self.initiator]} for i, name in enumerate(names)},
            "limits": {"max_connections_per_host": 2048},  # the load is one host
        }
        if self.data_memory_mib:
            document["limits"]["data_memory"] = self.data_memory_mib << 20
        return document

    def _volume(self, lun):
        volume = {"engine": lun.kind, "size": lun.size, "sync": self.sync_mode(lun)}
        return volume | ({"path": lun.path} if lun.kind == "file" else {})
