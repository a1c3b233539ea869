# SPDX-License-Identifier: BSD-2-Clause
"""What ESXi does to its LUNs, on volumes in a pool."""
import os
import random
import struct
import threading
import time

import child
import pdu
from contextlib import contextmanager
from initiator import CHECK_CONDITION, GOOD, Result, parse_sense
from peer import NAME, OTHER, results, start_writes
from pools import BECOMING_READY, disks, holds, lacking, pool_state, served
from tap import expect, note
from thin import room, unmap
from zsand import IQN, Zsand, work_dir

OWN_DAEMONS = True
BLOCK, MIB, TIB = 512, 1 << 20, 1 << 40
MISCOMPARE, TASK_SET_FULL = "0e/1d/00", 0x28
HEARTBEAT_S = 8     # after which ESXi gives a heartbeat up
ABORT_TASK = 1


# ---- commands -------------------------------------------------------------------------------------------------------------


def caw_cdb(lba):
    return struct.pack(">BBQxxxBxx", 0x89, 0, lba, 1)


def compare_and_write(s, lba, old, new, lun=0):
    return s.command(caw_cdb(lba), lun, write=old + new)


def naa(s, lun):
    """The NAA designator of VPD page 83."""
    page, at = s.inquiry(0x83, lun), 4
    while at < len(page):
        if page[at + 1] & 0x3F == 3:
            return page[at + 4:at + 4 + page[at + 3]]
        at += 4 + page[at + 3]
    raise AssertionError("no NAA in page 83")


def cscd(designator):
    """An identification descriptor of the LU; 512-byte blocks."""
    head = struct.pack(">BBHBBBB", 0xE4, 0, 0, 1, 3, 0, len(designator))
    return (head + designator).ljust(28, b"\0") + struct.pack(">I", BLOCK)


def extended_copy(s, src, dst, src_lba, dst_lba, blocks, lun=0):
    segment = struct.pack(">BBHHHHHQQ", 2, 0, 24, 0, 1, 0, blocks, src_lba, dst_lba)
    body = cscd(src) + cscd(dst) + segment
    data = struct.pack(">BBHIII", 0, 0, 64, 0, len(segment), 0) + body
    return s.command(struct.pack(">BB8xIxx", 0x83, 0, len(data)), lun, write=data)


def block_limits(s, lun=0):
    return s.inquiry(0xB0, lun)


@contextmanager
def one_volume(size, **options):
    """A session to a volume in a pool of one disk."""
    work = work_dir("e2e-esxi")
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", *disks(work, 1, 512 << 20))
        z.volume("tank/v", size, **options)
        served(z, "tank/v")
        with z.session("t", NAME, timeout=120) as s:
            expect(s.ready().status == GOOD, "not ready")
            yield s


def wrote(s, lba, data, lun=0):
    r = s.write(lba, data, lun)
    expect(r.status == GOOD, f"WRITE of {len(data)} at {lba}: {r}")
    return data


# ---- heartbeats -----------------------------------------------------------------------------------------------------------


class Beats(threading.Thread):
    """A host that changes eight heartbeat sectors at once by COMPARE AND WRITE, writes beside them, and aborts some."""
    SECTORS = 8

    def __init__(self, z, name, first, seed, rounds):
        super().__init__(daemon=True)
        self.s, self.first, self.rounds = z.session("t", name), first, rounds
        expect(self.s.ready().status == GOOD, "not ready")
        self.random, self.image, self.trouble = random.Random(seed), {}, None
        self.aborted = self.landed = 0

    def start_command(self, cdb, data):
        tag = self.s.next_itt()
        self.s.send(self.s.command_pdu(cdb, 0, tag, 0, data, immediate=len(data)))
        return tag

    def abort(self, tag):
        self.s.send(pdu.build(pdu.TMF | pdu.IMMEDIATE, pdu.FINAL | ABORT_TASK, itt=self.s.next_itt(),
                              words=(tag, self.s.cmd_sn, self.s.exp_stat_sn, self.s.cmd_sn)))

    def collect(self, tags, aborted):
        """Results by tag; of what was aborted only when it was answered all the same."""
        out, answered = {}, aborted is None
        while not answered or set(tags) - set(out) - {aborted}:
            p = self.s.recv()
            if pdu.opcode(p) == pdu.SCSI_RSP:
                self.s.exp_stat_sn = pdu.word(p, 24) + 1
                out[pdu.word(p, 16)] = Result(p.bhs[3], b"", parse_sense(p.data))
            elif pdu.opcode(p) == pdu.TMF_RSP:
                self.s.exp_stat_sn = pdu.word(p, 24) + 1
                answered = True
            else:
                self.s.other(p)
        return out

    def sector(self, i):
        r = self.s.read(self.first + i, 1)
        expect(r.status == GOOD, f"{r}")
        return r.data

    def settle(self, i, new):
        """After an abort: the old image or the new one, and it stays so."""
        now = self.sector(i)
        expect(now in (self.image[i], new), "an aborted COMPARE AND WRITE left something else")
        time.sleep(0.02)
        expect(self.sector(i) == now, "an aborted COMPARE AND WRITE landed later")
        self.aborted += 1
        self.landed += now == new
        self.image[i] = now

    def round(self):
        news = {i: os.urandom(BLOCK) for i in range(self.SECTORS)}
        tags = {self.start_command(caw_cdb(self.first + i), self.image[i] + news[i]): i for i in news}
        stray = {self.start_command(struct.pack(">BBQIBB", 0x8A, 0, self.first + 100 + i, 1, 0, 0), bytes(BLOCK)) for i in news}
        aborted = self.random.choice(list(tags)) if self.random.random() < 0.3 else None
        if aborted is not None:
            self.abort(aborted)
        out = self.collect(set(tags) | stray, aborted)
        for tag, i in tags.items():
            if tag == aborted:
                self.settle(i, news[i])
            else:
                expect(out[tag].status == GOOD, f"heartbeat {i}: {out[tag]}")
                self.image[i] = news[i]
        expect(all(out[tag].status == GOOD for tag in stray), "a plain write failed")

    def run(self):
        try:
            self.image = {i: self.sector(i) for i in range(self.SECTORS)}
            for _ in range(self.rounds):
                self.round()
            for i, image in self.image.items():
                expect(self.sector(i) == image, f"heartbeat {i} is not what was written last")
        except Exception as e:  # pylint: disable=broad-except
            self.trouble = f"{type(e).__name__}: {e}"


def hosts(z, *volumes):
    served(z, *volumes)
    for volume in volumes:
        z.zsan("volume", "set", volume, "--policy", "cluster")
    z.initiator(OTHER)
    z.grant(OTHER, "t")


def ats_heartbeats():
    """ATS-only heartbeats of two hosts, eight at once, beside plain writes and aborts: none is lost, none lands late"""
    work = work_dir("e2e-esxi")
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", "mirror", *disks(work, 2))
        z.volume("tank/v", "64M", volblocksize="64K")
        hosts(z, "tank/v")
        both = [Beats(z, name, first, first, 60) for name, first in ((NAME, 0), (OTHER, 8))]
        for b in both:
            b.start()
        for b in both:
            b.join(120)
        expect(not any(b.trouble or b.is_alive() for b in both), f"{[b.trouble for b in both]}")
        note(f"{sum(b.aborted for b in both)} aborted, {sum(b.landed for b in both)} of them had landed")
        expect(sum(b.aborted for b in both) > 10, "hardly anything was aborted")
        with z.session("t", NAME) as s:
            s.ready()
            stale = os.urandom(BLOCK)
            expect(str(compare_and_write(s, 0, stale, stale).sense) == MISCOMPARE, "no miscompare")


def ats_in_time():
    """a heartbeat is answered within 8 s while the pool scrubs, resilvers, writes all it can and destroys a volume"""
    work = work_dir("e2e-esxi")
    d = disks(work, 3, 512 << 20)
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", "mirror", d[0], d[1])
        z.volume("tank/v", "256M", volblocksize="64K")
        z.volume("tank/gone", "256M", volblocksize="4K", compression="off")
        hosts(z, "tank/v", "tank/gone")
        ending, slowest, trouble = threading.Event(), [0.0, 0], []

        def writer(name, lun):
            with z.session("t", name, timeout=120) as s:
                s.ready(lun)
                while not ending.is_set():
                    s.write(random.randrange(100) * 2 * MIB // BLOCK, os.urandom(MIB), lun)

        def beat():
            with z.session("t", OTHER, timeout=120) as s:
                s.ready()
                image = s.read(500000, 1).data
                while not ending.is_set():
                    new, start = os.urandom(BLOCK), time.monotonic()
                    r = compare_and_write(s, 500000, image, new)
                    slowest[0], slowest[1] = max(slowest[0], time.monotonic() - start), slowest[1] + 1
                    if r.status == GOOD:
                        image = new
                    elif r.sense.key != 6:      # the other LUN went
                        trouble.append(str(r))

        threads = [threading.Thread(target=writer, args=(NAME, 0)), threading.Thread(target=writer, args=(NAME, 1)),
                   threading.Thread(target=beat)]
        for t in threads:
            t.start()
        try:
            time.sleep(2)
            z.zsan("pool", "scrub", "tank")
            time.sleep(1)
            z.zsan("pool", "attach", "tank", d[0], d[2])
            child.wait_for("the resilver", lambda: "resilvered" in z.zsan("pool", "status")["pools"][0]["scan"], 90)
            z.zsan("volume", "delete", "tank/gone", "--force")
            time.sleep(2)
        finally:
            ending.set()
            for t in threads:
                t.join(60)
        note(f"{slowest[1]} heartbeats, the slowest after {slowest[0]:.2f} s")
        expect(not trouble and slowest[1] > 20, f"{trouble[:3]}, {slowest[1]} heartbeats")
        expect(slowest[0] < HEARTBEAT_S, f"a heartbeat took {slowest[0]:.1f} s")


# ---- offload --------------------------------------------------------------------------------------------------------------


def xcopy():
    """XCOPY in segments of 4 and of 16 MiB, within a LUN, between LUNs of one target and of two"""
    work = work_dir("e2e-esxi")
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", *disks(work, 1, 512 << 20))
        for name in "abc":
            z.volume(f"tank/{name}", "64M")
        z.volume("tank/others", "64M")
        hosts(z, "tank/a", "tank/b")
        z.target("second", ["tank/c"])
        z.grant(NAME, "second")
        z.target("third", ["tank/others"])
        z.grant(OTHER, "third")
        with z.session("t", NAME) as s, z.session("second", NAME) as second:
            for session, lun in ((s, 0), (s, 1), (second, 0)):
                expect(session.ready(lun).status == GOOD, "not ready")
            limits = s.command(struct.pack(">BB8xIxx", 0x84, 3, 1024), read=1024).data
            longest = struct.unpack_from(">I", limits, 16)[0]
            expect(longest >= 16 * MIB, f"MAXIMUM SEGMENT LENGTH {longest}")
            a, b, c = naa(s, 0), naa(s, 1), naa(second, 0)
            data = b"".join(wrote(s, i * MIB // BLOCK, os.urandom(MIB)) for i in range(16))
            for what, dst, session, lun, lba in (("one LUN", a, s, 0, 65536), ("two LUNs", b, s, 1, 0), ("two targets", c, second, 0, 0)):
                for at, size in [(n * 4 * MIB, 4 * MIB) for n in range(4)] + [(0, 16 * MIB)]:
                    r = extended_copy(s, a, dst, at // BLOCK, lba + at // BLOCK, size // BLOCK)
                    expect(r.status == GOOD, f"{what}, {size >> 20} MiB: {r}")
                got = b"".join(session.read(lba + i * MIB // BLOCK, MIB // BLOCK, lun).data for i in range(16))
                expect(got == data, f"{what}: other data")
            with z.session("third", OTHER) as third:
                expect(third.ready().status == GOOD, "not ready")
                r = extended_copy(s, a, naa(third, 0), 0, 0, 8)
                expect(r.status == CHECK_CONDITION and r.sense.key == 10, f"a copy to another host's disk: {r}")
                expect(third.read(0, 8).data == bytes(8 * BLOCK), "another host's disk was written")
                r = extended_copy(third, naa(third, 0), a, 0, 0, 8)
                expect(r.status == CHECK_CONDITION and r.sense.key == 10, f"a copy to a target without a session there: {r}")


def xcopy_cut():
    """sessions to the other target come and go while copies run: each copy is whole or COPY ABORTED"""
    work = work_dir("e2e-esxi")
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", *disks(work, 1, 512 << 20))
        z.volume("tank/a", "64M")
        z.volume("tank/c", "64M")
        served(z, "tank/a")
        z.target("second", ["tank/c"])
        z.grant(NAME, "second")
        ending, out = threading.Event(), {"whole": 0, "aborted": 0}

        def come_and_go():
            while not ending.is_set():
                with z.session("second", NAME) as s:
                    s.ready()
                    time.sleep(random.random() / 2)

        with z.session("t", NAME) as s, z.session("second", NAME) as second:
            expect(s.ready().status == second.ready().status == GOOD, "not ready")
            data, a, c = wrote(s, 0, os.urandom(8 * MIB)), naa(s, 0), naa(second, 0)
            second.logout()
            t = threading.Thread(target=come_and_go)
            t.start()
            until = time.monotonic() + 4
            while time.monotonic() < until:
                r = extended_copy(s, a, c, 0, 0, 8 * MIB // BLOCK)
                expect(r.status == GOOD or r.sense.key == 10, f"{r}")
                out["whole" if r.status == GOOD else "aborted"] += 1
            ending.set()
            t.join()
        note(f"{out}")
        expect(out["whole"] and out["aborted"], "one of both did not happen")
        with z.session("second", NAME) as second:
            second.ready()
            expect(second.read(0, MIB // BLOCK).data == data[:MIB], "other data")


def zeroing():
    """WRITE SAME zeroes a TiB in seconds and allocates nothing; what was there is free again"""
    with one_volume("2T", volblocksize="64K") as s:
        for gib in range(0, 1024, 64):
            wrote(s, (gib << 30) // BLOCK, os.urandom(MIB))
        child.wait_for("the txg", lambda: room(s)[1] >= 16, 15)
        most = struct.unpack_from(">Q", block_limits(s), 36)[0]
        expect(most, "no MAXIMUM WRITE SAME LENGTH")
        start, lba = time.monotonic(), 0
        while lba < TIB // BLOCK:
            n = min(most, TIB // BLOCK - lba, 1 << 31)
            r = s.command(struct.pack(">BBQIBB", 0x93, 0, lba, n, 0, 0), write=bytes(BLOCK))
            expect(r.status == GOOD, f"WRITE SAME: {r}")
            lba += n
        note(f"{lba // (most or 1)} commands of {most * BLOCK >> 20} MiB, {time.monotonic() - start:.1f} s")
        for gib in range(0, 1024, 64):
            expect(s.read((gib << 30) // BLOCK, MIB // BLOCK).data == bytes(MIB), "no zeros")
        child.wait_for("the space", lambda: room(s)[1] <= 1, 30)


def automatic_unmap():
    """UNMAPs as VMFS 6 sends them, many pieces of whole MiB in one list: the space is free again, the rest is there"""
    with one_volume("1G", volblocksize="16K") as s:
        _, descriptors, granularity, _ = struct.unpack_from(">IIII", block_limits(s), 20)
        expect(granularity * BLOCK <= MIB and MIB % (granularity * BLOCK) == 0, f"granularity {granularity}: ESXi wouldn't unmap")
        expect(descriptors >= 32, f"{descriptors} descriptors")
        data = [wrote(s, i * MIB // BLOCK, os.urandom(MIB)) for i in range(64)]
        pieces = b"".join(struct.pack(">QII", i * MIB // BLOCK, MIB // BLOCK, 0) for i in range(0, 64, 2))
        r = s.command(bytes([0x42, 0, 0, 0, 0, 0, 0]) + struct.pack(">HB", 8 + len(pieces), 0),
                      write=struct.pack(">HHI", 6 + len(pieces), len(pieces), 0) + pieces)
        expect(r.status == GOOD, f"UNMAP: {r}")
        for i in range(64):
            expect(s.read(i * MIB // BLOCK, MIB // BLOCK).data == (data[i] if i % 2 else bytes(MIB)), f"MiB {i}")
        child.wait_for("the space", lambda: 32 <= room(s)[1] <= 34, 20)
        expect(unmap(s, 0, 64 * MIB // BLOCK).status == GOOD, "UNMAP of all")


# ---- transfers, queues, paths ----------------------------------------------------------------------------------------------


def large_transfers():
    """transfers of 7 and of 32 MiB in one command"""
    with one_volume("128M") as s:
        most = struct.unpack_from(">I", block_limits(s), 8)[0]
        expect(most == 0 or most * BLOCK >= 32 * MIB, f"MAXIMUM TRANSFER LENGTH {most}")
        for size in (7 * MIB, 32 * MIB):
            data = wrote(s, 8, os.urandom(size))
            r = s.read(8, size // BLOCK)
            expect(r.status == GOOD and r.data == data, f"{size >> 20} MiB: other data")


def queue_full():
    """more commands than fit are answered, each with GOOD or TASK SET FULL, and done when they are sent again"""
    work = work_dir("e2e-esxi")
    with Zsand(work) as z:
        z.limits(tasks_per_session=32)
        z.zsan("pool", "create", "tank", *disks(work, 1))
        z.volume("tank/v", "64M")
        served(z, "tank/v")
        with z.session("t", NAME, timeout=60) as s:
            expect(s.ready().status == GOOD, "not ready")
            for _ in range(8):
                tags = start_writes(s, 0, 32)
                out = results(s, tags)
                kinds = {r.status for r in out.values()}
                expect(kinds <= {GOOD, TASK_SET_FULL}, f"statuses {kinds}")
            wrote(s, 0, os.urandom(MIB))


def not_imported_yet():
    """a LUN whose pool isn't there yet is listed and becoming ready, never gone"""
    with lacking() as (z, data, bring_back), z.session("t", NAME) as s:
        s.ready()
        for cdb, read in ((bytes(6), 0), (struct.pack(">BBQIBB", 0x88, 0, 0, 1, 0, 0), BLOCK), (bytes([0x9E, 0x10, *bytes(11), 32, 0, 0]), 32)):
            r = s.command(cdb, read=read)
            expect(str(r.sense) == BECOMING_READY, f"opcode {cdb[0]:#x}: {r}")
        expect(s.command(bytes([0x12, 0, 0, 0, 96, 0]), read=96).data[0] == 0, "INQUIRY says there is no such unit")
        listed = s.command(bytes([0xA0, *bytes(5), 0, 0, 0, 64, 0, 0]), read=64)
        expect(struct.unpack_from(">I", listed.data)[0] == 8, "REPORT LUNS doesn't list it")
        bring_back()
        child.wait_for("the pool", lambda: pool_state(z) == "ONLINE")
        child.wait_for("the LUN", lambda: s.ready().status == GOOD)
        holds(s, data)


def rtpg_equal():
    """REPORT TARGET PORT GROUPS is the same on every path, whichever target it is asked through"""
    work = work_dir("e2e-esxi")
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", *disks(work, 1))
        z.volume("tank/v", "64M")
        z.portal("127.0.0.1", group=1)
        z.portal("127.0.0.2", group=2)
        for target in ("one", "two"):
            z.target(target, ["tank/v"])
        z.initiator(NAME)
        for target in ("one", "two"):
            z.grant(NAME, target)
        said = set()
        for target in ("one", "two"):
            for portal in (0, 1):
                with z.session(target, NAME, portal) as s:
                    expect(s.ready().status == GOOD, "not ready")
                    r = s.command(bytes([0xA3, 0x0A, *bytes(4), 0, 0, 4, 0, 0, 0]), read=1024)
                    expect(r.status == GOOD, f"{r}")
                    said.add(r.data)
        expect(len(said) == 1, f"{len(said)} answers: {[d.hex() for d in said]}")
        z.zsan("target", "delete", IQN + "two", "--force")


def write_atomic():
    """WRITE ATOMIC(16) up to what page B0 promises, 128 KiB, and not beyond"""
    with one_volume("64M", volblocksize="16K") as s:
        most = struct.unpack_from(">I", block_limits(s), 44)[0]
        expect(most * BLOCK == 128 << 10, f"MAXIMUM ATOMIC TRANSFER LENGTH {most} blocks")
        for lba, blocks in ((0, 1), (7, 9), (31, most), (1000, most)):
            data = os.urandom(blocks * BLOCK)
            r = s.command(struct.pack(">BBQHHBB", 0x9C, 0, lba, 0, blocks, 0, 0), write=data)
            expect(r.status == GOOD and s.read(lba, blocks).data == data, f"{blocks} blocks at {lba}: {r}")
        r = s.command(struct.pack(">BBQHHBB", 0x9C, 0, 0, 0, most + 1, 0, 0), write=bytes((most + 1) * BLOCK))
        expect(r.status == CHECK_CONDITION and r.sense.key == 5, f"one block more: {r}")


CASES = [ats_heartbeats, ats_in_time, xcopy, xcopy_cut, zeroing, automatic_unmap, large_transfers, queue_full, not_imported_yet, rtpg_equal, write_atomic]
