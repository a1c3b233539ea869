# SPDX-License-Identifier: BSD-2-Clause
"""OpenZFS's userland as a judge of pools in files.

    oracle = Oracle()                       # fetches and builds what is needed, once
    oracle.orc(folder, "tank", "create", "raidz1:4", "/", "volume", "v", "16M", "16K", "/", "export")
    oracle.check(folder, "tank")            # raises Rejected with what the judges say

A folder holds the disks of one pool and nothing else. The judges: zdb's look at datasets and objects, zdb's traversal
with every checksum and the leak check, the audit of all accounting. What was run stands in oracle.commands, ready for a
shell.
"""
import copy
import os
import pathlib
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(HERE / "judge"))
import damage  # noqa: E402

# What pools of ours have.
FEATURES = ("async_destroy,empty_bpobj,lz4_compress,spacemap_histogram,enabled_txg,hole_birth,extensible_dataset,"
            "embedded_data,spacemap_v2")
# OpenZFS keeps what it read ahead for seconds, and at its end waits, busily, until it may drop it.
HASTE = ("-o", "zfs_arc_min_prefetch_ms=1", "-o", "zfs_arc_min_prescient_prefetch_ms=1")
NO_LEAKS = "No leaks (block sum matches space maps exactly)"


class Rejected(Exception):
    """A judge's verdict, with what it printed."""


def tail(text, lines=25):
    return "\n".join(text.splitlines()[-lines:])


def words_of(verbs):
    """The arguments of orc and ours: a list stands for one verb with its arguments, "/" stands between."""
    words = []
    for verb in verbs:
        words += ["/"] * (bool(words) and not isinstance(verb, str)) + ([verb] if isinstance(verb, str) else list(verb))
    return words


def props_of(text):
    """Of lines "prop DATASET PROPERTY VALUE SOURCE": a dict by (dataset, property) of (value, source)."""
    rows = (line.split(" ", 4)[1:] for line in text.splitlines() if line.startswith("prop "))
    return {(dataset, prop): (value, source) for dataset, prop, value, source in rows}


class Oracle:
    """The judges, and the engine that makes and uses pools as OpenZFS does."""

    def __init__(self):
        self.folder = pathlib.Path(os.environ.get("ZSAN_ORACLE", TOP / "build/oracle"))
        done = subprocess.run([HERE / "prepare.sh"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Rejected(f"the oracle can't be prepared:\n{done.stderr}")
        library = next((self.folder / "prefix/lib").glob("*/libzpool.so.*")).parent
        ours = {"LD_LIBRARY_PATH": str(library), "LD_PRELOAD": str(self.folder / "no_zio_fini.so"), "LC_ALL": "C"}
        self.env = {**os.environ, **ours}
        self.commands = ["export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in ours.items())]

    def again(self):
        """Another one, with commands of its own, without the preparations."""
        other = copy.copy(self)
        other.commands = self.commands[:1]
        return other

    def _run(self, *command, timeout=300):
        self.commands.append(shlex.join(str(c) for c in command))
        return subprocess.run([str(c) for c in command], env=self.env, capture_output=True, text=True, errors="replace",
                              timeout=timeout, check=False, stdin=subprocess.DEVNULL)

    # ---- judges -------------------------------------------------------------------------------------

    def zdb(self, folder, *args):
        """`zdb -e -p FOLDER ARGS...`, as it ended."""
        return self._run(self.folder / "prefix/sbin/zdb", *HASTE, "-e", "-p", folder, *args)

    def judge_objects(self, folder, pool):
        """None, or the complaint: datasets, leaked objects, counts of features."""
        done = self.zdb(folder, "-d", pool)
        return None if done.returncode == 0 else f"zdb -d: exit {done.returncode}\n{tail(done.stdout + done.stderr)}"

    def judge_blocks(self, folder, pool):
        """None, or the complaint: every block's checksum; space maps and reachable blocks are the same."""
        done = self.zdb(folder, "-bcc", pool)
        if done.returncode == 0 and NO_LEAKS in done.stdout:
            return None
        return f"zdb -bcc: exit {done.returncode}\n{tail(done.stdout + done.stderr)}"

    def judge_audit(self, folder, pool, cut=False):
        """None, or the complaint: the accounting. cut: power failed, which may have torn one half of a disk's labels."""
        done = self._run(sys.executable, HERE / "judge/audit.py", *(["--cut"] if cut else []), *damage.files_of(folder))
        last = done.stdout.splitlines()[-1:] or [""]
        return None if done.returncode == 0 and last[0] == "audit differences: 0" else f"audit:\n{tail(done.stdout + done.stderr)}"

    def judges(self):
        return {"objects": self.judge_objects, "blocks": self.judge_blocks, "audit": self.judge_audit}

    def check(self, folder, pool, cut=False):
        """All judges, or Rejected. The pool must not be in use. cut: as in judge_audit."""
        said = [self.judge_objects(folder, pool), self.judge_blocks(folder, pool), self.judge_audit(folder, pool, cut)]
        complaints = [c for c in said if c]
        if complaints:
            raise Rejected("\n".join(complaints))

    # ---- OpenZFS's engine ---------------------------------------------------------------------------

    def orc_text(self, folder, pool, *verbs):
        """Runs verbs (see orc.h) in one process; a list stands for one verb with its arguments. Returns what was printed.
        Rejected when a verb fails or OpenZFS finds one of its rules broken."""
        words = words_of(verbs)
        done = self._run(self.folder / "orc", folder, pool, *words)
        if done.returncode != 0:
            raise Rejected(f"orc {' '.join(map(str, words))}: exit {done.returncode}\n{tail(done.stdout + done.stderr)}")
        return done.stdout

    def orc(self, folder, pool, *verbs):
        """The same; returns the hashes that were printed, by volume: the last one of each."""
        lines = self.orc_text(folder, pool, *verbs).splitlines()
        return dict(line.split()[1:] for line in lines if line.startswith("hash "))

    def orc_props(self, folder, pool, *verbs):
        """All datasets' properties as OpenZFS has them: a dict by (dataset, property) of (value, source)."""
        return props_of(self.orc_text(folder, pool, *verbs, ["props"]))

    def populate(self, folder, pool, layout, ashift, spares, block, compression):
        """A pool with volumes, snapshots, a clone, a file system, reservations and freed space."""
        return self.orc(
            folder, pool,
            ["create", layout, f"ashift={ashift}", f"spares={spares}", f"features={FEATURES}"],
            ["set", ".", "compression=lz4"],
            ["volume", "v", "16M", block, f"compression={compression}"], ["write", "v", 1, 150],
            ["snapshot", "v@a"], ["write", "v", 2, 60], ["snapshot", "v@b"], ["write", "v", 3, 40],
            ["clone", "v@a", "c"], ["write", "c", 4, 30],
            ["filesystem", "fs", "reservation=4M"], ["volume", "fs/deep", "4M", block, "org.test:name=deep"],
            ["volume", "w", "8M", "64K", "refreservation=12M", "checksum=sha256"], ["write", "w", 5, 40],
            ["volume", "gone", "8M", block], ["write", "gone", 6, 40], ["destroy", "gone"],
            ["snapshot", "v@c"], ["destroy", "v@b"], ["rename", "w", "fs/w"], ["write", "v", 8, 20],
            ["hash", "v", "v@a", "c", "fs/w"], ["export"])

    def rework(self, folder, pool, volumes, seed, doomed=None):
        """What OpenZFS does to a pool to show that it can live with it: import, overwrite, snapshot, destroy, scrub, export;
        its assertions look at what zdb doesn't. Returns the hashes as found and as left."""
        found = self.orc(folder, pool, ["import"], ["hash", *volumes], ["export"])
        steps = [["import"]]
        for i, volume in enumerate(volumes):
            steps += [["snapshot", f"{volume}@rework"], ["write", volume, seed + i, 60], ["destroy", f"{volume}@rework"]]
        if doomed:
            steps.append(["destroy", doomed])
        kept = [v for v in volumes if v != doomed]
        left = self.orc(folder, pool, *steps, ["scrub"], ["hash", *kept], ["export"])
        return found, left
