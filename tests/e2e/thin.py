# SPDX-License-Identifier: BSD-2-Clause
"""The truth about room: what thin volumes in a pool tell their hosts, and when."""
import os
import struct

import child
from initiator import CHECK_CONDITION, GOOD
from peer import NAME, attention, logged
from pools import disks, refused, served
from tap import expect
from zsand import Zsand, work_dir

OWN_DAEMONS = True
LITTLE_LEFT, NO_SPACE = "06/38/07", "07/27/07"
MIB, BLOCK, BLOCKS = 1 << 20, 512, 2048     # blocks of a MiB
GRAIN = 16 << 10                            # volblocksize


def unmap(s, lba, blocks, lun=0):
    return s.command(bytes([0x42, 0, 0, 0, 0, 0, 0, 0, 24]), lun, write=struct.pack(">HHIQII", 22, 16, 0, lba, blocks, 0))


def write_same(s, lba, blocks, unmapping, lun=0):
    return s.command(struct.pack(">BBQIBB", 0x93, 8 if unmapping else 0, lba, blocks, 0, 0), lun, write=bytes(BLOCK))


def write_mib(s, at, lun=0):
    """One incompressible MiB."""
    return s.write(at * BLOCKS, os.urandom(MIB), lun)


def provisioned(s, lba, lun=0):
    """GET LBA STATUS: (blocks, whether they are mapped) of the first descriptor."""
    r = s.command(struct.pack(">BBQIBB", 0x9E, 0x12, lba, 24, 0, 0), lun, read=24)
    expect(r.status == GOOD, f"GET LBA STATUS: {r}")
    _, blocks, state = struct.unpack_from(">QIB", r.data, 8)
    return blocks, state == 0


def room(s, lun=0):
    """LOG SENSE 0C: MiB available and used."""
    r = s.command(bytes([0x4D, 0, 0x4C, 0, 0, 0, 0, 0, 128, 0]), lun, read=128)
    expect(r.status == GOOD, f"LOG SENSE: {r}")
    found, at = {}, 4
    while at < len(r.data):
        code, _, length, count = struct.unpack_from(">HBBI", r.data, at)
        found[code], at = count, at + 4 + length
    return found[1], found[2]


def threshold(s, lun=0):
    """Mode page 1C/02: (enabled, MiB) of the first descriptor; the units are a MiB (VPD B2)."""
    r = s.command(bytes([0x1A, 8, 0x1C, 2, 64, 0]), lun, read=64)
    expect(r.status == GOOD, f"MODE SENSE: {r}")
    flags, _, _, _, count = struct.unpack_from(">BBBBI", r.data, 4 + 16)
    return bool(flags & 0x80), count


def grains():
    """B0 speaks of the volume's blocks, B2 and READ CAPACITY of thinness; what is freed is free at once"""
    work = work_dir("e2e-thin")
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", "mirror", *disks(work, 2))
        z.volume("tank/v", "1G", volblocksize="16K")
        z.volume("tank/wide", "1G", volblocksize="128K")
        served(z, "tank/v", "tank/wide")
        with z.session("t", NAME) as s:
            expect(s.ready(0).status == s.ready(1).status == GOOD, "not ready")
            for lun, grain in ((0, GRAIN), (1, 128 << 10)):
                most, _, granularity, alignment = struct.unpack_from(">IIII", s.inquiry(0xB0, lun), 20)
                expect((granularity, alignment) == (grain // BLOCK, 1 << 31), f"LUN {lun}: {granularity} {alignment:#x}")
                expect(most >= granularity, f"at most {most} blocks in an UNMAP")
                b2 = s.inquiry(0xB2, lun)
                expect(b2[4] == 11 and b2[5] & 0xE0 == 0xE0 and b2[6] & 7 == 2, f"B2 {b2.hex()}")
                capacity = s.command(bytes([0x9E, 0x10, *bytes(11), 32, 0, 0]), lun, read=32).data
                expect(capacity[14] & 0xC0 == 0xC0, "neither LBPME nor LBPRZ")
            expect(provisioned(s, 0) == (BLOCKS * 1024, False), f"a new volume: {provisioned(s, 0)}")
            for mib in range(8):
                expect(write_mib(s, mib).status == GOOD, "WRITE")
            expect(provisioned(s, 0) == (8 * BLOCKS, True), f"written: {provisioned(s, 0)}")
            expect(provisioned(s, 8 * BLOCKS)[1] is False, "the rest")
            child.wait_for("the txg", lambda: 8 <= room(s)[1] <= 10, 15)
            expect(unmap(s, 0, 2 * BLOCKS).status == GOOD, "UNMAP")
            expect(write_same(s, 2 * BLOCKS, 2 * BLOCKS, True).status == GOOD, "WRITE SAME with UNMAP")
            expect(write_same(s, 4 * BLOCKS, 2 * BLOCKS, False).status == GOOD, "WRITE SAME of zeros")
            expect(provisioned(s, 0) == (6 * BLOCKS, False), f"freed: {provisioned(s, 0)}")
            expect(s.read(0, BLOCKS).data == bytes(MIB), "no zeros")
            child.wait_for("the next txg", lambda: room(s)[1] <= 3, 15)


def pool_threshold():
    """the pool's threshold reaches the hosts of all its volumes, the journal and the hook, once, and is armed again"""
    work = work_dir("e2e-thin")
    told = work / "told"
    hook = work / "hook"
    hook.write_text(f'#!/bin/sh\necho "$@" >> {told}\n')
    hook.chmod(0o755)
    with Zsand(work, ["--hook", hook]) as z:
        z.zsan("pool", "create", "tank", *disks(work, 1, 512 << 20))
        z.zsan("zfs", "set", "zsan:threshold=20", "tank")
        z.volume("tank/v", "1G")
        z.volume("tank/other", "1G")
        served(z, "tank/v", "tank/other")
        with z.session("t", NAME) as s:
            expect(s.ready(0).status == s.ready(1).status == GOOD, "not ready")
            enabled, units = threshold(s, 1)
            expect(enabled and units, "the threshold isn't in mode page 1C/02")
            expect(not logged(z, "pool.filling"), "too early")
            for mib in range(120):
                r = write_mib(s, mib)
                expect(r.status == GOOD or str(r.sense) == LITTLE_LEFT, f"{r}")
            child.wait_for("the event", lambda: logged(z, "pool.filling"), 15)
            child.wait_for("the other LUN's attention", lambda: attention(s, 1) == LITTLE_LEFT, 15)
            child.wait_for("the hook", lambda: told.exists() and "pool.filling" in told.read_text(), 15)
            while write_mib(s, 120).status == CHECK_CONDITION:
                pass
            expect(s.ready(0).status == s.ready(1).status == GOOD, "told twice")
            expect(unmap(s, 0, 120 * BLOCKS).status == GOOD, "UNMAP")
            child.wait_for("room", lambda: logged(z, "pool.relaxed"), 30)
            for mib in range(120):
                r = write_mib(s, mib)
                expect(r.status == GOOD or str(r.sense) == LITTLE_LEFT, f"{r}")
            child.wait_for("the attention again", lambda: attention(s, 1) == LITTLE_LEFT, 15)


def own_threshold():
    """a volume's threshold warns its hosts and is an event; it lies in the dataset, and is there when that is served anew"""
    work = work_dir("e2e-thin")
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", *disks(work, 1, 512 << 20))
        z.zsan("zfs", "set", "zsan:threshold=off", "tank")
        z.volume("tank/v", "1G", threshold_pct=70)
        served(z, "tank/v")
        with z.session("t", NAME) as s:
            expect(s.ready().status == GOOD, "not ready")
            expect(threshold(s)[0], "the threshold isn't in mode page 1C/02")
            mib = 0
            while write_mib(s, mib).status == GOOD:
                mib += 1
                expect(mib < 300, "no attention")
            child.wait_for("the event", lambda: logged(z, "volume.filling"), 5)
            expect(not logged(z, "pool.filling"), "the pool's is off")
        z.zsan("volume", "delete", "tank/v", "--keep", "--force")
        z.volume("again", dataset="tank/v")
        expect(z.zsan("volume", "show", "again")["threshold_pct"] == 70, "another threshold")
        z.zsan("volume", "set", "again", "--threshold-pct", 0)
        z.zsan("volume", "delete", "again", "--keep")
        z.volume("third", dataset="tank/v")
        expect(z.zsan("volume", "show", "third")["threshold_pct"] == 0, "it isn't off")


def full():
    """a full pool refuses new blocks with 07/27/07, reads and overwrites in reserved volumes go on, and freed room is used without a restart"""
    work = work_dir("e2e-thin")
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", *disks(work, 1, 256 << 20))
        z.zsan("zfs", "set", "zsan:threshold=off", "tank")
        z.volume("tank/v", "1G")
        z.volume("tank/kept", "8M", thick=True)
        served(z, "tank/v", "tank/kept")
        with z.session("t", NAME) as s:
            expect(s.ready(0).status == s.ready(1).status == GOOD, "not ready")
            mib = 0
            while (r := write_mib(s, mib)).status == GOOD:
                mib += 1
                expect(mib < 256, "256 MiB hold more than 256 MiB")
            expect(str(r.sense) == NO_SPACE, f"{r}")
            expect(mib > 60, f"full after {mib} MiB")
            expect(str(write_mib(s, mib).sense) == NO_SPACE, "room came from nowhere")
            expect(room(s)[0] <= 4, f"{room(s)} MiB available")
            expect(len(logged(z, "volume.full")) == 1, "volume.full isn't said once")
            expect(s.read((mib - 1) * BLOCKS, BLOCKS).status == GOOD, "reads")
            for at in range(8):
                expect(write_mib(s, at, lun=1).status == GOOD, "a reserved volume is refused")
            expect(unmap(s, 0, 16 * BLOCKS).status == GOOD, "UNMAP when full")
            for at in range(8):
                expect(write_mib(s, mib + at).status == GOOD, "no room after UNMAP")
            expect(s.read(0, BLOCKS).data == bytes(MIB), "what was freed isn't zeros")


def destroyed():
    """a volume in use isn't destroyed but by force; then hosts are told, and a new one under the same number is another disk"""
    work = work_dir("e2e-thin")
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", *disks(work, 1))
        z.volume("tank/v", "64M")
        z.volume("tank/w", "64M")
        served(z, "tank/v", "tank/w")
        with z.session("t", NAME) as s:
            expect(s.ready(0).status == s.ready(1).status == GOOD, "not ready")
            who = s.inquiry(0x83, 0)
            text = refused(z, 6, "volume", "delete", "tank/v")
            expect("target" in text or "LUN" in text, text)
            expect(s.ready(0).status == GOOD, "it was hurt by the refusal")
            z.zsan("volume", "delete", "tank/v", "--force")
            expect(attention(s, 1) == "06/3f/0e", "the other LUN isn't told that the list of LUNs changed")
            expect(str(s.command(bytes(6), 0).sense) == "05/25/00", "the LUN of a volume that is gone")
            z.volume("tank/v", "64M")
            z.zsan("lun", "add", "iqn.2026-11.org.example:t", "tank/v")
            luns = {l["volume"]: l["lun"] for l in z.zsan("target", "show", "iqn.2026-11.org.example:t")["luns"]}
            expect(luns["tank/v"] not in (0, 1), f"the number is used again at once: {luns}")
            expect(s.ready(luns["tank/v"]).status == GOOD, "the new one")
            expect(s.inquiry(0x83, luns["tank/v"]) != who, "the new one has the old one's name")


CASES = [grains, pool_threshold, own_threshold, full, destroyed]
