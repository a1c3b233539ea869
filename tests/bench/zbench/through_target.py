# SPDX-License-Identifier: BSD-2-Clause
"""Runs a case of the pool engine with a zsand in between. The figures have the names that zload-volume gives them."""
import os
import shutil
import tempfile

from . import load
from .servers import Lun
from .zsand import INITIATOR, Zsand

SIZE = "512M"  # zload-volume's, too


def bytes_of(text):
    return int(text[:-1]) << {"K": 10, "M": 20, "G": 30}[text[-1]]


class ThroughTarget:
    def __init__(self, build):
        self.programs = [os.path.join(build, "src", "cmd", name) for name in ("zsand", "zsan")]
        self.generators = load.Generators(os.path.join(build, "tests", "bench"), INITIATOR)
        self.work = tempfile.mkdtemp(prefix="zsan-bench-")

    def close(self):
        shutil.rmtree(self.work, ignore_errors=True)

    def run(self, tool, options, path, timing):
        """options, timing: as for zload-volume; a zsand gets the volume and the memory of these, the generator the rest."""
        size = options.get("size", SIZE)
        lun = Lun(options["engine"], bytes_of(size), path, sync=options["sync"])
        limits = {"pool_cache": bytes_of(options["cache"]), "pool_dirty": bytes_of(options["dirty"])}
        asked = {k: options[k] for k in ("mode", "block", "depth", "sequential") if k in options}
        with Zsand(self.work, INITIATOR, *self.programs, limits=limits).serving([lun]) as server:
            self._load("raw", server, {"span": size, "fill": True, "block": "256K", "depth": 16, "verify": "full"})
            if options.get("cold"):
                server.restart()
            result = self._load(tool, server, {"span": size, **asked, **timing})
            return _figures(result, server.sync_mode(lun))

    def _load(self, tool, server, options):
        result = self.generators.run(tool, server, server.urls, options)
        problem = load.complaint(result, True)
        if problem:
            raise load.LoadError(f"{server.name}: {options}: {problem}")
        return result


def _figures(result, sync):
    return result["latency_us"] | {
        "iops": result["iops"],
        "mb_s": result["mb_s"],
        "cpu_us_per_op": result["server_us_per_op"] or 0,
        "cores": result["server_cores"],
        "client_cores": result["client_cores"],
        "other_cores": result["other_cores"],
        "peak_mib": result["server_peak_rss_mib"],
        "sync": sync,
    }
