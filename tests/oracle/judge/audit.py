#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""audit.py FILE...: the accounting of an exported OpenZFS pool, recomputed.

What OpenZFS's own checker never looks at: the DSL's sums and their breakdown, deadlists, snapshots and clones, space maps'
histograms, fill counts, births of holes, counts of features, every copy of every metadata block, all labels. One line for
each difference; the last line is "audit differences: N", and the exit status is 0 only when N is 0.
"""
import collections
import struct
import sys

import zf

Block = collections.namedtuple("Block", "key birth used comp uncomp")
GUIDS = {
    "async_destroy": "com.delphix:async_destroy", "empty_bpobj": "com.delphix:empty_bpobj",
    "lz4_compress": "org.illumos:lz4_compress", "spacemap_histogram": "com.delphix:spacemap_histogram",
    "enabled_txg": "com.delphix:enabled_txg", "hole_birth": "com.delphix:hole_birth",
    "extensible_dataset": "com.delphix:extensible_dataset", "embedded_data": "com.delphix:embedded_data",
    "spacemap_v2": "com.delphix:spacemap_v2", "log_spacemap": "com.delphix:log_spacemap",
}
ALWAYS_ONE = ("lz4_compress", "hole_birth", "embedded_data", "spacemap_v2")


def total(blocks):
    """(used, comp, uncomp) of blocks."""
    return tuple(sum(b[i] for b in blocks) for i in (2, 3, 4))


def label_complaints(txgs, pool_txg, cut):
    """What is wrong with a disk's four labels of these txgs (None: damaged). Labels 0 and 2 are written and flushed, then the
    uberblock, then labels 1 and 3. So a power cut tears those of one half at most, and may leave 0 and 2 one txg ahead."""
    torn = {n % 2 for n, txg in enumerate(txgs) if txg is None}
    for n, txg in enumerate(txgs):
        if txg is None:
            if not cut or len(torn) > 1:
                yield f"label {n} is damaged"
        elif txg > pool_txg and not (cut and n % 2 == 0 and txg == pool_txg + 1):
            yield f"label {n} is of txg {txg}, the pool of {pool_txg}"


class Audit:
    """All checks of one pool; differences holds what was found."""

    def __init__(self, paths, cut=False):
        self.cut = cut
        self.differences = []
        self.pool = zf.Pool(paths, all_copies=True)
        self.mos = self.pool.mos
        self.ratios = {i: self._ratio(t) for i, t in self.pool.tops.items()}
        self.features = {}
        for name in ("features_for_read", "features_for_write"):
            self.features.update(self.mos.zap(self.pool.directory[name]))
        self.enabled_txg = {}
        if "feature_enabled_txg" in self.pool.directory:
            self.enabled_txg = self.mos.zap(self.pool.directory["feature_enabled_txg"])
        self.walks, self.bpobjs_seen = {}, collections.Counter()
        self.datasets, self.dirs = {}, {}

    @staticmethod
    def _ratio(top):
        """512 bytes of a top-level vdev in accounted bytes."""
        if top["type"] != "raidz":
            return 512
        size = zf.raidz_asize(1 << 17, top["ashift"], len(top["children"]), top["nparity"])
        return (1 << 17) // (size >> 9)

    def expect(self, what, found, wanted):
        if found != wanted:
            self.tell(f"{what}: found {found}, expected {wanted}")

    def tell(self, text):
        self.differences.append(text)
        print("  DIFF", text)

    def refcount(self, feature):
        """None: the feature is not enabled."""
        return self.features.get(GUIDS[feature])

    # ---- blocks -------------------------------------------------------------------------------------

    def dsize(self, bp):
        return sum((d.asize >> 9) * self.ratios.get(d.vdev, 512) for d in bp.dvas)

    def entry(self, bp, place=None):
        stored = 0 if bp.embedded else bp.psize
        metadata = bp.level > 0 or zf.is_metadata(bp.type)
        key = (place, bp.raw) if bp.embedded else bp.key
        return Block(key, bp.birth, self.dsize(bp), stored, stored if metadata else bp.lsize)

    def blocks_below(self, bp, place):
        """Every block reachable from a pointer, itself included."""
        if bp.hole:
            return []
        memo = (bp.raw, place[0])
        if memo in self.walks:
            return self.walks[memo]
        found = [self.entry(bp, place)]
        obj, level, n = place
        if bp.level > 0:
            for i, kid in enumerate(zf.pointers(self.pool.read(bp))):
                found += self.blocks_below(kid, (obj, level - 1, n * (bp.lsize // 128) + i))
        elif bp.type == zf.T_DNODE:
            data = self.pool.read(bp)
            for at in range(0, len(data), 512):
                if data[at]:
                    found += self.blocks_of(zf.Dnode(data[at:at + 512]), (n * len(data) + at) // 512)
        if bp.level > 0 or bp.type == zf.T_DNODE:
            self.walks[memo] = found
        return found

    def blocks_of(self, dn, obj):
        return [b for i, bp in enumerate(dn.bps) for b in self.blocks_below(bp, (obj, dn.levels - 1, i))]

    def objset_blocks(self, bp):
        """Every block of an object set, its own included."""
        if bp.hole:
            return []
        return [self.entry(bp)] + self.blocks_of(self.pool.objset(bp, "walk").meta, 0)

    # ---- labels -------------------------------------------------------------------------------------

    def check_labels(self):
        for disk in self.pool.disks:
            txgs = [None if label.config is None else label.config.get("txg", 0) for label in disk.labels]
            for complaint in label_complaints(txgs, self.pool.txg, self.cut):
                self.tell(f"{disk.path}: {complaint}")

    def check_guid_sum(self):
        def walk(vdev):
            return vdev["guid"] + sum(map(walk, vdev.get("children", [])))
        want = walk(self.pool.config["vdev_tree"]) & zf.MASK64
        self.expect("guid sum", struct.unpack_from("<Q", self.pool.uberblock, 24)[0], want)

    # ---- trees --------------------------------------------------------------------------------------

    def check_hole(self, bp, what, level, kind, size):
        if bp.birth == 0:
            if any(bp.raw):
                self.tell(f"{what}: a hole without birth is not all zeros")
            return
        self.expect(f"{what}: hole's type, level, size", (bp.type, bp.level, bp.lsize), (kind, level, size))
        if bp.birth < self.enabled_txg.get(GUIDS["hole_birth"], 0) or self.refcount("hole_birth") is None:
            self.tell(f"{what}: a hole born in txg {bp.birth}, before there was hole_birth")

    def check_pointer(self, bp, what, parent_birth, level, dn):
        """Returns the fill count and the accounted bytes of what is below."""
        size = dn.block if level == 0 else 1 << dn.indirect_shift
        if bp.birth > parent_birth:
            self.tell(f"{what}: born in txg {bp.birth}, its parent in {parent_birth}")
        if bp.hole:
            self.check_hole(bp, what, level, dn.type, size)
            return 0, 0
        self.expect(f"{what}: type, level, size", (bp.type, bp.level, bp.lsize), (dn.type, level, size))
        used, fill = self.dsize(bp), 1
        if level > 0:
            fill = 0
            for i, kid in enumerate(zf.pointers(self.pool.read(bp))):
                below = self.check_pointer(kid, f"{what}.{i}", bp.birth, level - 1, dn)
                fill, used = fill + below[0], used + below[1]
        elif bp.type == zf.T_DNODE:
            data, at, fill = self.pool.read(bp), 0, 0
            while at < len(data):
                fill += data[at] != 0
                at += 512 * (1 + (data[at + 12] if data[at] else 0))
        self.expect(f"{what}: fill", bp.fill, fill)
        return fill, used

    def check_object(self, dn, what, birth):
        fill = used = 0
        for i, bp in enumerate(dn.bps):
            below = self.check_pointer(bp, f"{what} block {i}", birth, dn.levels - 1, dn)
            fill, used = fill + below[0], used + below[1]
        if not dn.flags & 4:                # no spill block, which is counted too
            self.expect(f"{what}: used", dn.used if dn.flags & 1 else dn.used << 9, used)
        return fill

    def check_past_end(self, objset, dn, what):
        reach = len(dn.bps) << (dn.indirect_shift - 7) * (dn.levels - 1)
        for n in range(dn.max_block + 1, min(reach, dn.max_block + 1 + 4096)):
            bp = objset.pointer(dn, n)
            if bp is not None and not bp.hole:
                self.tell(f"{what}: block {n} lies past the last one, {dn.max_block}")
                return

    def check_objset(self, bp, name):
        if bp.hole:
            return
        objset = self.pool.objset(bp, name)
        self.expect(f"{name}: fill", bp.fill, self.check_object(objset.meta, f"{name} dnodes", bp.birth))
        for obj, dn in objset.dnodes():
            self.check_object(dn, f"{name} object {obj}", bp.birth)
            self.check_past_end(objset, dn, f"{name} object {obj}")

    # ---- what changed since a snapshot --------------------------------------------------------------

    def check_since(self, ds, snap, name):
        """A block that is not the snapshot's was born after it, holes included: an incremental stream relies on it."""
        new, old = self.pool.objset(ds.bp, name), self.pool.objset(snap.bp, name)
        if new.type != zf.OBJSET_ZVOL or ds.prev_txg < self.enabled_txg.get(GUIDS["hole_birth"], 1 << 63):
            return
        a, b = new.dnode(1), old.dnode(1)
        shift = a.indirect_shift - 7
        for n in range(min(max(a.max_block, b.max_block) + 1, 1 << 16)):
            one, two = self.level0(new, a, n, shift), self.level0(old, b, n, shift)
            if one.raw != two.raw and one.key != two.key and not (one.hole and two.hole) and one.birth <= ds.prev_txg:
                self.tell(f"{name}: block {n} changed since txg {ds.prev_txg}, but was born in {one.birth}")

    @staticmethod
    def level0(objset, dn, n, shift):
        """The pointer of block n, or the hole above it that stands for it."""
        level = dn.levels - 1
        index = n >> shift * level
        if index >= len(dn.bps):
            return zf.BP(bytes(128))
        bp = dn.bps[index]
        while level > 0 and not bp.hole:
            if bp.raw not in objset.cache:
                objset.cache[bp.raw] = objset.pool.read(bp)
            level -= 1
            at = (n >> shift * level & (1 << shift) - 1) * 128
            bp = zf.BP(objset.cache[bp.raw][at:at + 128])
        return bp

    # ---- lists of dead blocks -----------------------------------------------------------------------

    def bpobj_blocks(self, obj):
        """The blocks of a bpobj and of those inside it, after a look at its sums."""
        head, blocks = zf.Bpobj(self.mos, obj), []
        if head.count:
            data = self.mos.data(obj)
            blocks = [self.entry(zf.BP(data[i:i + 128])) for i in range(0, 128 * head.count, 128)]
        if head.subobjs:
            data = self.mos.data(head.subobjs)
            for sub, in struct.iter_unpack("<Q", data[:8 * head.num_subobjs]):
                blocks += self.bpobj_blocks(sub)
        self.bpobjs_seen[obj] += 1
        self.expect(f"bpobj {obj}", (head.bytes, head.comp, head.uncomp), total(blocks))
        return blocks

    def check_deadlist(self, ds, ancestors, name):
        """Keys, the range of births under each key, sums."""
        lists = {int(k, 16): v for k, v in self.mos.zap(ds.deadlist).items()}
        keys, blocks = sorted(lists), []
        self.expect(f"{name}: deadlist keys", keys, sorted({s.prev_txg for s in ancestors}))
        for i, key in enumerate(keys):
            here = self.bpobj_blocks(lists[key])
            last = keys[i + 1] if i + 1 < len(keys) else 1 << 64
            wrong = [b.birth for b in here if not key < b.birth <= last]
            if wrong:
                self.tell(f"{name}: blocks born in txgs {wrong[:3]} in the deadlist for those after {key}")
            blocks += here
        head = zf.Deadlist(self.mos, ds.deadlist)
        self.expect(f"{name}: deadlist", (head.used, head.comp, head.uncomp), total(blocks))
        return head.used

    def bptree_sums(self):
        """What is queued to be freed: (used, comp, uncomp)."""
        if "bptree_obj" not in self.pool.directory:
            return 0, 0, 0
        tree = zf.Bptree(self.mos, self.pool.directory["bptree_obj"])
        data = self.mos.data(tree.obj)
        whole, blocks = True, []
        for n in range(tree.begin, tree.end):
            raw = data[168 * n:168 * n + 168]
            limit, = struct.unpack_from("<Q", raw, 128)
            whole = whole and not any(raw[136:])  # no bookmark: nothing of it is freed yet
            blocks += [b for b in self.objset_blocks(zf.BP(raw[:128])) if b.birth > limit]
        if whole:
            self.expect("bptree", (tree.bytes, tree.comp, tree.uncomp), total(blocks))
        return tree.bytes, tree.comp, tree.uncomp

    # ---- directories and datasets -------------------------------------------------------------------

    def chain(self, obj):
        """A dataset and its ancestors, newest first, through origins too."""
        found = []
        while obj:
            if obj not in self.datasets:
                self.datasets[obj] = zf.Dataset(self.mos, obj)
            found.append(self.datasets[obj])
            obj = found[-1].prev
        return found

    def collect(self, obj, name):
        """All directories, and the datasets of each from the head to its oldest snapshot."""
        dd = zf.DslDir(self.mos, obj)
        dd.name, dd.kids, dd.line = name, [], []
        self.dirs[obj] = dd
        if dd.head:
            for ds in self.chain(dd.head):
                if ds.dir != obj:
                    break
                dd.line.append(ds)
        for kid, kid_obj in sorted(self.mos.zap(dd.children).items()):
            self.collect(kid_obj, f"{name}/{kid}")
            dd.kids.append(self.dirs[kid_obj])
        for ds in dd.line:
            ds.blocks = self.objset_blocks(ds.bp)

    def check_dataset(self, dd, i):
        ds = dd.line[i]
        name = f"{dd.name} #{i}"            # 0 is the head
        self.expect(f"{name}: referenced", (ds.ref, ds.comp, ds.uncomp), total(ds.blocks))
        dead = self.check_deadlist(ds, self.chain(ds.obj)[1:], name)
        prev = self.datasets.get(ds.prev)
        if i == 0:
            self.expect(f"{name}: unique", ds.unique, ds.ref - (prev.ref - dead if prev else 0))
            self.expect(f"{name}: children of a head", ds.num_children, 0)
        else:                               # clones don't count: they only keep it from being destroyed
            later = {b.key for b in dd.line[i - 1].blocks}
            alone = [b for b in ds.blocks if b.birth > ds.prev_txg and b.key not in later]
            self.expect(f"{name}: unique", ds.unique, total(alone)[0])
        if prev:
            self.expect(f"{name}: txg of the snapshot before", ds.prev_txg, prev.txg)
            if not ds.bp.hole and not prev.bp.hole:
                self.check_since(ds, prev, name)

    def check_family(self, dd, i):
        """Who comes after a snapshot: its successor and its clones."""
        ds, name = dd.line[i], f"{dd.name} #{i}"
        if i == 0:
            names = self.mos.zap(ds.names) if ds.names else {}
            self.expect(f"{name}: names of snapshots", sorted(names.values()), sorted(s.obj for s in dd.line[1:]))
            return
        after = {d.obj for d in self.datasets.values() if d.prev == ds.obj}
        self.expect(f"{name}: next", ds.next, dd.line[i - 1].obj)
        self.expect(f"{name}: children", ds.num_children, len(after))
        clones = {int(k, 16) for k in self.mos.zap(ds.next_clones)} if ds.next_clones else set()
        self.expect(f"{name}: next clones", clones, after - {ds.next})

    def check_dir_sums(self, dd):
        """HEAD, SNAP, compressed and uncompressed of what is the directory's own."""
        since = self.datasets[dd.origin].txg if dd.origin else 0
        head = {b.key: b for b in dd.line[0].blocks if b.birth > since}
        own = {b.key: b for ds in dd.line for b in ds.blocks if b.birth > since}
        self.expect(f"{dd.name}: HEAD", dd.used_head, total(head.values())[0])
        self.expect(f"{dd.name}: SNAP", dd.used_snap, total(own.values())[0] - total(head.values())[0])
        below = [sum(k.comp for k in dd.kids), sum(k.uncomp for k in dd.kids)]
        self.expect(f"{dd.name}: compressed", dd.comp, total(own.values())[1] + below[0])
        self.expect(f"{dd.name}: uncompressed", dd.uncomp, total(own.values())[2] + below[1])
        wanted = max(0, self.mos.zap(dd.props).get("refreservation", 0) - dd.line[0].unique)
        self.expect(f"{dd.name}: REFRSRV", dd.used_refrsrv, wanted)

    def check_special(self, dd, kind):
        sums = total(self.objset_blocks(self.pool.root))
        if kind == "$FREE":
            queued = zf.Bpobj(self.mos, self.pool.directory["free_bpobj"])
            sums = tuple(map(sum, zip((queued.bytes, queued.comp, queued.uncomp), self.bptree_sums())))
        self.expect(dd.name, (dd.used, dd.comp, dd.uncomp), sums)
        self.expect(f"{dd.name}: HEAD", dd.used_head, sums[0])

    def check_dir(self, dd):
        kind = dd.name.rsplit("/", 1)[-1]
        for i in range(len(dd.line)):
            self.check_family(dd, i)
            self.check_dataset(dd, i)
            self.check_objset(dd.line[i].bp, f"{dd.name} #{i}")
        if kind in ("$MOS", "$FREE"):
            self.check_special(dd, kind)
        elif dd.line and kind != "$ORIGIN":
            self.check_dir_sums(dd)
        self.expect(f"{dd.name}: breakdown", dd.used_head + dd.used_snap + dd.used_child + dd.used_child_rsrv +
                    dd.used_refrsrv, dd.used)
        self.expect(f"{dd.name}: CHILD", dd.used_child, sum(k.used for k in dd.kids))
        self.expect(f"{dd.name}: CHILD_RSRV", dd.used_child_rsrv, sum(max(0, k.reserved - k.used) for k in dd.kids))
        self.expect(f"{dd.name}: reservation", dd.reserved, self.mos.zap(dd.props).get("reservation", 0))
        self.expect(f"{dd.name}: flags", dd.flags & 1, 1)
        if dd.clones:
            want = {d.head for d in self.dirs.values() if d.origin in {s.obj for s in dd.line}}
            self.expect(f"{dd.name}: clones", {int(k, 16) for k in self.mos.zap(dd.clones)}, want)

    # ---- space maps ---------------------------------------------------------------------------------

    @staticmethod
    def entries(words):
        """(is free, first sector, sectors) of a space map."""
        it = iter(words)
        for word in it:
            if word >> 62 == 2:
                continue                    # debug
            if word >> 62 == 3:
                second = next(it)
                yield second >> 63, second & (1 << 63) - 1, (word >> 24 & (1 << 36) - 1) + 1
            else:
                yield word >> 15 & 1, word >> 16 & (1 << 47) - 1, (word & 0x7FFF) + 1

    def replay(self, obj, sectors, what):
        """Which sectors of a metaslab are allocated, one byte each."""
        length, = struct.unpack_from("<Q", self.mos.dnode(obj).bonus, 8)
        data, used = self.mos.data(obj)[:length], bytearray(sectors)
        for free, at, run in self.entries(struct.unpack(f"<{len(data) // 8}Q", data)):
            if at + run > sectors:
                self.tell(f"{what}: an entry past the end")
            elif used.count(free, at, at + run) != run:
                self.tell(f"{what}: {'free' if free else 'allocation'} of {run} sectors at {at} that were so already")
            else:
                used[at:at + run] = bytes([1 - free]) * run
        return used

    def check_histogram(self, bonus, used, what):
        """It may promise less than there is, never more or larger runs."""
        real, promised = [0] * 32, struct.unpack_from("<32Q", bonus, 64)
        for run in bytes(used).split(b"\1"):
            if run:
                real[min(len(run).bit_length() - 1, 31)] += len(run)
        for i in range(32):
            if sum(n << j for j, n in enumerate(promised) if j >= i) > sum(real[i:]):
                self.tell(f"{what}: the histogram promises more free runs of 2^{i} sectors than there are")
                return
        # A map that promises nothing of a large free run is of no use.
        if promised == (0,) * 32 and sum(real) > len(used) // 2:
            self.tell(f"{what}: the histogram is empty, half of the metaslab is free")

    def check_space_maps(self):
        if self.refcount("log_spacemap"):
            return                          # the maps alone say nothing then
        for top in self.pool.tops.values():
            if top["type"] in ("hole", "missing") or not top.get("metaslab_array"):
                continue
            objects = struct.iter_unpack("<Q", self.mos.data(top["metaslab_array"]))
            for n in range(top["asize"] >> top["metaslab_shift"]):
                obj, = next(objects, (0,))
                if obj:
                    self.check_space_map(top, n, obj)

    def check_space_map(self, top, n, obj):
        what, bonus = f"metaslab {top['id']}:{n}", self.mos.dnode(obj).bonus
        used = self.replay(obj, 1 << top["metaslab_shift"] - top["ashift"], what)
        self.expect(f"{what}: allocated", struct.unpack_from("<q", bonus, 16)[0], sum(used) << top["ashift"])
        if len(bonus) >= 320:
            self.check_histogram(bonus, used, what)

    # ---- features -----------------------------------------------------------------------------------

    def check_features(self):
        for name in ALWAYS_ONE:
            if self.refcount(name) is not None:
                self.expect(f"feature {name}", self.refcount(name), 1)
        if self.refcount("enabled_txg") is not None:
            self.expect("feature enabled_txg", self.refcount("enabled_txg"), len(self.enabled_txg))
        dnodes = [dn for _, dn in self.mos.dnodes()]
        if self.refcount("spacemap_histogram") is not None:
            count = sum(dn.type == zf.T_SPACE_MAP and dn.bonus_len >= 320 for dn in dnodes)
            self.expect("feature spacemap_histogram", self.refcount("spacemap_histogram"), count)
        if self.refcount("extensible_dataset") is not None and not self.refcount("log_spacemap"):
            zapified = sum(dn.type == zf.T_ZAP_METADATA and dn.bonus_type == 16 for dn in dnodes)
            self.expect("feature extensible_dataset", self.refcount("extensible_dataset"), zapified)
        if self.refcount("async_destroy") is not None:
            self.expect("feature async_destroy", self.refcount("async_destroy"), int("bptree_obj" in self.pool.directory))
        self.check_empty_bpobj()

    def check_empty_bpobj(self):
        empty = self.pool.directory.get("empty_bpobj")
        count = self.refcount("empty_bpobj") or 0
        if empty:
            self.expect("empty_bpobj: blocks", zf.Bpobj(self.mos, empty).count, 0)
        self.expect("feature empty_bpobj", count, self.bpobjs_seen[empty] if empty else 0)
        self.expect("empty_bpobj is there", bool(empty), count > 0)

    # ---- all of it ----------------------------------------------------------------------------------

    def run(self):
        self.check_labels()
        self.check_guid_sum()
        self.check_objset(self.pool.root, "mos")
        for name in ("sync_bplist", "free_bpobj"):
            self.bpobj_blocks(self.pool.directory[name])
        self.collect(self.pool.directory["root_dataset"], self.pool.config["name"])
        for dd in self.dirs.values():
            self.check_dir(dd)
        self.check_space_maps()
        self.check_features()
        for copy in dict.fromkeys(self.pool.bad_copies):
            self.tell(f"bad copy: {copy}")


def main(words):
    paths = [w for w in words if w != "--cut"]
    differences = 1
    try:
        audit = Audit(paths, cut="--cut" in words)
        audit.run()
        differences = len(audit.differences)
    except (zf.Damaged, struct.error, IndexError, KeyError, UnicodeDecodeError) as e:
        print(f"  DIFF can't read the pool: {type(e).__name__}: {e}")
    print("audit differences:", differences)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
