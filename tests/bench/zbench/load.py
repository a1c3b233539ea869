# SPDX-License-Identifier: BSD-2-Clause
"""Runs a load generator and measures the server over exactly the time it counts operations."""
import json
import os
import subprocess

from . import machine


class LoadError(Exception):
    pass


class Generators:
    """Where the two programs are, and what they are all told."""

    def __init__(self, folder, initiator):
        self.programs = {t: os.path.join(folder, "zload-" + t) for t in ("iscsi", "raw")}
        self.initiator = initiator
        for path in self.programs.values():
            if not os.access(path, os.X_OK):
                raise LoadError(f"{path} isn't there: build it (ninja), libiscsi-dev is needed")

    def run(self, tool, server, urls, options):
        """Returns the generator's result with the server's CPU time and the machine's load added.

        options: of the generator, {"block": "4k", "idle": True, ...}; server: something with a pid.
        """
        argv = [self.programs[tool], "--initiator", self.initiator]
        for url in urls:
            argv += ["--url", url]
        for key, value in options.items():
            argv += ["--" + key] if value is True else [f"--{key}", str(value)]
        window = result = None
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as client:
            for line in client.stdout:
                event = json.loads(line)
                if event["event"] == "start":
                    window = machine.Window(server.pid, client.pid)
                elif event["event"] == "stop":
                    window.close()
                    rss = machine.rss_mib(server.pid)
                elif event["event"] == "result":
                    result = event
        if result is None:
            raise LoadError(f"{server.name}: {' '.join(argv)}: exit status {client.returncode}")
        return result | _account(result, window, rss, server)


def _account(result, window, rss, server):
    cpu_us = window.cores("server") * window.seconds * 1e6
    return {
        "server_cores": window.cores("server"),
        "server_us_per_op": cpu_us / result["ops"] if result["ops"] else None,
        "server_rss_mib": rss,
        "server_peak_rss_mib": machine.peak_rss_mib(server.pid),
        "other_cores": window.other_cores,
    }


def complaint(result, reads_checked):
    """What is wrong with the answers of a run, or None. Speed is nobody's mistake; data is."""
    verify = result["verify"]
    if verify["failures"]:
        return f"{verify['failures']} reads returned wrong data"
    if result["errors"]:
        return f"{result['errors']} errors: {result['first_error']}"
    if reads_checked and verify["unwritten"]:
        return f"{verify['unwritten']} reads returned zeros where data was written"
    if reads_checked and result["reads"] and not verify["checked"]:
        return "no read was verified"
    return None
