# SPDX-License-Identifier: BSD-2-Clause
"""An independent reader of OpenZFS pools, for tests: plain Python, no line shared with the engine.

Pool(files) finds the newest uberblock in the files' labels and opens the meta object set; Objset gives dnodes, data and
ZAPs of an object set; BP is a block pointer. Whatever is read is verified; what can't be read raises Damaged.
"""
import functools
import hashlib
import itertools
import struct
import zlib

MASK64 = (1 << 64) - 1
LABEL = 256 << 10
FRONT = 4 << 20
ECK_MAGIC = 0x0210DA7AB10C7A11
UBERBLOCK_MAGIC = 0xBAB10C

T_BPOBJ_HDR, T_SPACE_MAP, T_DNODE, T_OBJSET = 6, 8, 10, 11
T_ZVOL, T_ZAP_METADATA = 23, 0xC4
OBJSET_ZVOL = 3
DATA_TYPES = {19, 23, 25, 26, 49}            # of the old object types: all others are metadata


class Damaged(Exception):
    """Something in the pool is not as the format says."""


def is_metadata(kind):
    """True: an object type that counts as metadata."""
    return bool(kind & 0x40) if kind & 0x80 else kind not in DATA_TYPES


# ---- checksums --------------------------------------------------------------------------------------

def fletcher4(data):
    """Four 64-bit sums, each the running sum of the one before."""
    sums, result = struct.unpack(f"<{len(data) // 4}I", data), []
    for _ in range(4):
        sums = list(itertools.accumulate(sums))
        result.append(sums[-1] & MASK64)
    return tuple(result)


def fletcher2(data):
    """Two interleaved streams of 64-bit words."""
    words = struct.unpack(f"<{len(data) // 8}Q", data)
    first = [list(itertools.accumulate(words[i::2])) for i in (0, 1)]
    return tuple(x & MASK64 for x in (first[0][-1], first[1][-1], sum(first[0]), sum(first[1])))


def sha256_words(data):
    """The digest as four big-endian words."""
    return struct.unpack(">4Q", hashlib.sha256(data).digest())


def sha512_256_words(data):
    """SHA-512/256 as the format stores it: native words of the digest."""
    return struct.unpack("<4Q", hashlib.new("sha512_256", data).digest())


CHECKSUMS = {6: fletcher2, 7: fletcher4, 8: sha256_words, 11: sha512_256_words}


def seal_sum(region, verifier):
    """The checksum of a self-sealing region (label, uberblock, gang header), whatever its trailer says."""
    body = bytearray(region)
    struct.pack_into("<5Q", body, len(body) - 40, ECK_MAGIC, *verifier)
    return sha256_words(bytes(body))


def sealed(region, verifier):
    """True: the trailer of the region is right."""
    return struct.unpack("<4Q", region[-32:]) == seal_sum(region, verifier)


def seal(region, verifier):
    """The region with a right trailer."""
    return region[:-40] + struct.pack("<5Q", ECK_MAGIC, *seal_sum(region, verifier))


# ---- nvlists (XDR) ----------------------------------------------------------------------------------

class _XdrReader:
    def __init__(self, data):
        self.data, self.pos = data, 4

    def i32(self):
        self.pos += 4
        return struct.unpack_from(">i", self.data, self.pos - 4)[0]

    def u64(self):
        self.pos += 8
        return struct.unpack_from(">Q", self.data, self.pos - 8)[0]

    def string(self):
        n = self.i32()
        at, self.pos = self.pos, self.pos + (n + 3 & ~3)
        return self.data[at:at + n].decode()

    def value(self, kind, count):
        if kind == 1:
            return True
        if kind == 8:
            return self.u64()
        if kind == 9:
            return self.string()
        if kind == 16:
            if self.i32() != count:
                raise Damaged("nvlist: the length of an array")
            return [self.u64() for _ in range(count)]
        if kind == 19:
            return self.pairs()
        if kind == 20:
            return [self.pairs() for _ in range(count)]
        raise Damaged(f"nvlist: a pair of type {kind}")

    def pairs(self):
        self.pos += 8                       # version, flags
        result = {}
        while True:
            start, encoded = self.pos, self.i32()
            if self.i32() == 0 and encoded == 0:
                return result
            name = self.string()
            result[name] = self.value(self.i32(), self.i32())
            if self.pos != start + encoded:
                raise Damaged(f"nvlist: the size of {name}")


def nv_unpack(data):
    """A packed nvlist as a dict: booleans are True, numbers ints, lists dicts."""
    if data[0] != 1:
        raise Damaged("nvlist: not XDR")
    return _XdrReader(data).pairs()


def _xdr_string(text):
    raw = text.encode()
    return struct.pack(">i", len(raw)) + raw + bytes(-len(raw) % 4)


def _nv_body(value):
    """Type, count, encoded value, and what the value adds to the decoded size."""
    if value is True:
        return 1, 0, b"", 0
    if isinstance(value, int):
        return 8, 1, struct.pack(">Q", value), 8
    if isinstance(value, str):
        return 9, 1, _xdr_string(value), len(value.encode()) + 1 + 7 & ~7
    if isinstance(value, dict):
        return 19, 1, _nv_list(value), 24
    if value and isinstance(value[0], int):
        return 16, len(value), struct.pack(f">i{len(value)}Q", len(value), *value), 8 * len(value)
    return 20, len(value), b"".join(map(_nv_list, value)), 32 * len(value)


def _nv_list(pairs):
    out = struct.pack(">ii", 0, 1)
    for name, value in pairs.items():
        kind, count, body, decoded = _nv_body(value)
        body = _xdr_string(name) + struct.pack(">ii", kind, count) + body
        out += struct.pack(">ii", 8 + len(body), (16 + len(name.encode()) + 1 + 7 & ~7) + decoded) + body
    return out + bytes(8)


def nv_pack(pairs):
    """The reverse of nv_unpack(), byte for byte as OpenZFS packs."""
    return b"\x01\x01\0\0" + _nv_list(pairs)


# ---- decompression ----------------------------------------------------------------------------------

def _lz4_length(src, at, length):
    if length == 15:
        while True:
            more, at = src[at], at + 1
            length += more
            if more != 255:
                break
    return length, at


def lz4_decompress(data, size):
    """A block as the format stores it: a big-endian length, then an LZ4 block."""
    src, out, at = data[4:4 + struct.unpack(">I", data[:4])[0]], bytearray(), 0
    while at < len(src):
        token, at = src[at], at + 1
        literals, at = _lz4_length(src, at, token >> 4)
        out += src[at:at + literals]
        at += literals
        if at >= len(src):
            break
        back, at = src[at] | src[at + 1] << 8, at + 2
        length, at = _lz4_length(src, at, token & 15)
        length += 4
        if back == 0 or back > len(out):
            raise Damaged("lz4: a match before the beginning")
        piece = bytes(out[-back:])
        out += (piece * (length // back + 1))[:length] if back < length else piece[:length]
    if len(out) != size:
        raise Damaged(f"lz4: {len(out)} bytes instead of {size}")
    return bytes(out)


def lzjb_decompress(data, size):
    """LZJB: a byte of eight flags, then literals and matches of up to 66 bytes."""
    out, at, flag, flags = bytearray(), 0, 0x80, 0
    while len(out) < size:
        flag <<= 1
        if flag == 0x100:
            flag, flags, at = 1, data[at], at + 1
        if flags & flag:
            length, back = (data[at] >> 2) + 3, (data[at] << 8 | data[at + 1]) & 0x3FF
            at += 2
            for _ in range(min(length, size - len(out))):
                out.append(out[-back])
        else:
            out.append(data[at])
            at += 1
    return bytes(out)


def zle_decompress(data, size):
    """ZLE: runs of zeros squeezed out, literals up to 64 bytes."""
    out, at = bytearray(), 0
    while len(out) < size:
        length, at = data[at] + 1, at + 1
        if length <= 64:
            out += data[at:at + length]
            at += length
        else:
            out += bytes(length - 64)
    return bytes(out[:size])


DECOMPRESSORS = {2: lambda data, size: data, 3: lzjb_decompress, 14: zle_decompress, 15: lz4_decompress,
                 **{level: lambda data, size: zlib.decompress(data) for level in range(5, 14)}}


# ---- block pointers ---------------------------------------------------------------------------------

class DVA:
    """Where one copy lies: bytes from the 4 MiB mark of a top-level vdev."""

    def __init__(self, first, second):
        self.vdev, self.asize = first >> 32 & 0xFFFFFF, (first & 0xFFFFFF) << 9
        self.off, self.gang = (second & MASK64 >> 1) << 9, second >> 63


class BP:
    """A block pointer, its fields in bytes. dvas holds those in use."""

    def __init__(self, raw):
        self.raw = bytes(raw)
        self.words = w = struct.unpack("<16Q", raw)
        prop = w[6]
        self.embedded = bool(prop >> 39 & 1)
        self.compress, self.checksum = prop >> 32 & 0x7F, prop >> 40 & 0xFF
        self.type, self.level = prop >> 48 & 0xFF, prop >> 56 & 0x1F
        if self.embedded:
            self.lsize, self.psize = (prop & 0x1FFFFFF) + 1, (prop >> 25 & 0x7F) + 1
            self.dvas = []
        else:
            self.lsize, self.psize = (prop & 0xFFFF) + 1 << 9, (prop >> 16 & 0xFFFF) + 1 << 9
            self.dvas = [DVA(w[2 * i], w[2 * i + 1]) for i in range(3) if w[2 * i] or w[2 * i + 1]]
        self.birth, self.phys_birth = w[10], w[9] or w[10]
        self.fill, self.sum = 1 if self.embedded else w[11], w[12:16]

    @property
    def hole(self):
        return not self.embedded and self.words[0] == 0 and self.words[1] == 0

    @property
    def key(self):
        """Equal for pointers to the same block."""
        return (self.words[:6], self.birth) if not self.embedded else (self.raw,)

    @property
    def payload(self):
        """The bytes inside an embedded pointer."""
        return b"".join(self.raw[8 * i:8 * i + 8] for i in range(16) if i not in (6, 10))[:self.psize]

    def __str__(self):
        at = ", ".join(f"{d.vdev}:{d.off:x}:{d.asize:x}" for d in self.dvas)
        return f"<L{self.level} type {self.type} birth {self.birth} [{at}]>"


def pointers(block):
    """The pointers of an indirect block."""
    return [BP(block[i:i + 128]) for i in range(0, len(block), 128)]


# ---- disks ------------------------------------------------------------------------------------------

class Label:
    """One of a disk's four labels: config (None: unreadable) and valid uberblocks as (txg, time, slot bytes)."""

    def __init__(self, file, base, ring_step):
        file.seek(base)
        raw = file.read(LABEL)
        self.base, self.config, self.uberblocks = base, None, []
        if sealed(raw[0x4000:0x20000], (base + 0x4000, 0, 0, 0)):
            self.config = nv_unpack(raw[0x4000:0x20000])
            ashift = self.config.get("vdev_tree", {}).get("ashift", 9)
            ring_step = 1 << max(10, min(13, ashift))
        self.ring_step = ring_step
        for at in range(0x20000, LABEL, ring_step):
            slot = raw[at:at + ring_step]
            if struct.unpack_from("<Q", slot)[0] == UBERBLOCK_MAGIC and sealed(slot, (base + at, 0, 0, 0)):
                txg, _, time = struct.unpack_from("<3Q", slot, 16)
                self.uberblocks.append((txg, time, at, slot))


class Disk:
    """A file with labels."""

    def __init__(self, path):
        self.path, self.file = path, open(path, "rb")
        size = self.file.seek(0, 2) // LABEL * LABEL
        self.labels = []
        for base in (0, LABEL, size - 2 * LABEL, size - LABEL):
            self.labels.append(Label(self.file, base, self.labels[0].ring_step if self.labels else 4096))
        self.config = next((l.config for l in self.labels if l.config), None)

    def read(self, off, size):
        self.file.seek(FRONT + off)
        return self.file.read(size)


def raidz_columns(off, size, ashift, ndisks, parity):
    """Where a block's columns lie: [disk, offset, bytes], parity first."""
    sector, sectors = off >> ashift, size >> ashift
    first, row = sector % ndisks, sector // ndisks << ashift
    full, rest = divmod(sectors, ndisks - parity)
    big = rest + parity if rest else 0
    columns = []
    for c in range(ndisks if full else big):
        disk, at = first + c, row
        if disk >= ndisks:
            disk, at = disk - ndisks, at + (1 << ashift)
        columns.append([disk, at, full + (1 if c < big else 0) << ashift])
    if parity == 1 and off >> 20 & 1:
        columns[0][0], columns[1][0] = columns[1][0], columns[0][0]
        columns[0][1], columns[1][1] = columns[1][1], columns[0][1]
    return columns


def raidz_asize(size, ashift, ndisks, parity):
    """Bytes that a block takes, with parity and padding."""
    sectors = -(-size >> ashift)
    sectors += parity * -(-sectors // (ndisks - parity))
    return -(-sectors // (parity + 1)) * (parity + 1) << ashift


def xor(columns):
    """The parity of columns of different lengths."""
    size = max(map(len, columns))
    return functools.reduce(int.__xor__, (int.from_bytes(c.ljust(size, b"\0"), "big") for c in columns)).to_bytes(size, "big")


def is_usable(vdev):
    """False: the config says that this disk misses something."""
    return not any(vdev.get(key) for key in ("offline", "faulted", "removed", "degraded", "DTL", "not_present"))


# ---- the pool ---------------------------------------------------------------------------------------

class Pool:
    """A pool in files, read-only. Every copy of what is read is compared when all_copies is set; bad_copies
    tells of those that are wrong although another one is right."""

    def __init__(self, paths, all_copies=False):
        self.disks = [Disk(p) for p in paths]
        self.by_guid = {d.config["guid"]: d for d in self.disks if d.config}
        self.all_copies, self.bad_copies = all_copies, []
        newest = None
        for disk in self.disks:
            for label in disk.labels:
                if label.config and "vdev_tree" in label.config:
                    for txg, time, _, slot in label.uberblocks:
                        if newest is None or (txg, time) > newest[:2]:
                            newest = (txg, time, slot, label.config)
        if newest is None:
            raise Damaged("no uberblock")
        self.txg, _, self.uberblock, self.label_config = newest
        tree = self.label_config["vdev_tree"]
        self.tops = {tree["id"]: tree}
        for disk in self.disks:             # enough to read the configuration in the pool, which rules
            if disk.config and "vdev_tree" in disk.config:
                self.tops.setdefault(disk.config["vdev_tree"]["id"], disk.config["vdev_tree"])
        self.root = BP(self.uberblock[40:168])
        self.mos = Objset(self, self.read(self.root), "mos")
        self.directory = self.mos.zap(1)
        self.config = nv_unpack(self.mos.data(self.directory["config"]))
        self.tops = {t["id"]: t for t in self.config["vdev_tree"]["children"]}

    # Each variant of a range: the disks it can be read from, best first.
    def _variants(self, vdev, off, size):
        kind = vdev["type"]
        if kind in ("file", "disk"):
            disk = self.by_guid.get(vdev["guid"])
            return [disk.read(off, size)] if disk else []
        if kind in ("mirror", "replacing", "spare"):
            kids = sorted(vdev["children"], key=is_usable, reverse=True)
            return [v for kid in kids for v in self._variants(kid, off, size)]
        if kind == "raidz":
            return self._raidz_variants(vdev, off, size)
        return []

    def _raidz_variants(self, vdev, off, size):
        parity, kids = vdev["nparity"], vdev["children"]
        pieces = []
        for disk, at, n in raidz_columns(off, size, vdev["ashift"], len(kids), parity):
            got = self._variants(kids[disk], at, n)
            pieces.append(got[0] if got else None)
        data = pieces[parity:]
        variants = [] if None in data else [b"".join(data)]
        for i, piece in enumerate(data):    # any one data column from the first parity
            others = [pieces[0]] + data[:i] + data[i + 1:]
            if None not in others:
                n = len(piece) if piece is not None else raidz_columns(off, size, vdev["ashift"], len(kids), parity)[parity + i][2]
                variants.append(b"".join(data[:i] + [xor(others)[:n]] + data[i + 1:]))
        return variants

    def stored_size(self, dva, psize):
        unit = 1 << self.tops[dva.vdev]["ashift"]
        return -(-psize // unit) * unit

    def _copies(self, bp):
        """Every way to read the stored bytes, right or not."""
        for dva in bp.dvas:
            if dva.vdev not in self.tops:
                continue
            if dva.gang:
                yield dva, self._gang(dva, bp)
            else:
                size = self.stored_size(dva, bp.psize)
                for raw in self._variants(self.tops[dva.vdev], dva.off, size):
                    yield dva, raw[:bp.psize]

    def _gang(self, dva, bp):
        for raw in self._variants(self.tops[dva.vdev], dva.off, self.stored_size(dva, 512)):
            header = raw[:512]
            if sealed(header, (bp.dvas[0].vdev, bp.dvas[0].off, bp.phys_birth, 0)):
                return b"".join(self.stored(kid) for kid in pointers(header[:384]) if not kid.hole)
        raise Damaged(f"gang header of {bp}")

    def stored(self, bp):
        """The bytes as stored, verified."""
        compute = CHECKSUMS.get(bp.checksum, lambda raw: bp.sum)
        good = None
        for dva, raw in self._copies(bp):
            if compute(raw) == bp.sum:
                good = raw
                if not self.all_copies:
                    break
            elif self.all_copies and self._is_whole(dva):
                self.bad_copies.append(f"{bp} at {dva.vdev}:{dva.off:x}")
        if good is None:
            raise Damaged(f"no good copy of {bp}")
        return good

    def _is_whole(self, dva):
        def walk(vdev):
            return is_usable(vdev) and all(map(walk, vdev.get("children", [])))
        top = self.tops[dva.vdev]
        return top["type"] in ("file", "disk", "mirror") and walk(top)

    def read(self, bp):
        """The block's content."""
        if bp.hole:
            return bytes(bp.lsize)
        raw = bp.payload if bp.embedded else self.stored(bp)
        if bp.compress not in DECOMPRESSORS:
            raise Damaged(f"compression {bp.compress} of {bp}")
        return DECOMPRESSORS[bp.compress](raw, bp.lsize)

    def objset(self, bp, name):
        return Objset(self, self.read(bp), name)


# ---- objects ----------------------------------------------------------------------------------------

class Dnode:
    """512 bytes of an object."""

    def __init__(self, raw):
        (self.type, self.indirect_shift, self.levels, count, self.bonus_type, self.checksum, self.compress, self.flags,
         sectors, self.bonus_len, self.extra) = struct.unpack_from("<8BHHB", raw)
        self.block, self.raw = sectors << 9, raw
        self.max_block, self.used = struct.unpack_from("<QQ", raw, 16)
        self.bps = [BP(raw[64 + 128 * i:192 + 128 * i]) for i in range(count)]
        self.bonus = raw[64 + 128 * count:64 + 128 * count + self.bonus_len]


CRC64 = []
for _n in range(256):
    for _ in range(8):
        _n = _n >> 1 ^ (0xC96C5795D7870F42 if _n & 1 else 0)
    CRC64.append(_n)


def zap_hash(name, salt, bits):
    """The hash of a ZAP's key, its top bits."""
    h = salt
    for byte in name:
        h = h >> 8 ^ CRC64[(h ^ byte) & 0xFF]
    return h >> 64 - bits << 64 - bits


class Objset:
    """An object set: the MOS, a volume, a file system, a snapshot."""

    def __init__(self, pool, raw, name):
        self.pool, self.raw, self.name = pool, raw, name
        self.meta = Dnode(raw[:512])
        self.zil = raw[512:704]
        self.type, = struct.unpack_from("<Q", raw, 704)
        self.cache = {}

    def pointer(self, dn, n):
        """The pointer of block n of an object; None: a hole above it."""
        shift, level = dn.indirect_shift - 7, dn.levels - 1
        index = n >> shift * level
        if index >= len(dn.bps):
            return None
        bp = dn.bps[index]
        while level > 0:
            if bp.hole:
                return None
            if bp.raw not in self.cache:
                self.cache[bp.raw] = self.pool.read(bp)
            level -= 1
            at = (n >> shift * level & (1 << shift) - 1) * 128
            bp = BP(self.cache[bp.raw][at:at + 128])
        return bp

    def block(self, dn, n):
        bp = self.pointer(dn, n)
        return bytes(dn.block) if bp is None or bp.hole else self.pool.read(bp)

    def dnode(self, obj):
        key = ("dnodes", obj >> 5)
        if key not in self.cache:
            self.cache[key] = self.block(self.meta, obj >> 5)
        return Dnode(self.cache[key][(obj & 31) * 512:(obj & 31) * 512 + 512])

    def dnodes(self):
        """Every object there is: (number, dnode)."""
        obj = 1
        while obj < self.meta.max_block + 1 << 5:
            dn = self.dnode(obj)
            if dn.type:
                yield obj, dn
            obj += 1 + (dn.extra if dn.type else 0)

    def data(self, obj):
        dn = self.dnode(obj)
        return b"".join(self.block(dn, i) for i in range(dn.max_block + 1))

    def zap(self, obj):
        """A ZAP as a dict: single numbers as ints, strings as bytes, other arrays as lists of ints."""
        data = self.data(obj)
        kind, = struct.unpack_from("<Q", data)
        if kind == 1 << 63 | 3:
            return _micro_zap(data[:self.dnode(obj).block])
        if kind == 1 << 63 | 1:
            return _fat_zap(data, self.dnode(obj).block)
        raise Damaged(f"{self.name}: object {obj} is no ZAP")


def _micro_zap(data):
    result, salt = {}, struct.unpack_from("<Q", data, 8)[0]
    norm, seen = struct.unpack_from("<Q", data, 16)[0], set()
    for at in range(64, len(data), 64):
        value, cd = struct.unpack_from("<QI", data, at)
        name = data[at + 14:at + 64].split(b"\0")[0]
        if name:
            key = (zap_hash(name.upper() if norm else name, salt, 28), cd)
            if key in seen or name.decode() in result:
                raise Damaged(f"micro ZAP: {name} is there twice, or its differentiator")
            seen.add(key)
            result[name.decode()] = value
    return result


class _Leaf:
    """A leaf of a fat ZAP."""

    def __init__(self, raw):
        kind, _, self.prefix, magic, self.free, self.entries, self.prefix_len = struct.unpack_from("<QQQIHHH", raw)
        if kind != 1 << 63 or magic != 0x2AB1EAF:
            raise Damaged("fat ZAP: no leaf")
        self.buckets = struct.unpack_from(f"<{len(raw) // 32}H", raw, 48)
        self.raw, self.chunks = raw, 48 + len(raw) // 16

    def chunk(self, n):
        return self.raw[self.chunks + 24 * n:self.chunks + 24 * n + 24]

    def array(self, n, size):
        out = b""
        while n != 0xFFFF:
            chunk = self.chunk(n)
            if chunk[0] != 251:
                raise Damaged("fat ZAP: an array's chunk")
            out, n = out + chunk[1:22], struct.unpack("<H", chunk[22:])[0]
        return out[:size]

    def items(self, salt, norm, flags):
        bits = (len(self.buckets)).bit_length() - 1
        for index, n in enumerate(self.buckets):
            while n != 0xFFFF:
                kind, size, n, name_at, name_len, at, count, _, h = struct.unpack("<BBHHHHHIQ", self.chunk(n))
                name, raw = self.array(name_at, name_len), self.array(at, size * count)
                if kind != 252 or (h << self.prefix_len & MASK64) >> 64 - bits != index:
                    raise Damaged("fat ZAP: an entry in the wrong bucket")
                if not flags & 6:
                    name = name[:-1]
                    if zap_hash(name.upper() if norm else name, salt, 48 if flags & 1 else 28) != h:
                        raise Damaged(f"fat ZAP: the hash of {name}")
                    name = name.decode()
                values = [int.from_bytes(raw[k:k + size], "big") for k in range(0, len(raw), size)]
                yield name, values[0] if count == 1 else raw if size == 1 else values


def _fat_zap(data, block):
    magic, table, blocks, shift, _, _, _, leaves, entries, salt, norm, flags = struct.unpack_from("<12Q", data, 8)
    if magic != 0x2F52AB2AB:
        raise Damaged("fat ZAP: no header")
    at = table * block if blocks else block // 2
    numbers = sorted(set(struct.unpack_from(f"<{1 << shift}Q", data, at)))
    result = {}
    for n in numbers:
        leaf = _Leaf(data[n * block:(n + 1) * block])
        found = dict(leaf.items(salt, norm, flags))
        if len(found) != leaf.entries:
            raise Damaged("fat ZAP: the number of a leaf's entries")
        result.update(found)
    if len(numbers) != leaves or len(result) != entries:
        raise Damaged("fat ZAP: the number of its leaves or entries")
    return result


# ---- records in bonus buffers -----------------------------------------------------------------------

class Record:
    """Named 64-bit fields of a bonus buffer."""
    FIELDS = ()

    def __init__(self, objset, obj):
        dn = objset.dnode(obj)
        self.obj, self.dnode = obj, dn
        values = struct.unpack_from(f"<{min(len(self.FIELDS), len(dn.bonus) // 8)}Q", dn.bonus)
        self.__dict__.update(dict.fromkeys(self.FIELDS, 0), **dict(zip(self.FIELDS, values)))


class DslDir(Record):
    FIELDS = ("created head parent origin children used comp uncomp quota reserved props deleg flags "
              "used_head used_snap used_child used_child_rsrv used_refrsrv clones").split()


class Dataset(Record):
    FIELDS = ("dir prev prev_txg next names num_children created txg deadlist ref comp uncomp unique "
              "fsid guid flags").split()

    def __init__(self, objset, obj):
        super().__init__(objset, obj)
        self.bp = BP(self.dnode.bonus[128:256])
        self.next_clones, self.props, self.userrefs = struct.unpack_from("<3Q", self.dnode.bonus, 256)


class Bpobj(Record):
    FIELDS = "count bytes comp uncomp subobjs num_subobjs".split()


class Deadlist(Record):
    FIELDS = "used comp uncomp".split()


class Bptree(Record):
    FIELDS = "begin end bytes comp uncomp".split()
