# SPDX-License-Identifier: BSD-2-Clause
"""zsand, with a fresh state directory and one whole configuration for every start."""
import json
import os
import subprocess
import tempfile

from .servers import Server, ServerError, free_port

INITIATOR = "iqn.2026-01.org.zsan:bench"
SPIN_US = 30
POOL_ASHIFT, POOL_BLOCK = "12", "16K"  # zload-volume's, too


class Zsand(Server):
    name = "zsan"

    def __init__(self, work, initiator, daemon, command, spin=False, reactors=None, limits=None):
        """limits: some of those of the configuration, in bytes."""
        super().__init__()
        self.daemon, self.command, self.initiator = daemon, command, initiator
        self.spin_us = SPIN_US if spin else 0
        self.reactors, self.limits = reactors, limits or {}
        self.state = tempfile.mkdtemp(prefix="zsand-", dir=work)
        self.log = os.path.join(work, "zsand.log")

    def sync_mode(self, lun):
        """tgt's page cache and write cache bit are what zsan calls standard."""
        return lun.sync or ("always" if lun.durable else "standard")

    def start(self, luns):
        port = free_port()
        names = [f"iqn.2026-01.org.zsan:bench-{i}" for i in range(len(luns))]
        self._launch()
        for i, lun in enumerate(luns):
            if lun.kind == "pool":
                self._make_pool(f"bench{i}", lun)
        self._apply(self._document(luns, names, port))
        self.urls = [f"iscsi://127.0.0.1:{port}/{name}/0" for name in names]

    def restart(self):
        """Another process that serves the same: nothing of the data is in its memory."""
        self.stop()
        self._launch()

    def _launch(self):
        self._spawn(self._arguments(), self.log)
        self._wait(self._serves, self.log)

    def _serves(self):
        """Whether it answers, and all volumes that it knows are there."""
        answer = self._command("volume", "list", "--json", check=False)
        return answer is not None and all(v["state"] == "online" for v in json.loads(answer))

    def _arguments(self):
        argv = [self.daemon, "--state", self.state, "--spin-us", str(self.spin_us)]
        return argv + (["--reactors", str(self.reactors)] if self.reactors else [])

    def _command(self, *args, check=True):
        """What it says, or None when it failed and that may be."""
        env = os.environ | {"ZSAN_SOCKET": os.path.join(self.state, "zsand.sock")}
        done = subprocess.run([self.command, *args], env=env, capture_output=True, text=True,
                              check=False)
        if check and done.returncode != 0:
            raise ServerError(f"zsan {' '.join(args)}: {done.stderr.strip()}")
        return done.stdout if done.returncode == 0 else None

    def _make_pool(self, name, lun):
        """A pool of one disk, and in it a volume that no configuration serves yet."""
        self._command("pool", "create", "-f", "--ashift", POOL_ASHIFT, name, lun.path)
        self._command("dataset", "create", f"{name}/v", "-s", "-V", str(lun.size), "-b", POOL_BLOCK,
                      "-o", "compression=off")

    def _apply(self, document):
        path = os.path.join(self.state, "bench.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(document, f)
        self._command("config", "apply", path)

    def _document(self, luns, names, port):
        return {
            "format": "zsan-config",
            "version": 1,
            "volumes": {f"v{i}": self._volume(lun, f"bench{i}") for i, lun in enumerate(luns)},
            "portal_groups": {"1": {"portals": [{"address": "127.0.0.1", "port": port}]}},
            "initiators": {self.initiator: {"auth": "none"}},
            "targets": {name: {"luns": {"0": f"v{i}"}, "portal_groups": [1],
                               "grants": [self.initiator]} for i, name in enumerate(names)},
            "limits": {"max_connections_per_host": 2048, **self.limits},  # the load is one host
        }

    def _volume(self, lun, pool):
        volume = {"engine": lun.kind, "size": lun.size, "sync": self.sync_mode(lun)}
        where = {"file": {"path": lun.path}, "pool": {"dataset": f"{pool}/v"}}
        return volume | where.get(lun.kind, {})
