# SPDX-License-Identifier: BSD-2-Clause
"""The attach guard: a volume is one host's at a time unless its policy says otherwise, whatever happens to sessions and daemon."""
import os
import struct
import time

import child
import pdu
from esxi import extended_copy, naa
from initiator import CHECK_CONDITION, GOOD
from peer import NAME, OTHER, attention, logged
from pools import disks
from tap import Failure, expect
from zsand import IQN, Zsand, ZsanError, work_dir

OWN_DAEMONS = True
CAROL = IQN + "carol"
NO_ACCESS, WRITE_PROTECTED = "05/20/02", "07/27/00"
BLOCK = 512
RESERVE6, MODE_SENSE, REPORT_LUNS = bytes([0x16, 0, 0, 0, 0, 0]), bytes([0x1A, 0, 0x3F, 0, 255, 0]), bytes([0xA0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
LU_RESET, WARM_RESET, CLEAR_TASK_SET = 5, 6, 4


def serve(z, *volumes, target="t", names=(NAME, OTHER)):
    """A target that maps these volumes and is granted to these initiators."""
    if not z.portals:
        z.portal()
    z.target(target, volumes)
    known = {i["name"] for i in z.zsan("initiator", "list")}
    for name in names:
        if name not in known:
            z.initiator(name)
        z.grant(name, target)


def kinds(z, work):
    """A volume in a file, and one in a pool."""
    z.zsan("pool", "create", "tank", *disks(work, 1))
    z.volume("file", "64M", engine="file")
    z.volume("tank/v", "64M")
    return "file", "tank/v"


def holder(z, volume):
    return z.zsan("volume", "show", volume).get("lease")


def denied(r):
    expect(r.status == CHECK_CONDITION and str(r.sense) == NO_ACCESS, f"not denied: {r}")


def may(s, lun=0, at=0):
    """Writes and reads; what was written."""
    data = os.urandom(BLOCK)
    r = s.write(at, data, lun)
    expect(r.status == GOOD, f"WRITE: {r}")
    expect(s.read(at, 1, lun).data == data, "read other data")
    return data


def may_not(s, lun=0):
    denied(s.read(0, 1, lun))
    denied(s.write(0, bytes(BLOCK), lun))


def problems(z):
    return [p["text"] for p in z.zsan("status")["problems"]]


def fails(z, *words, says):
    try:
        z.zsan(*words)
    except ZsanError as e:
        expect(says in e.text, f"zsan {' '.join(words)} says {e.text!r}")
        return
    raise Failure(f"zsan {' '.join(words)} was not refused")


def reset(s, function, lun=0):
    s.send(pdu.build(pdu.TMF | pdu.IMMEDIATE, 0x80 | function, lun=lun, itt=s.next_itt(),
                     words=(pdu.NO_TAG, s.cmd_sn, s.exp_stat_sn)))
    while True:
        p = s.recv()
        if pdu.opcode(p) == pdu.TMF_RSP:
            s.exp_stat_sn = pdu.word(p, 24) + 1
            return p.bhs[2]
        s.other(p)


def second_host():
    """the first host has it; a second one sees what it is, and touches nothing; one event, a line in status; a logout hands over"""
    work = work_dir("e2e-guard")
    with Zsand(work) as z:
        serve(z, *kinds(z, work))
        with z.session("t", NAME) as a, z.session("t", OTHER) as b:
            for s in (a, b):
                for lun in (0, 1):
                    expect(s.ready(lun).status == GOOD, "not ready")
            for lun, volume in enumerate(("file", "tank/v")):
                data = may(a, lun)
                for _ in range(3):
                    may_not(b, lun)
                denied(b.command(RESERVE6, lun))
                denied(b.command(bytes([0x5F, 0, 0, 0, 0, 0, 0, 0, 24]), lun, write=struct.pack(">QQ8x", 0, 1)))
                for cdb, size in ((MODE_SENSE, 255), (REPORT_LUNS, 256), (bytes([0x25, *bytes(9)]), 8),
                                  (bytes([0x9E, 0x10, *bytes(11), 32, 0, 0]), 32), (bytes([0x12, 0, 0, 0, 96, 0]), 96)):
                    expect(b.command(cdb, lun, read=size).status == GOOD, f"{cdb.hex()} is denied")
                expect(a.read(0, 1, lun).data == data, "the data of the first host have changed")
                expect(holder(z, volume) == NAME, f"{volume} is {holder(z, volume)}'s")
            expect(len(logged(z, "guard.denied")) == 2, f"{logged(z, 'guard.denied')}")
            said = [p for p in problems(z) if "lun release" in p]
            expect(len(said) == 2 and NAME in said[0] and OTHER in said[0] and f"zsan lun release {IQN}t 0 --force" in said[0],
                   f"{problems(z)}")
            expect({(r["policy"], r["lease"]) for r in z.zsan("lun", "list")} == {("exclusive", NAME)}, "lun list")
            a.logout()
            for lun in (0, 1):
                may(b, lun)
            expect(not [p for p in problems(z) if "lun release" in p], f"{problems(z)}")
        child.wait_for("the end of the session", lambda: not z.zsan("session", "list"), 10)
        with z.session("t", NAME) as a:
            a.ready()
            may_not(a)      # b has not logged out: it lost its connection


def own_resets():
    """resets and task sets cleared by a host that is kept out end at itself: the holder's commands, attentions and data are untouched"""
    work = work_dir("e2e-guard")
    with Zsand(work) as z:
        z.volume("v", "64M", engine="mem")
        serve(z, "v")
        with z.session("t", NAME) as a, z.session("t", OTHER) as b:
            expect(a.ready().status == b.ready().status == GOOD, "not ready")
            may(a)
            for function in (LU_RESET, WARM_RESET, CLEAR_TASK_SET):
                expect(reset(b, function) == 0, f"function {function} was not complete")
            expect(attention(b) == "06/29/02" and attention(b) == "06/29/03", "b's own attentions")
            expect(attention(a) == "", "the holder was disturbed")
            expect(reset(a, LU_RESET) == 0, "the holder's own reset")
            expect(attention(a) == attention(b) == "06/29/03", "a reset of the holder is for all")


def release():
    """zsan lun release takes it from a host that is away, with --force from one that is there, which does not get it back by itself"""
    work = work_dir("e2e-guard")
    with Zsand(work) as z:
        serve(z, *kinds(z, work))
        fails(z, "lun", "release", "t", "0", says="no host has its lease")
        fails(z, "lun", "release", "t", "7", says="no LUN 7")
        with z.session("t", NAME) as a, z.session("t", OTHER) as b:
            for lun in (0, 1):
                expect(a.ready(lun).status == b.ready(lun).status == GOOD, "not ready")
                may(a, lun)
                fails(z, "lun", "release", "t", str(lun), says="--force")
                may(a, lun)
                answer = z.zsan("lun", "release", "t", lun, "--force")
                expect(answer["host"] == NAME, f"{answer}")
                may_not(a, lun)
                data = may(b, lun)
                may_not(a, lun)
                expect(b.read(0, 1, lun).data == data, "the data have changed")
                expect(holder(z, ("file", "tank/v")[lun]) == OTHER, "the other host has not got it")
        child.wait_for("the end of the sessions", lambda: not z.zsan("session", "list"), 10)
        z.zsan("lun", "release", "t", 0)
        with z.session("t", NAME) as a:
            expect(a.ready().status == GOOD, "not ready")
            may(a)
            a.ready(1)
            may_not(a, 1)


def time_limit():
    """a host without a session keeps it as long as the limit says, and no longer"""
    work = work_dir("e2e-guard")
    with Zsand(work) as z:
        z.limits(lease_timeout_ms=1000)
        serve(z, *kinds(z, work))
        a = z.session("t", NAME)
        for lun in (0, 1):
            a.ready(lun)
            may(a, lun)
        time.sleep(2)   # while it is there no time runs
        with z.session("t", OTHER) as b:
            may_not_ready(b)
            a.close()
            for lun in (0, 1):
                child.wait_for("the end of the lease", lambda lun=lun: b.read(0, 1, lun).status == GOOD, 20)
                may(b, lun)
        expect({e["text"].split("why=")[1] for e in logged(z, "guard.ended")} == {'"it had no session for too long"'}, f"{logged(z, 'guard.ended')}")


def may_not_ready(s):
    for lun in (0, 1):
        expect(s.ready(lun).status == GOOD, "not ready")
        may_not(s, lun)


def daemon_ends():
    """it survives a restart and kill -9 of the daemon, and ends in its time after them, too"""
    work = work_dir("e2e-guard")
    with Zsand(work) as z:
        serve(z, *kinds(z, work))
        with z.session("t", NAME) as a:
            for lun in (0, 1):
                a.ready(lun)
                may(a, lun)
            a.ready()
        for end in (z.stop, z.kill9):
            end()
            z.start()
            for v in ("file", "tank/v"):
                child.wait_for("the volume", lambda v=v: z.zsan("volume", "show", v)["state"] == "online", 20)
            with z.session("t", OTHER) as b:
                may_not_ready(b)
            expect(holder(z, "file") == holder(z, "tank/v") == NAME, "the lease is gone")
            with z.session("t", NAME) as a:
                for lun in (0, 1):
                    a.ready(lun)
                    may(a, lun)
        z.limits(lease_timeout_ms=1000)
        z.kill9()
        z.start()
        with z.session("t", OTHER) as b:
            child.wait_for("the end of the lease", lambda: b.ready().status == b.read(0, 1).status == GOOD, 30)


def obedient_logout():
    """an initiator that logs out because the daemon stops keeps its lease"""
    work = work_dir("e2e-guard")
    with Zsand(work) as z:
        z.volume("v", "64M", engine="file")
        serve(z, "v")
        a = z.session("t", NAME)
        a.ready()
        may(a)
        z.process.terminate()
        while not [n for n in a.notices if n.bhs[36] == 1]:
            a.other(a.recv())
        a.logout()
        z.process.wait()
        z.process = None
        z.start()
        with z.session("t", OTHER) as b:
            expect(b.ready().status == GOOD, "not ready")
            may_not(b)
        expect(holder(z, "v") == NAME, "the lease is gone")


def other_machine():
    """a pool that is exported with a lease on it brings the lease along to another daemon"""
    work = work_dir("e2e-guard")
    there = work_dir("e2e-guard")
    paths = disks(work, 1)
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", *paths)
        z.volume("tank/v", "64M")
        serve(z, "tank/v")
        with z.session("t", NAME) as a:
            a.ready()
            may(a)
        z.zsan("pool", "export", "tank")
    with Zsand(there) as z:
        z.zsan("pool", "import", "-d", work, "tank")
        z.volume("tank/v")
        expect(holder(z, "tank/v") == NAME, f"{z.zsan('volume', 'show', 'tank/v')}")
        serve(z, "tank/v")
        with z.session("t", OTHER) as b, z.session("t", NAME) as a:
            expect(a.ready().status == b.ready().status == GOOD, "not ready")
            may_not(b)
            may(a)


def one_host():
    """initiators of one host count as one, also when they are put together while they are logged in"""
    work = work_dir("e2e-guard")
    with Zsand(work) as z:
        z.volume("v", "64M", engine="mem")
        serve(z, "v", names=(NAME, OTHER, CAROL))
        z.zsan("host", "add", "esx1", NAME)
        with z.session("t", NAME) as a, z.session("t", OTHER) as b, z.session("t", CAROL) as c:
            for s in (a, b, c):
                expect(s.ready().status == GOOD, "not ready")
            may(a)
            may_not(b)
            z.zsan("initiator", "set", OTHER, "--host", "esx1")
            may(a)
            may(b)
            may_not(c)
            a.logout()
            may(b)
            may_not(c)
            expect(holder(z, "v") == "esx1", "esx1 lost it with one of its sessions")
            z.zsan("initiator", "set", OTHER, "--host", "")     # the last one of esx1 that is there
            may(b)
            expect(holder(z, "v") == OTHER, "the lease has not followed")


def cluster():
    """policy cluster: all hosts, or those that are named; persistent reservations rule there; unknown hosts are refused by name"""
    work = work_dir("e2e-guard")
    with Zsand(work) as z:
        z.volume("v", "64M", engine="mem")
        serve(z, "v", names=(NAME, OTHER, CAROL))
        z.zsan("host", "add", "esx1", NAME)
        fails(z, "volume", "set", "v", "--policy", "cluster", "--hosts", "esx1,esx7", says='"esx7", which is no host')
        fails(z, "volume", "set", "v", "--hosts", "esx1", says="policy cluster")
        v = z.zsan("volume", "set", "v", "--policy", "cluster", "--hosts", f"esx1,{OTHER}")
        expect(v["policy"] == "cluster" and v["hosts"] == ["esx1", OTHER], f"{v}")
        fails(z, "host", "remove", "esx1", "--force", says='"esx1", which is no host')
        with z.session("t", NAME) as a, z.session("t", OTHER) as b, z.session("t", CAROL) as c:
            for s in (a, b, c):
                expect(s.ready().status == GOOD, "not ready")
            may(a)
            may(b)
            may_not(c)
            expect([p for p in problems(z) if CAROL in p and "--hosts" in p], f"{problems(z)}")
            register = bytes([0x5F, 0, 0, 0, 0, 0, 0, 0, 24])
            denied(c.command(register, write=struct.pack(">QQ8x", 0, 3)))
            for s, key in ((a, 1), (b, 2)):
                expect(s.command(register, write=struct.pack(">QQ8x", 0, key)).status == GOOD, "REGISTER")
            expect(a.command(bytes([0x5F, 1, 5, 0, 0, 0, 0, 0, 24]), write=struct.pack(">QQ8x", 1, 0)).status == GOOD, "RESERVE")
            may(b)
            fails(z, "volume", "set", "v", "--hosts", "esx1", says=OTHER)
            fails(z, "volume", "set", "v", "--policy", "exclusive", says="is not the only one")
            z.zsan("volume", "set", "v", "--hosts", "all")
            expect(c.read(0, 1).status == GOOD, "c is kept out still")
            z.zsan("volume", "set", "v", "--policy", "exclusive", "--force")
            expect(holder(z, "v") == "esx1", "the first host does not have it")
            may(a)
            may_not(b)
            may_not(c)


def read_shared():
    """policy read-shared: everybody reads, nobody writes, and hosts are told that it is write protected"""
    work = work_dir("e2e-guard")
    with Zsand(work) as z:
        z.volume("v", "64M", engine="mem")
        serve(z, "v")
        with z.session("t", NAME) as a:
            a.ready()
            data = may(a)
            fails(z, "volume", "set", "v", "--policy", "read-shared", says="could not write")
            a.logout()
        z.zsan("volume", "set", "v", "--policy", "read-shared")
        with z.session("t", NAME) as a, z.session("t", OTHER) as b:
            for s in (a, b):
                expect(s.ready().status == GOOD, "not ready")
                expect(s.read(0, 1).data == data, "other data")
                r = s.write(0, bytes(BLOCK))
                expect(str(r.sense) == WRITE_PROTECTED, f"{r}")
                expect(s.command(MODE_SENSE, read=255).data[2] & 0x80, "WP")


def copy():
    """a copy is read from and written to only what its initiator could read and write itself"""
    work = work_dir("e2e-guard")
    with Zsand(work) as z:
        z.zsan("pool", "create", "tank", *disks(work, 1))
        for v in ("theirs", "ours"):
            z.volume(f"tank/{v}", "64M")
        serve(z, "tank/theirs", "tank/ours")
        with z.session("t", NAME) as a:     # takes both
            for lun in (0, 1):
                a.ready(lun)
            data = may(a, 0)
            with z.session("t", OTHER) as b:
                for lun in (0, 1):
                    b.ready(lun)
                z.zsan("lun", "release", "t", 1, "--force")
                mine = may(b, 1)
                theirs, ours = naa(b, 0), naa(b, 1)
                for src, dst in ((theirs, ours), (ours, theirs)):
                    r = extended_copy(b, src, dst, 0, 0, 1, lun=1)
                    expect(r.status == CHECK_CONDITION and r.sense.key == 10, f"{r}")
                denied(extended_copy(b, ours, ours, 0, 8, 1, lun=0))
                expect(extended_copy(b, ours, ours, 0, 8, 1, lun=1).status == GOOD, "a copy of its own")
                expect(b.read(0, 1, 1).data == mine and a.read(0, 1).data == data, "data have changed")


def ext4_super():
    s = bytearray(1024)
    struct.pack_into("<I", s, 4, 8192)
    struct.pack_into("<I", s, 24, 2)
    struct.pack_into("<H", s, 56, 0xEF53)
    return bytes(s)


def gpt(first):
    """Two blocks and the entries behind them: one partition."""
    head, entries = bytearray(BLOCK), bytearray(BLOCK)
    head[:8] = b"EFI PART"
    struct.pack_into("<QII", head, 72, 2, 128, 128)
    entries[:16] = bytes(range(1, 17))
    struct.pack_into("<QQ", entries, 32, first, first + 9999)
    return bytes(BLOCK) + bytes(head) + bytes(entries)


def filesystems():
    """one host's file system in a cluster, and a cluster's on an exclusive volume, behind a partition table too, are told of and left alone"""
    work = work_dir("e2e-guard")
    with Zsand(work) as z:
        z.volume("several", "64M", engine="file", policy="cluster")
        z.volume("one", "64M", engine="file")
        serve(z, "several", "one")

        def wait(*words):
            child.wait_for("the warning", lambda: [p for p in problems(z) if all(w in p for w in words)], 60)

        with z.session("t", NAME) as s:
            for lun in (0, 1):
                s.ready(lun)
            expect(s.write(2, ext4_super()).status == GOOD, "WRITE")
            expect(s.write(0, gpt(4096), 1).status == GOOD, "WRITE")
            expect(s.write(4096 + 2048, bytes.fromhex("0dd001c0") + bytes(508), 1).status == GOOD, "WRITE")
            wait("ext4", "zsan volume set several --policy exclusive")
            wait("VMFS", "zsan volume set one --policy cluster")
            expect(s.read(2, 2).data == ext4_super(), "it was touched")
            told = sorted(e["text"].split("filesystem=")[1].split()[0] for e in logged(z, "guard.filesystem"))
            expect(told == ["VMFS", "ext4"], f"{told}")
            z.zsan("volume", "set", "one", "--policy", "cluster")
            z.zsan("volume", "set", "several", "--policy", "exclusive")
            expect(not [p for p in problems(z) if "file system" in p or "made for" in p], f"{problems(z)}")


def document():
    """the policy goes with the configuration: plan shows a change of it, export and apply bring it back; lun add sets it, too"""
    work = work_dir("e2e-guard")
    with Zsand(work) as z:
        z.volume("v", "64M", engine="mem")
        serve(z, "v", names=(NAME,))
        before = work / "before.json"
        before.write_text(z.try_zsan("config", "export", "--json").stdout)
        z.zsan("volume", "set", "v", "--policy", "cluster", "--hosts", NAME)
        (change,) = z.zsan("config", "plan", before)
        expect(change["changes"] == {"policy": ["cluster", None], "hosts": [[NAME], None]}, f"{change}")
        z.restart()
        v = z.zsan("volume", "show", "v")
        expect(v["policy"] == "cluster" and v["hosts"] == [NAME], f"{v}")
        z.zsan("config", "apply", before)
        expect(z.zsan("volume", "show", "v")["policy"] == "exclusive", "not applied")
        z.zsan("target", "create", IQN + "u")
        lun = z.zsan("lun", "add", "u", "v", "--policy", "read-shared")
        expect(lun["policy"] == "read-shared" and z.zsan("volume", "show", "v")["policy"] == "read-shared", f"{lun}")


CASES = [second_host, own_resets, release, time_limit, daemon_ends, obedient_logout, other_machine, one_host, cluster, read_shared, copy, filesystems, document]
