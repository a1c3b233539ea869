# SPDX-License-Identifier: BSD-2-Clause
"""What one pool goes through between our engine and OpenZFS's. Each story takes a Row and its parameters and raises when
something is not as it must be; between the steps the judges look at the disks."""
import os
import re
import shlex
import sys

import child
import tap
from oracle import FEATURES, HERE, Rejected, props_of, tail, words_of
from zsand import SANITIZERS, program

POOL = "tank"
DISK = "128M"


class Row:
    """One pool's folder, both engines on it, and what was run."""

    def __init__(self, oracle, folder, seed, pool=POOL, disk=DISK):
        self.oracle, self.folder, self.seed, self.pool, self.disk = oracle.again(), folder, seed, pool, disk
        self.commands = self.oracle.commands
        self.shell("mkdir", "-p", folder)

    def seeds(self):
        """A seed for each load, none twice within a row."""
        self.seed += 1
        return self.seed

    def _run(self, *command, env=None):
        self.commands.append(shlex.join(map(str, command)))
        done = child.run(command, timeout=120, env={**os.environ, **(env or {})})
        if done.returncode != 0:
            raise Rejected(f"{self.commands[-1]}: exit {done.returncode}\n{tail(done.stdout + done.stderr)}")
        return done.stdout

    def shell(self, *command):
        return self._run(*command)

    def disks(self, layout):
        """Empty disks for our engine; OpenZFS's verbs make their own."""
        n = sum(int((g.split(":") + ["1"])[1]) for g in layout.split("+"))
        self.shell("truncate", "-s", self.disk, *(self.folder / f"d{i}" for i in range(n)))

    def more_disks(self, *names):
        for name in names:
            self.shell("truncate", "-s", DISK, self.folder / name)

    def ours(self, *verbs):
        """Our engine; the hashes that were printed, by volume."""
        return {name: sha for sha, name in re.findall(r"^([0-9a-f]{64})  (.*)$", self.ours_text(*verbs), re.M)}

    def ours_text(self, *verbs):
        """All that our engine prints."""
        return self._run(program("tests/oracle/ours"), self.folder, self.pool, *words_of(verbs), env=SANITIZERS)

    def orc_text(self, *verbs):
        """All that OpenZFS's prints."""
        return self.oracle.orc_text(self.folder, self.pool, *verbs)

    def ours_props(self, *verbs):
        """All datasets' properties as our engine has them."""
        return props_of(self.ours_text(*verbs, ["props"], ["export"]))

    def same_props(self, what):
        """Both engines say the same of every dataset, to the byte and with the same source; what they said."""
        found = self.ours_props(["import", "readonly"])
        wanted = self.oracle.orc_props(self.folder, self.pool, ["import", "readonly"])
        for (dataset, prop), (value, _) in list(wanted.items()):
            if prop == "volblocksize":  # the default was another one in 2.1
                wanted[dataset, prop] = (value, "default" if value == "16384" else "-")
        wrong = [f"{d} {p}: {found.get((d, p))}, not {wanted.get((d, p))}" for d, p in sorted({*found, *wanted})
                 if found.get((d, p)) != wanted.get((d, p))]
        tap.expect(wanted and not wrong, f"{what}: {len(wrong)} properties differ:\n" + "\n".join(wrong))
        return found

    def orc(self, *verbs):
        """OpenZFS's engine, the same."""
        return self.oracle.orc(self.folder, self.pool, *verbs)

    def rework(self, volumes, doomed=None):
        return self.oracle.rework(self.folder, self.pool, volumes, self.seeds(), doomed)

    def check(self):
        self.oracle.check(self.folder, self.pool)

    def check_objects(self):
        complaint = self.oracle.judge_objects(self.folder, self.pool)
        if complaint:
            raise Rejected(complaint)

    def check_blocks(self):
        """Of a pool that has lost disks."""
        for judge in (self.oracle.judge_objects, self.oracle.judge_blocks):
            complaint = judge(self.folder, self.pool)
            if complaint:
                raise Rejected(complaint)

    def copy(self, name):
        """Another row on a copy of the disks."""
        twin = Row(self.oracle, self.folder.parent / name, self.seed, self.pool, self.disk)
        twin.commands[1:1] = self.commands[1:]
        twin.shell("cp", "-rT", "--sparse=always", self.folder, twin.folder)
        return twin


def same(found, wanted, what):
    """Every volume in found has the content it had."""
    wrong = [v for v in found if found[v] != wanted.get(v)]
    tap.expect(found and not wrong, f"{what}: other content of {' '.join(wrong)}: {found}, not {wanted}")


def differ(found, wanted, what):
    same_ones = [v for v in found if found[v] == wanted[v]]
    tap.expect(found and not same_ones, f"{what}: the content of {' '.join(same_ones)} did not change")


def create(row, layout, ashift, block, *props):
    """A pool of ours with volumes that were worked on; the hashes."""
    row.disks(layout)
    return row.ours(
        ["create", layout, f"ashift={ashift}"],
        ["volume", "v", "16M", block, *props], ["write", "v", row.seeds(), 120],
        ["volume", "a/w", "8M", "64K", "reserve=1"], ["write", "a/w", row.seeds(), 60],
        ["volume", "gone", "8M", block, *props], ["write", "gone", row.seeds(), 40],
        ["hash", "v", "a/w", "gone"], ["export"])


def go_on(row, wanted, volumes, block):
    """Ours takes a pool over: the content is right, then it writes, makes, renames, destroys. `volumes` are worked on; the
    first one gets a new name. Returns the new hashes of all in wanted."""
    same(row.ours(["import"], ["hash", *wanted], ["export"]), wanted, "ours after OpenZFS")
    first = volumes[0]
    left = row.ours(
        ["import"], *(["write", v, row.seeds(), 60] for v in volumes), ["hash", *wanted],
        ["volume", "new/one", "4M", block], ["write", "new/one", row.seeds(), 30],
        ["volume", "brief", "4M", block], ["write", "brief", row.seeds(), 30], ["sync"], ["destroy", "brief"],
        ["rename", first, f"{first}-renamed"], ["hash", "new/one"], ["export"])
    differ({v: left[v] for v in volumes}, wanted, "ours writing")
    left[f"{first}-renamed"] = left.pop(first)
    row.check()
    return left


# ---- the stories ----------------------------------------------------------------------------------------

def back_and_forth(row, layout, ashift, block, compression, checksum):
    """Ours makes the pool, OpenZFS overwrites and destroys, ours goes on, OpenZFS reads what became of it."""
    made = create(row, layout, ashift, block, f"compression={compression}", f"checksum={checksum}")
    row.check()
    found, left = row.rework(list(made), doomed="gone")
    same(found, made, "OpenZFS after ours")
    row.check()
    last = go_on(row, left, ["v", "a/w"], block)
    same(row.orc(["import"], ["hash", *last], ["scrub"], ["export"]), last, "OpenZFS at the end")


def foreign(row, layout, ashift, spares, block, compression):
    """OpenZFS makes a pool with snapshots, a clone, a file system, reservations; ours works in it."""
    made = row.oracle.populate(row.folder, row.pool, layout, ashift, spares, block, compression)
    snapshot = {"v@a": made.pop("v@a")}
    last = go_on(row, made, ["fs/w", "v", "c"], block)
    after = {**last, **snapshot}
    same(row.orc(["import"], ["hash", *after], ["scrub"], ["export"]), after, "OpenZFS after ours")
    _, left = row.rework(["v", "c"], doomed="c")
    row.check()
    same(row.ours(["import"], ["destroy", "fs/deep"], ["hash", "v"], ["export"]), left, "ours at the end")
    row.check()


def full_reservation(layout, ashift, size, block):
    """What libzfs reserves for a volume that isn't sparse (zvol_volsize_to_reservation)."""
    def asize(disks, parity, length):
        sectors = -(-length // 2**ashift)
        sectors += parity * -(-sectors // (disks - parity))
        return -(-sectors // (parity + 1)) * (parity + 1) * 2**ashift
    blocks, data = size // block, 0
    for kind, _, disks in (g.partition(":") for g in layout.split("+")):
        if kind.startswith("raidz"):
            parity = int(kind[5:])
            data = max(data, blocks * asize(int(disks), parity, block) * 2**17 // asize(int(disks), parity, 2**17))
    meta, level = 7, blocks
    while level > 1:
        level = -(-level // 1024)
        meta += level
    return (data or size) + meta * 2 * 2**17


def properties(row, layout, ashift, block):
    """Every property of every dataset is what OpenZFS says, whoever changed the pool last."""
    row.disks(layout)
    bytes_of = {"4K": 4096, "8K": 8192, "16K": 16384, "64K": 65536, "128K": 131072}[block]
    row.ours(
        ["create", layout, f"ashift={ashift}"], ["set", ".", "zsan:threshold=70"],
        ["folder", "a", "quota=60000000", "compression=lz4", "org:x=hello"], ["folder", "a/b", "reservation=5000000"],
        ["volume", "a/v", "8M", block, "reserve=1", "org:y=1", "sync=standard"],
        ["volume", "a/b/w", "8M", block, "checksum=sha256", "copies=2"], ["volume", "a/b/x", "4000000", "16K"],
        ["volume", "c/d/gone", "4M", block], ["write", "a/v", row.seeds(), 80], ["write", "a/b/w", row.seeds(), 60],
        ["write", "c/d/gone", row.seeds(), 20], ["set", "a/b/w", "org:x=mine", "readonly=on"],
        ["set", "a/b", "org:z=there"], ["set", "a/b", "org:z="], ["export"])
    row.check()
    said = row.same_props("ours alone")
    tap.expect(said["tank/a/v", "refreservation"] == (str(full_reservation(layout, ashift, 8 << 20, bytes_of)), "local"),
               f"refreservation of a/v: {said['tank/a/v', 'refreservation']}")
    row.orc(["import"], ["snapshot", "a/v@one"], ["write", "a/v", row.seeds(), 30], ["snapshot", "a/v@two"],
            ["clone", "a/v@one", "a/b/clone"], ["write", "a/b/clone", row.seeds(), 20], ["set", "a/v@two", "org:snap=2"],
            ["filesystem", "fs", "refquota=30000000", "compression=10"], ["snapshot", "fs@s"],
            ["set", "a/b", "reservation=9000000"], ["received", "a/b", "copies=2", "checksum=sha256", "compression=off"],
            ["received", "fs", "copies=3", "compression=lz4"], ["export"])
    row.same_props("OpenZFS after ours")
    row.ours(["import"], ["write", "a/v", row.seeds(), 60], ["write", "a/b/clone", row.seeds(), 60], ["sync"],
             ["set", "a/v", "refreservation=none"], ["set", "a/b", "reservation=2000000"], ["set", "a", "quota=none"],
             ["set", "fs", "refquota=20000000", "quota=40000000", "copies="], ["folder", "fs/below"], ["destroy", "c/d/gone"],
             ["set", "a/b", "copies=1", "checksum="], ["set", "a/v", "volsize=4194304"],
             ["rename", "a/b", "c/d/moved"], ["set", "c/d/moved/x", "refreservation=auto"], ["export"])
    row.check()
    row.same_props("ours after OpenZFS")
    row.ours(["import"], ["destroy", "c/d/moved/clone"], ["set", "a/v", "volsize=8388608"], ["export"])
    row.check()
    row.same_props("a clone less")
    row.orc(["import"], ["write", "c/d/moved/w", row.seeds(), 30], ["write", "a/v", row.seeds(), 30], ["destroy", "a/v@one"],
            ["set", "c", "refreservation=3000000"], ["scrub"], ["export"])
    row.check()
    row.same_props("OpenZFS at the end")


def paused(row, layout, block):
    """A scrub of ours that is paused: OpenZFS takes the pool and does its own; or we go on and end."""
    made = create(row, layout, 12, block)
    said = row.ours_text(["import"], ["scrub", "pause"], ["export"])
    done, all_of_it = map(int, re.search(r"paused after (\d+) of (\d+)", said).groups())
    tap.expect(0 < done < all_of_it, said)
    row.check()
    other = row.copy(f"{row.folder.name}-other")
    other.orc(["import"], ["write", "v", row.seeds(), 30], ["scrub"], ["export"])
    other.check()
    for r in (row, other):
        tap.expect("scrub: 0 errors" in r.ours_text(["import"], ["scrub"], ["export"]), "the scrub's end")
        r.check()
    same(row.ours(["import", "readonly"], ["hash", *made], ["export"]), made, "after the scrub")


def interrupted(row, layout, block):
    """A crash in the middle of a destroy and of shrinking: either engine goes on, and all of it is given back."""
    made = create(row, layout, 12, block)
    before = row.same_props("before")
    steps = ["import", f"step={max(2, 64 // int(block[:-1]))}"]
    doomed = row.copy(f"{row.folder.name}-doomed")
    doomed.ours(steps, ["freecrash", "v"])
    left = doomed.ours_props(["import", "readonly"])
    tap.expect(("tank/v", "type") not in left, "a dataset that is being destroyed is listed")
    tap.expect(int(left["tank", "used"][0]) > int(before["tank", "used"][0]) - int(before["tank/v", "used"][0]) + 2**18,
               "all of v was destroyed before the crash")
    doomed.check()
    other = doomed.copy(f"{row.folder.name}-other")
    doomed.ours(steps, ["sync"], ["waitfreed"], ["export"])
    doomed.check()
    other.orc(["import"], ["sync"], ["export"])
    other.check()
    after = [r.same_props("after the destroy") for r in (doomed, other)]
    used = [int(a["tank", "used"][0]) for a in after]
    tap.expect(all(u < int(left["tank", "used"][0]) - 2**18 and ("tank/v", "type") not in a for u, a in zip(used, after)),
               f"something of v is left: {used}")
    same(doomed.ours(["import", "readonly"], ["hash", "a/w", "gone"], ["export"]), made, "after the destroy")

    row.ours(steps, ["shrinkcrash", "v", "1M"])
    row.check()
    left = row.same_props("in the middle of shrinking")
    tap.expect(left["tank/v", "volsize"][0] == str(2**20), f"v was not shrunk: {left['tank/v', 'volsize']}")
    middle = int(left["tank/v", "referenced"][0])
    larger = row.copy(f"{row.folder.name}-larger")
    found = row.ours(["import"], ["hash", "v"], ["export"])
    row.check()
    left = row.same_props("after shrinking")
    end = int(left["tank/v", "referenced"][0])
    tap.expect(end < 1.5 * 2**20 and middle > end + 2**18, f"v was not cut at its next opening: {middle}, {end}")
    same(row.orc(["import"], ["hash", "v"], ["write", "v", row.seeds(), 20], ["export"]), found, "OpenZFS after shrinking")
    row.check()
    larger.ours(["import"], ["set", "v", "volsize=16777216"], ["export"])
    larger.check()
    empty = larger.ours(["import"], ["set", "v", "volsize=1048576"], ["hash", "v"], ["export"])
    same(empty, found, "grown and shrunk again")


def crash(row, by, to, layout, block):
    """A power cut with the whole load in the intent log alone; then another one right after the next import."""
    before = create(row, layout, 12, block)
    volumes = ["v", "a/w"]
    engine = {"ours": row.ours, "OpenZFS": row.orc}
    logged = engine[by](["import"], ["log", row.seeds() * 10, 40, *volumes])
    differ(logged, before, "the log")
    peeked = row.copy(f"{row.folder.name}-peek").orc(["import", "readonly"], ["peek", *volumes])
    # OpenZFS now and then ends a txg in the middle of its load; the log then has the rest only.
    tap.expect(peeked != logged, "the logs hold nothing")
    if by == "ours":
        differ(peeked, logged, "without a replay")
    doomed = row.copy(f"{row.folder.name}-doomed")  # a volume goes with its log, which nobody replayed
    doomed.ours(["import"], ["destroy", "v"], ["export"])
    doomed.check()
    wanted = {**before, **logged}
    engine[to](["import"], ["crash"])
    same(engine[to](["import"], ["hash", *wanted], ["export"]), wanted, f"{to} after the crash")
    row.check()
    found, _ = row.rework(volumes, doomed="v")
    same(found, wanted, "OpenZFS after the replay")
    row.check()


def lost_disks(row, layout, lost):
    """As many disks are gone as the redundancy allows: ours reads all of it, writes, leaves; OpenZFS reads that."""
    made = create(row, layout, 12, "16K")
    row.shell("rm", *(row.folder / f"d{i}" for i in range(lost)))
    same(row.ours(["import"], ["hash", *made], ["export"]), made, "without the disks")
    left = row.ours(["import"], ["write", "v", row.seeds(), 60], ["destroy", "gone"], ["hash", "v", "a/w"], ["export"])
    differ({"v": left["v"]}, made, "ours writing")
    row.check_blocks()
    same(row.orc(["import"], ["hash", *left], ["export"]), left, "OpenZFS without the disks")
    row.check_blocks()
    same(row.ours(["import"], ["hash", *left], ["export"]), left, "ours after OpenZFS")


def damaged_disks(row, layout, damaged):
    """As many disks hold garbage as the redundancy allows: nothing of it is ever returned, or harms what is written."""
    made = create(row, layout, 12, "16K")
    for i in range(damaged):
        row.shell(sys.executable, HERE / "garbage.py", row.folder / f"d{i}", row.seeds())
    same(row.ours(["import"], ["hash", *made], ["export"]), made, "with the garbage")
    left = row.ours(["import"], ["write", "v", row.seeds(), 60], ["hash", "v", "a/w"], ["export"])
    row.check_blocks()
    same(row.orc(["import"], ["hash", *left], ["export"]), left, "OpenZFS with the garbage")
    same(row.ours(["import"], ["hash", *left], ["export"]), left, "ours after OpenZFS")


def repaired_disks(row, layout, damaged):
    """A scrub brings back what is garbage, a resilver what disks missed while they were away: others may go then."""
    made = create(row, layout, 12, "16K")
    n = len(list(row.folder.iterdir()))
    for i in range(damaged):
        row.shell(sys.executable, HERE / "garbage.py", row.folder / f"d{i}", row.seeds())
    row.ours(["import"], ["scrub"], ["export"])
    row.check()
    attic = row.folder.parent / f"{row.folder.name}-away"
    away = [f"d{(damaged + i) % n}" for i in range(damaged)]
    row.shell("mkdir", "-p", attic)
    row.shell("mv", *(row.folder / d for d in away), attic)
    same(row.ours(["import"], ["hash", *made], ["export"]), made, "after the scrub")
    left = row.ours(["import"], ["write", "v", row.seeds(), 60], ["hash", *made], ["export"])
    row.shell("mv", *(attic / d for d in away), row.folder)
    row.ours(["import"], ["wait"], ["export"])
    row.check()
    row.shell("rm", *(row.folder / f"d{i}" for i in range(damaged)))
    same(row.orc(["import"], ["hash", *left], ["export"]), left, "OpenZFS after the resilver")
    row.check_blocks()


def grown(row, layout, change, new, leaving):
    """Disks come and go while the pool has data; OpenZFS works with what became of it, and with a pool in the middle. A disk
    that left is blank, which the audit takes for damage."""
    made = create(row, layout, 12, "16K")
    row.more_disks(*new)
    change = [change.split()]
    twin = row.copy(f"{row.folder.name}-middle")
    same(row.ours(["import"], *change, ["wait"], ["hash", *made], ["export"]), made, "after the change")
    for disk in leaving:
        row.shell("rm", row.folder / disk)
    row.check()
    found, left = row.rework(list(made), doomed="gone")
    same(found, made, "OpenZFS after the change")
    row.check()
    last = go_on(row, left, ["v", "a/w"], "16K")
    same(row.orc(["import"], ["hash", *last], ["scrub"], ["export"]), last, "OpenZFS at the end")
    twin.ours(["import"], *change, ["export"])
    twin.check_blocks()
    same(twin.orc(["import"], ["hash", *made], ["export"]), made, "OpenZFS in the middle")
    twin.check_blocks()
    same(twin.ours(["import"], ["wait"], ["hash", *made], ["scrub"], ["export"]), made, "ours after OpenZFS in the middle")
    for disk in leaving:
        twin.shell("rm", twin.folder / disk)
    twin.check()


def spared(row, layout):
    """A spare takes a lost disk's place by itself, survives both engines, and goes when the disk is replaced."""
    row.more_disks("s0")
    made = create(row, layout, 12, "16K")
    row.check()
    row.shell("rm", row.folder / "d0")
    left = row.ours(["import"], ["spares", 1], ["wait"], ["write", "v", row.seeds(), 60], ["hash", *made], ["export"])
    differ({"v": left["v"]}, made, "ours writing")
    row.check_blocks()
    same(row.orc(["import"], ["hash", *left], ["scrub"], ["export"]), left, "OpenZFS with the spare")
    row.check_blocks()
    row.more_disks("d0")
    same(row.ours(["import"], ["replace", "d0"], ["wait"], ["spares", 0], ["hash", *left], ["scrub"], ["export"]), left,
         "ours after the replacement")
    row.check()
    found, _ = row.rework(["v", "a/w"], doomed="gone")
    same(found, {v: left[v] for v in found}, "OpenZFS after the replacement")
    row.check()


def regrown(row, layout, change, new, leaving):
    """The disks of a pool that OpenZFS made come and go here: its per-vdev objects come along, or go."""
    made = row.oracle.populate(row.folder, POOL, layout, 12, 0, "16K", "lz4")
    volumes = [name for name in made if "@" not in name]
    row.more_disks(*new)
    same(row.ours(["import"], change.split(), ["wait"], ["hash", *volumes], ["export"]), made, "after the change")
    for disk in leaving:
        row.shell("rm", row.folder / disk)
    row.check()
    same(row.orc(["import"], ["hash", *made], ["scrub"], ["export"]), made, "OpenZFS after the change")
    row.check()
    same(row.ours(["import"], ["hash", *volumes], ["scrub"], ["export"]), made, "ours at the end")
    row.check()


def foreign_spare(row, layout):
    """OpenZFS has a spare in use: it is in use here too, and goes when its disk is back."""
    made = row.orc(["create", layout, "spares=1", f"features={FEATURES}"], ["volume", "v", "16M", "16K"],
                   ["write", "v", row.seeds(), 100], ["offline", "d1"], ["replace", "d1", "s0"],
                   ["write", "v", row.seeds(), 60], ["hash", "v"], ["export"])
    row.check_blocks()
    same(row.ours(["import"], ["spares", 1], ["hash", "v"], ["export"]), made, "ours with the spare")
    row.check_blocks()
    left = row.ours(["import"], ["write", "v", row.seeds(), 60], ["online", "d1"], ["wait"], ["spares", 0], ["hash", "v"], ["export"])
    row.check()
    same(row.orc(["import"], ["hash", "v"], ["scrub"], ["replace", "d0", "s0"], ["export"]), left, "OpenZFS takes the spare again")
    same(row.ours(["import"], ["wait"], ["spares", 0], ["hash", "v"], ["unspare", "s0"], ["export"]), left, "ours at the end")
    row.shell("rm", row.folder / "s0")
    row.check()


def remembered_damage(row, layout, finder):
    """A block that nothing brings back is found by one engine; both know of it, whichever imports the pool, and no judge
    minds the log. When its volume is gone a scrub by the other one forgets it."""
    def errors(engine, *verbs):
        text = engine(["import"], *verbs, ["errors"], ["export"])
        return [line for line in text.splitlines() if line.startswith(("errors: ", "damaged: "))]

    first, other = (row.ours_text, row.orc_text) if finder == "ours" else (row.orc_text, row.ours_text)
    create(row, layout, 12, "16K")
    disks = sorted(row.folder.iterdir())
    block = int(row.shell(sys.executable, HERE / "harm.py", "gone", *disks))
    found = errors(first, ["scrub", "damaged"])
    tap.expect(found[-1] == "errors: 1", f"{finder}: {found}")
    for _ in range(2):
        found = errors(row.ours_text)
        tap.expect(found == [f"damaged: gone object 1 offset {block * 16384} length 16384", "errors: 1"], f"ours: {found}")
        found = errors(row.orc_text)
        tap.expect(found == ["errors: 1"], f"OpenZFS: {found}")
        row.check_objects()
    found = errors(other, ["destroy", "gone"], ["scrub"])
    tap.expect(found == ["errors: 0"], f"after the scrub: {found}")
    tap.expect(errors(row.ours_text) == ["errors: 0"] == errors(row.orc_text), "after the scrub, imported again")
    row.check()
