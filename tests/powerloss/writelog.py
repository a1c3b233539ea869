# SPDX-License-Identifier: BSD-2-Clause
"""What a disk had been told, in order, as QEMU's blklogwrites driver (dm-log-writes' format) wrote it down, and the disks that a
power cut may leave: writes up to the last completed flush are certain, of those behind it any subset.

Super block, then entries: sector, sectors, flags, and a length that only marks use (little endian, 64 bits each), padded to a
sector, then the data unless it is a discard. An entry is written when its request has completed. In the log of a killed QEMU one
that was on its way may be a hole before others: holes are skipped. The super block, which is written with the first flush, counts
entries; that is ignored.
"""
import os
import random
import struct
from collections import namedtuple

SECTOR = 512
MAGIC = 0x6a736677736872
FLUSH, FUA, DISCARD = 1, 2, 4
DISK_MAX = 1 << 32  # sectors: no disk of a test is larger

Entry = namedtuple("Entry", "sector sectors flags at length")


def _entry(head, at):
    """The entry that this sector begins; None when it begins none."""
    sector, sectors, flags, _ = struct.unpack_from("<QQQQ", head)
    if any(head[32:]) or flags & ~(FLUSH | FUA | DISCARD) or sector >= DISK_MAX or sectors >= DISK_MAX:
        return None
    length = 0 if flags & DISCARD else sectors * SECTOR
    return Entry(sector, sectors, flags, at + SECTOR, length) if flags or sectors else None


def entries(log):
    """All entries of an open log file."""
    end = log.seek(0, os.SEEK_END)
    log.seek(0)
    magic, version, _, size = struct.unpack_from("<QQQI", log.read(SECTOR))
    if (magic, version, size) not in ((MAGIC, 1, SECTOR), (0, 0, 0)):
        raise ValueError("not a log of 512-byte sectors")
    at, out = SECTOR, []
    while at + SECTOR <= end:
        log.seek(at)
        head = log.read(SECTOR)
        found = _entry(head, at)
        if found:
            out.append(found)
        elif any(head):
            raise ValueError(f"no entry at byte {at}")
        at = at + SECTOR + found.length if found else _next_data(log, at + SECTOR)
    return out


def _next_data(log, at):
    """Skips holes, however large."""
    try:
        return max(at, os.lseek(log.fileno(), at, os.SEEK_DATA) // SECTOR * SECTOR)
    except OSError:
        return os.fstat(log.fileno()).st_size


def kept(all_entries, how, seed=0):
    """The entries that reached the disk: how is "flushed", "all", or "subset" (of what was not flushed)."""
    last = max((i + 1 for i, e in enumerate(all_entries) if e.flags & FLUSH), default=0)
    rng = random.Random(seed)
    keep = {"flushed": lambda e: e.flags & FUA, "all": lambda e: True,
            "subset": lambda e: e.flags & FUA or rng.random() < 0.5}[how]
    return all_entries[:last] + [e for e in all_entries[last:] if keep(e)]


def replay(log, chosen, disk):
    """Applies entries to an open disk image."""
    for e in chosen:
        disk.seek(e.sector * SECTOR)
        if e.flags & DISCARD:
            _zero(disk, e.sectors)
        elif e.length:
            log.seek(e.at)
            disk.write(log.read(e.length))
    disk.flush()


def _zero(disk, sectors):
    while sectors:
        n = min(sectors, 2048)
        disk.write(bytes(n * SECTOR))
        sectors -= n


def rebuild(log_path, image_path, size, how, seed=0):
    """Makes the image of a disk that was empty when the log began; returns (entries kept, entries in all)."""
    with open(log_path, "rb") as log, open(image_path, "wb+") as disk:
        disk.truncate(size)
        everything = entries(log)
        chosen = kept(everything, how, seed)
        replay(log, chosen, disk)
    return len(chosen), len(everything)
