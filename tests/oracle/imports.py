# SPDX-License-Identifier: BSD-2-Clause
"""Stories of imports: pools that were destroyed, damaged, or made by OpenZFS with what we don't write; what both engines keep
beside data: history and the pool's own properties."""
import os
import re

import tap
import zf
from oracle import FEATURES, Rejected, tail
from stories import POOL, create, differ, go_on, same


def refused(row, verbs, *texts):
    """Our engine says no, with these words."""
    try:
        row.ours(*verbs)
    except Rejected as e:
        wrong = [t for t in texts if t not in str(e)]
        tap.expect(not wrong, f"refused, but not because of {wrong}: {e}")
        return
    raise Rejected(f"not refused: {verbs}")


def contents(row):
    """Every byte of every disk, as hashes."""
    return row.shell("sh", "-c", f"sha256sum {row.folder}/*")


def destroyed(row, layout, block):
    """Each engine destroys a pool; nobody takes it by mistake, and ours brings it back."""
    made = create(row, layout, 12, block)
    row.ours(["import"], ["pooldestroy"])
    before = contents(row)
    refused(row, [["import"]], "was destroyed: import it with --destroyed")
    tap.expect(contents(row) == before, "the refused import wrote")
    same(row.ours(["import", "destroyed"], ["hash", *made], ["export"]), made, "after import -D")
    row.check()
    found, left = row.rework(list(made), doomed="gone")
    same(found, made, "OpenZFS after import -D")
    row.orc(["import"], ["pooldestroy"])
    refused(row, [["import"]], "was destroyed: import it with --destroyed")
    same(row.ours(["import", "destroyed"], ["hash", *left], ["export"]), left, "after OpenZFS's destroy")
    row.check()


def history(row, layout):
    """Both engines write the history and the pool's properties, and read each other's."""
    create(row, layout, 12, "16K")
    row.ours(["import"], ["note", "zsan pool scrub tank"], ["poolset", "failmode=continue"], ["poolset", "autoreplace=on"],
             ["poolset", "comment=the barn's"], ["export"])
    row.check()
    told = row.oracle.zdb(row.folder, "-hh", POOL).stdout
    for text in ("zsan pool scrub tank", "internal_name: 'create'", "internal_name: 'export'"):
        tap.expect(text in told, f"zdb -hh lacks {text}:\n{tail(told, 60)}")
    props = row.orc_text(["import"], ["poolget"], ["note", "zpool upgrade tank"], ["poolset", "failmode=wait"], ["export"])
    for line in ("poolprop failmode continue", "poolprop autoreplace on", "poolprop comment the barn's"):
        tap.expect(line in props, f"OpenZFS lacks {line}:\n{props}")
    row.check()
    told = row.ours_text(["import", "readonly"], ["history"], ["poolget"])
    for text in ("zsan pool scrub tank", "zpool upgrade tank", "[create]", "poolprop failmode wait default",
                 "poolprop autoreplace on local", "poolprop comment the barn's local"):
        tap.expect(text in told, f"ours lacks {text}:\n{tail(told, 60)}")
    for _ in range(3):
        row.ours(["import"], *(["note", f"{i} " + "x" * 6000] for i in range(20)), ["export"])
    row.check()
    told = row.oracle.zdb(row.folder, "-hh", POOL).stdout
    tap.expect("internal_name: 'create'" in told and "19 xxx" in told, f"zdb -hh after many:\n{tail(told, 20)}")
    row.orc(["import"], ["note", "y" * 3000], ["export"])
    tap.expect("yyyy" in row.ours_text(["import", "readonly"], ["history"]), "OpenZFS's entry in our full ring")
    row.check()


def rot_newest(row, back=0):
    """Garbage for all copies of the MOS's root, of the newest state or one that many txgs older."""
    for path in sorted(row.folder.iterdir()):
        states = {txg: slot for label in zf.Disk(str(path)).labels for txg, _, _, slot in label.uberblocks}
        slot = states[sorted(states)[-1 - back]]
        for dva in zf.BP(slot[40:168]).dvas:
            row.shell("dd", "if=/dev/urandom", f"of={path}", "bs=4096", "count=1", "conv=notrunc", "status=none",
                      f"seek={(zf.FRONT + dva.off) // 4096}")


def rewound(row, layout, block):
    """The newest MOS is garbage: refused with an offer, and after going back both engines are content."""
    made = create(row, layout, 12, block)
    row.ours(["import"], ["write", "v", row.seeds(), 30], ["sync"], ["write", "a/w", row.seeds(), 30], ["sync"], ["crash"])
    rot_newest(row)
    before = contents(row)
    refused(row, [["import"]], "import --rewind would go back", "seconds, to txg")
    row.ours(["import", "rewind", "dryrun"])
    tap.expect(contents(row) == before, "looking wrote")
    left = row.ours(["import", "rewind"], ["hash", "v", "a/w"], ["write", "v", row.seeds(), 40], ["hash", "v"], ["export"])
    differ({"v": left["v"]}, made, "after going back")
    row.check()
    found, _ = row.rework(["v", "a/w"], doomed="gone")
    same(found, left, "OpenZFS after going back")
    row.check()


def not_ours(row, what, text):
    """A pool of OpenZFS's with something that we don't write: read-only, with its name; no byte changes."""
    features = "async_destroy,empty_bpobj,lz4_compress,spacemap_histogram,enabled_txg,hole_birth,extensible_dataset,embedded_data"
    prop = [["set", ".", what]] if what.startswith("dedup=") else []
    extra = what.split() if "=" in what and not prop else []
    if not extra and not prop:
        features += f",{what}"
    seed = row.seeds()  # the same for two volumes: they share all blocks
    wanted = row.orc(["create", "mirror:2", f"features={features}", *extra], *prop,
                     *(step for v in ("v", "w") for step in (["volume", v, "8M", "16K"], ["write", v, seed, 30])),
                     ["hash", "v", "w"], ["export"])
    before = contents(row)
    told = row.ours_text(["import"], ["hash", "v", "w"])
    tap.expect(f"read-only: {text}" in told, f"no reason in:\n{told}")
    same({n: h for h, n in re.findall(r"^([0-9a-f]{64})  (.*)$", told, re.M)}, wanted, "read-only")
    tap.expect(f" importable {text}" in (told := row.ours_text(["found"])), f"the search says otherwise:\n{told}")
    tap.expect(contents(row) == before, "a byte changed")
    if prop:
        told = row.ours_text(["import"], ["poolget"])
        ratio = int(re.search(r"^poolprop dedupratio (\d+)", row.orc_text(["import", "readonly"], ["poolget"]), re.M)[1])
        tap.expect(f"poolprop dedupratio {ratio / 100:.2f} " in told and ratio > 150, f"the ratio is {ratio}, not as in:\n{told}")


def waiting(row):
    """What OpenZFS has still to free, by zdb: datasets, and blocks that only snapshots had."""
    told = row.oracle.zdb(row.folder, "-ddd", "-P", POOL).stdout
    found = [re.search(text, told) for text in (r"Pool dataset frees: (\d+) datasets", r"Pool snapshot frees: .*, (\d+) blkptrs")]
    return tuple(int(f[1]) if f else 0 for f in found)


def half_destroyed(row, layout, block):
    """OpenZFS leaves in the middle of destroying a volume and a clone: read-only, with the reason, not a byte changes; when it
    has gone on and finished the pool is written here."""
    why = "the pool uses the feature async_destroy, with which it can only be read"
    wanted = row.orc(["create", layout, f"features={FEATURES}"], ["volume", "v", "8M", block], ["write", "v", row.seeds(), 60],
                     ["volume", "doomed", "16M", "4K"], ["write", "doomed", row.seeds(), 80], ["snapshot", "v@a"],
                     ["clone", "v@a", "c"], ["write", "c", row.seeds(), 80],
                     ["hash", "v"], ["slowly", 4], ["destroy", "c"], ["destroy", "doomed"], ["export"])
    for _ in range(2):
        tap.expect(waiting(row)[0] > 0, "OpenZFS was through with it")
        row.check()
        before = contents(row)
        told = row.ours_text(["import"], ["hash", "v"])
        tap.expect(f"read-only: {why}" in told, f"no reason in:\n{told}")
        same({n: h for h, n in re.findall(r"^([0-9a-f]{64})  (.*)$", told, re.M)}, wanted, "in the middle")
        tap.expect(f" importable {why}" in (told := row.ours_text(["found"])), f"the search says otherwise:\n{told}")
        refused(row, [["import"], ["volume", "new", "4M", block]], "read-only")
        tap.expect(contents(row) == before, "a byte changed")
        row.orc(["slowly", 4], ["import"], ["sync"], ["export"])
    row.orc(["import"], ["waitfreed"], ["export"])
    tap.expect(waiting(row) == (0, 0), "OpenZFS is not through with it")
    row.check()
    left = go_on(row, wanted, ["v"], block)
    same(row.orc(["import"], ["hash", *left], ["scrub"], ["export"]), left, "OpenZFS at the end")


def half_freed(row, layout, block):
    """OpenZFS leaves in the middle of freeing what only a snapshot had: there is no feature for that, and the first txg here
    frees the rest."""
    wanted = row.orc(["create", layout, f"features={FEATURES}"], ["volume", "v", "8M", block], ["write", "v", row.seeds(), 60],
                     ["snapshot", "v@a"], ["write", "v", row.seeds(), 120], ["hash", "v"], ["slowly", 4], ["destroy", "v@a"],
                     ["export"])
    tap.expect(waiting(row)[1] > 0, "OpenZFS was through with it")
    row.check()
    left = go_on(row, wanted, ["v"], block)
    tap.expect(waiting(row) == (0, 0), "something of the snapshot is left")
    same(row.orc(["import"], ["hash", *left], ["scrub"], ["export"]), left, "OpenZFS at the end")


def found(row, layout):
    """What a search tells."""
    create(row, layout, 12, "16K")
    tap.expect("pool tank EXPORTED ONLINE importable" in row.ours_text(["found"]), "the search for a whole pool")
    os.unlink(row.folder / "d0")
    told = row.ours_text(["found"])
    tap.expect("pool tank EXPORTED DEGRADED importable" in told and "d0 UNAVAIL" in told, f"without a disk:\n{told}")
