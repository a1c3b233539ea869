# SPDX-License-Identifier: BSD-2-Clause
"""Damage done to a pool on purpose, sealed as if the pool's owner had written it.

Patient(path) opens a pool of one file (or one mirror: all its files). A place in the pool is a list of steps from the
uberblock down: (block pointer, where that pointer stands in the block above). edit() changes bytes of the block at the
end of the steps in place, on all its copies, and renews every checksum up to the uberblock's, in all labels. A compressed
block is compressed again and must fit where it was.
"""
import os
import struct

import zf


def lz4_compress(data):
    """A plain greedy LZ4 block with the format's length word."""
    out, seen, at, start = bytearray(), {}, 0, 0

    def length(n):
        return bytes([255]) * ((n - 15) // 255) + bytes([(n - 15) % 255]) if n >= 15 else b""

    def literals(end, match):
        n = end - start
        return bytes([min(n, 15) << 4 | match]) + length(n) + data[start:end]

    while at < len(data) - 12:
        word = data[at:at + 4]
        found = seen.get(word)
        seen[word] = at
        if found is None or at - found > 0xFFFF:
            at += 1
            continue
        n = 4
        while at + n < len(data) - 5 and data[found + n] == data[at + n]:
            n += 1
        out += literals(at, min(n - 4, 15)) + struct.pack("<H", at - found) + length(n - 4)
        at = start = at + n
    out += literals(len(data), 0)
    return struct.pack(">I", len(out)) + bytes(out)


class Patient(zf.Pool):
    """A pool that can be written to."""

    def __init__(self, *paths):
        super().__init__(list(paths))
        self.files = {d.config["guid"]: open(d.path, "r+b") for d in self.disks}

    def close(self):
        for f in self.files.values():
            f.close()

    # ---- places -------------------------------------------------------------------------------------

    def mos_steps(self):
        """The MOS's object set block."""
        return [(self.root, 40)]

    def content(self, steps):
        return self.read(steps[-1][0])

    def _descend(self, steps, dnode_at, n):
        """From the block that holds a dnode to the object's block n."""
        dn = zf.Dnode(self.content(steps)[dnode_at:dnode_at + 512])
        shift, level = dn.indirect_shift - 7, dn.levels - 1
        slot, at = n >> shift * level, dnode_at
        offset = at + 64 + 128 * slot
        while True:
            steps = steps + [(zf.BP(self.content(steps)[offset:offset + 128]), offset)]
            if level == 0:
                return steps
            level -= 1
            offset = (n >> shift * level & (1 << shift) - 1) * 128

    def dnode_steps(self, objset, obj):
        """The block of dnodes that has the object's, and where in it."""
        return self._descend(objset, 0, obj >> 5), (obj & 31) * 512

    def data_steps(self, objset, obj, n=0):
        """Block n of an object."""
        steps, at = self.dnode_steps(objset, obj)
        return self._descend(steps, at, n)

    def bonus_place(self, obj):
        """The block of an object's dnode, and where in it the bonus begins."""
        steps, at = self.dnode_steps(self.mos_steps(), obj)
        return steps, at + 64 + 128 * self.content(steps)[at + 3]

    def objset_steps(self, dataset):
        """The object set of a dataset's object."""
        steps, at = self.bonus_place(dataset)
        return steps + [(zf.BP(self.content(steps)[at + 128:at + 256]), at + 128)]

    # ---- writing ------------------------------------------------------------------------------------

    def leaves(self, vdev):
        kids = vdev.get("children")
        return [leaf for kid in kids for leaf in self.leaves(kid)] if kids else [vdev]

    def write_raw(self, dva, data, only_first=False):
        """To all disks of the top-level vdev, or to its first."""
        for leaf in self.leaves(self.tops[dva.vdev])[:1 if only_first else None]:
            f = self.files[leaf["guid"]]
            f.seek(zf.FRONT + dva.off)
            f.write(data)

    def _pack(self, bp, content):
        if bp.compress == 2:
            return content
        raw = lz4_compress(content)
        if bp.compress != 15 or len(raw) > (112 if bp.embedded else bp.psize):
            raise zf.Damaged(f"{bp}: {len(raw)} bytes don't fit")
        return raw

    def _embedded(self, bp, raw):
        words, raw = list(bp.words), raw.ljust(112, b"\0")
        places = [i for i in range(16) if i not in (6, 10)]
        for i, word in zip(places, struct.unpack("<14Q", raw)):
            words[i] = word
        return struct.pack("<16Q", *words)

    def _store(self, bp, content):
        """The block's new content, in its place; returns its new pointer."""
        raw = self._pack(bp, content)
        if bp.embedded:
            words = bytearray(self._embedded(bp, raw))
            prop, = struct.unpack_from("<Q", words, 48)
            struct.pack_into("<Q", words, 48, prop & ~(0x7F << 25) | len(raw) - 1 << 25)
            return bytes(words)
        raw = raw.ljust(bp.psize, b"\0")
        for dva in bp.dvas:
            self.write_raw(dva, raw)
        return bp.raw[:96] + struct.pack("<4Q", *zf.CHECKSUMS[bp.checksum](raw))

    def edit(self, steps, at, new):
        """Writes bytes into the block at the end of the steps, and what follows from that."""
        content = self.content(steps)
        changed = content[:at] + new + content[at + len(new):]
        pointer = self._store(steps[-1][0], changed)
        if len(steps) > 1:
            self.edit(steps[:-1], steps[-1][1], pointer)
        else:
            self.edit_uberblock(steps[-1][1], pointer)

    def edit_uberblock(self, at, new):
        """In every label that has the newest one."""
        for disk in self.disks:
            f = self.files[disk.config["guid"]]
            for label in disk.labels:
                for txg, _, slot_at, slot in label.uberblocks:
                    if slot == self.uberblock or txg == self.txg:
                        body = slot[:at] + new + slot[at + len(new):]
                        f.seek(label.base + slot_at)
                        f.write(zf.seal(body, (label.base + slot_at, 0, 0, 0)))
        self.close_and_reopen()

    def close_and_reopen(self):
        """What was read before is void."""
        for f in self.files.values():
            f.flush()
        super().__init__([d.path for d in self.disks])

    # ---- what tests damage --------------------------------------------------------------------------

    def add(self, obj, field, amount):
        """Adds to a 64-bit field of an object's bonus."""
        steps, at = self.bonus_place(obj)
        value, = struct.unpack_from("<Q", self.content(steps), at + 8 * field)
        self.edit(steps, at + 8 * field, struct.pack("<Q", value + amount & zf.MASK64))

    def micro_add(self, obj, name, amount):
        """Adds to a number in a micro ZAP."""
        steps = self.data_steps(self.mos_steps(), obj)
        data = self.content(steps)
        at = next(i for i in range(64, len(data), 64) if data[i + 14:i + 64].split(b"\0")[0] == name.encode())
        self.edit(steps, at, struct.pack("<Q", struct.unpack_from("<Q", data, at)[0] + amount))

    def flip(self, dva, at=0, only_first=False):
        """A wrong byte on the disk, and no more."""
        old = self._variants(self.tops[dva.vdev], dva.off, at + 1)[0]
        self.write_raw(zf.DVA(dva.vdev << 32, dva.off >> 9), old[:at] + bytes([old[at] ^ 0x55]), only_first)
        for f in self.files.values():
            f.flush()

    def flip_label(self, n):
        base = self.disks[0].labels[n].base
        f = self.files[self.disks[0].config["guid"]]
        f.seek(base + 0x4100)
        byte = f.read(1)
        f.seek(base + 0x4100)
        f.write(bytes([byte[0] ^ 0x55]))
        f.flush()

    def space_map(self):
        """The object of the first metaslab's map, its vdev."""
        top = self.tops[0]
        return struct.unpack_from("<Q", self.mos.data(top["metaslab_array"]))[0], top

    def append_entry(self, free, sector):
        """One sector allocated or freed in the first space map, which stays sound in itself."""
        obj, top = self.space_map()
        length, = struct.unpack_from("<Q", self.mos.dnode(obj).bonus, 8)
        word = struct.pack("<Q", sector << 16 | free << 15)
        self.edit(self.data_steps(self.mos_steps(), obj, length // self.mos.dnode(obj).block),
                  length % self.mos.dnode(obj).block, word)
        self.add(obj, 1, 8)
        self.add(obj, 2, (-1 if free else 1) << top["ashift"])


def files_of(folder):
    """The disks of a pool: all files of a folder."""
    return sorted(e.path for e in os.scandir(folder) if e.is_file())
