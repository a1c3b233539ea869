# SPDX-License-Identifier: BSD-2-Clause
"""What went wrong in other targets, one attack for each class of flaw, named after it. docs/security.md says which test covers which."""
import os
import pathlib
import struct

import pdu
from bench import TARGET, VILLAIN
from initiator import CHECK_CONDITION, GOOD, OPERATIONAL, SECURITY, TRANSIT, LoginError, Session
from logins import NAMES, answer, login
from pdu import IMMEDIATE, Wire, build, keys_text, parse_keys
from tap import expect
from zsand import IQN

CAROL, HIDDEN = IQN + "carol", "hidden"
INVALID_OPCODE = (5, 0x20, 0)


class Chapped(Wire):
    """As far as the challenge of a login that CHAP is asked of."""

    def __init__(self, z, algorithms="7"):
        super().__init__(z.address(), timeout=5)
        self.say({"InitiatorName": CAROL, "SessionType": "Normal", "TargetName": IQN + TARGET, "AuthMethod": "CHAP"})
        self.asked = parse_keys(self.say({"CHAP_A": algorithms}).data)

    def say(self, keys, data=None, next_stage=None):
        flags = SECURITY << 2 | (0 if next_stage is None else TRANSIT | next_stage)
        self.send(login({}, flags=flags, data=keys_text(keys) if data is None else data))
        return self.recv()

    def last_word(self, text):
        """The status of the login response to a text that should not do."""
        self.send(login({}, flags=SECURITY << 2 | TRANSIT | OPERATIONAL, data=text))
        return answer(self)


def refused(z, text, *statuses):
    with Chapped(z) as w:
        got = w.last_word(text)
        expect(got in statuses, f"status {got:04x} to {text[:60]!r}")


def chap_md5_overflow(z):
    """CVE-2018-14633 (LIO): an answer to the challenge that is longer than any digest"""
    for n in (33, 64, 255, 1024, 8000):
        refused(z, b"CHAP_N=x\0CHAP_R=0x" + b"a5" * n + b"\0", 0x0200, 0x0201)
        refused(z, b"CHAP_N=x\0CHAP_R=0b" + b"QUJD" * n + b"\0", 0x0200, 0x0201)
    refused(z, b"CHAP_N=" + b"n" * 8000 + b"\0CHAP_R=0x" + b"00" * 32 + b"\0", 0x0200, 0x0201)


def chap_strict_tokens(z):
    """LIO, 2018-2019: CHAP_I out of range, CHAP_A that only begins like a number, hex with an odd end"""
    for text in (b"CHAP_N=x\0CHAP_R=0x" + b"0" * 63 + b"\0", b"CHAP_N=x\0CHAP_R=0xzz\0", b"CHAP_N=x\0CHAP_R=\0", b"CHAP_N=x\0",
                 b"CHAP_N=x\0CHAP_R=0x" + b"00" * 32 + b"\0CHAP_I=256\0CHAP_C=0x" + b"11" * 16 + b"\0",
                 b"CHAP_N=x\0CHAP_R=0x" + b"00" * 32 + b"\0CHAP_I=-1\0CHAP_C=0x" + b"11" * 16 + b"\0"):
        refused(z, text, 0x0200, 0x0201)
    for algorithms in ("55", "7x", "0x7 ", ",,", "5 ,7", "257"):
        with Wire(z.address(), timeout=5) as w:
            w.send(login({}, flags=SECURITY << 2, data=keys_text({"InitiatorName": CAROL, "SessionType": "Normal",
                                                                  "TargetName": IQN + TARGET, "AuthMethod": "CHAP"})))
            w.recv()
            w.send(login({}, flags=SECURITY << 2, data=keys_text({"CHAP_A": algorithms})))
            got = answer(w)
            expect(got in (0x0200, 0x0201), f"CHAP_A={algorithms}: status {got:04x}")


def error_key_overflow(z):
    """CVE-2013-2850 (LIO): keys that nobody knows, as long as a key can be, are answered within bounds"""
    for n in (1, 63, 64, 255, 4000):
        with Wire(z.address(), timeout=5) as w:
            w.send(login({}, data=keys_text(NAMES) + b"X-" + b"k" * n + b"=v\0"))
            status = answer(w)
            expect(status in (0, 0x0200), f"a key of {n} bytes: {status:04x}")


def ramdisk_leak(z):
    """CVE-2014-4027 (LIO): what was never written reads as zeros, and no answer holds more than was meant"""
    with z.session(TARGET, VILLAIN) as s:
        s.ready()
        expect(s.read(400000, 128).data == bytes(65536), "old memory")
        for cdb, room in ((struct.pack(">BBBHB", 0x12, 1, 0x83, 4096, 0), 4096), (struct.pack(">BBHIHBB", 0xa0, 0, 0, 0, 0, 16, 0)[:12], 65536),
                          (bytes([0x5a, 8, 0x3f, 0xff, 0, 0, 0, 0xff, 0xff, 0]), 65535)):
            r = s.command(cdb, read=room)
            expect(len(r.data) < 4096, f"{cdb[0]:02x}: {len(r.data)} bytes")


def format_strings(z):
    """CVE-2010-0743 (tgt): names are text and not formats"""
    for name in ("iqn.2026-11.org.example:%n%n%s%s", "iqn.2026-11.org.example:%1000000d"):
        try:
            z.session(TARGET, name)
            raise AssertionError("it was let in")
        except LoginError as e:
            expect(e.status in (0x0200, 0x0201), str(e))


def keys_again(z):
    """CVE-2011-0001 (tgt): the same text again and again, within one login and in full feature phase"""
    with Wire(z.address(), timeout=5) as w:
        for _ in range(20):
            w.send(login({}, flags=OPERATIONAL << 2, data=keys_text(NAMES)))
        expect(answer(w) in (0, -1, 0x0200), "neither an answer nor an end")
    with z.session(TARGET, VILLAIN) as s:
        for n in range(20):
            s.send(build(pdu.TEXT | IMMEDIATE, itt=100 + n, words=(pdu.NO_TAG, s.cmd_sn, s.exp_stat_sn),
                         data=keys_text({"MaxRecvDataSegmentLength": 8192 + n})))
            if s.closed(0.05):
                break


def empty_text(z):
    """CVE-2019-9547 and CVE-2021-28361 (SPDK): text without a byte, with and without more to come"""
    for flags in (0x40, 0x80, 0x00, 0xc0):
        with z.session(TARGET, VILLAIN) as s:
            for _ in range(3):
                s.send(build(pdu.TEXT | IMMEDIATE, flags, itt=7, words=(pdu.NO_TAG, s.cmd_sn, s.exp_stat_sn)))
            s.closed(0.1)
    for flags in (0x40, 0x00):
        with Wire(z.address(), timeout=5) as w:
            w.send(login({}, flags=flags | OPERATIONAL << 2, data=b""))
            expect(answer(w) in (0, -1, 0x0200, 0x0207), "an odd status")


def short_login(z):
    """CVE-2026-53176 (isert): a login that ends early, or claims to"""
    whole = login(NAMES)
    for n in (1, 4, 47, 48, 49, 75, len(whole) - 1):
        with Wire(z.address(), timeout=5) as w:
            w.send(whole[:n])
    for length in (1, 2, 3, 0xfffffe):
        with Wire(z.address(), timeout=5) as w:
            w.send(build(pdu.LOGIN | IMMEDIATE, 0x87, itt=1, dsl=length) + bytes(4))
            expect(answer(w) in (-1, 0x0200, 0x0207), "an odd status")


def abort_waiting(z):
    """LIO, 2026: a write that waits for its data is aborted, and the data comes all the same"""
    for _ in range(30):
        with z.session(TARGET, VILLAIN) as s:
            s.ready()
            s.send(s.command_pdu(struct.pack(">BBQIBB", 0x8a, 0, 0, 512, 0, 0), 0, 77, 0, bytes(262144)))
            while pdu.opcode(p := s.recv()) != pdu.R2T:
                pass
            tag = pdu.word(p, 20)
            s.send(build(pdu.TMF | IMMEDIATE, 0x81, itt=78, words=(77, s.cmd_sn, s.exp_stat_sn, s.cmd_sn - 1)))
            s.send(build(pdu.DATA_OUT, pdu.FINAL, itt=77, data=bytes(8192), words=(tag, 0, s.exp_stat_sn, 0, 0, 0, 0)))
            while pdu.opcode(s.recv()) != pdu.TMF_RSP:
                pass
            expect(s.read(0, 1).status == GOOD, "the session is lost")


def rsoc_and_buffers(z):
    """FreeBSD-SA-24:11.ctl: service actions beyond the table, and READ and WRITE BUFFER, which are not there"""
    with z.session(TARGET, VILLAIN) as s:
        s.ready()
        for opcode in range(0, 256, 5):
            for action in (0, 0x1f, 0x20, 0xff, 0xffff):
                r = s.command(struct.pack(">BBBBHIBB", 0xa3, 0x0c, 2, opcode, action, 4096, 0, 0), read=4096)
                expect(r.status in (GOOD, CHECK_CONDITION) and len(r.data) <= 64, f"{opcode:02x}/{action:04x}: {r.status}")
        for opcode in (0x3c, 0x3b, 0x9b):
            r = s.command(bytes([opcode, 2]) + bytes(14), read=0)
            expect(r.status == CHECK_CONDITION and tuple(r.sense) == INVALID_OPCODE, f"{opcode:02x}: {r}")


def copy_elsewhere(z):
    """CVE-2020-28374 and CVE-2021-3139 (LIO, tcmu-runner): a copy from a LUN that was not granted, named by its identity"""
    with z.session(HIDDEN, CAROL, chap=z.secret) as s:
        s.ready()
        s.write(0, b"\xaa" * 512)
        page = s.inquiry(0x83)
        at = page.index(b"\x01\x03\x00")
        naa = page[at + 4:at + 4 + page[at + 3]]
    with z.session(TARGET, VILLAIN) as s:
        s.ready()
        own = s.inquiry(0x83)
        at = own.index(b"\x01\x03\x00")
        mine = own[at + 4:at + 4 + own[at + 3]]

        def target(identity):
            return struct.pack(">BBHBBBB", 0xe4, 0, 0, 1, 3, 0, len(identity)) + identity.ljust(20, b"\0") + bytes([0, 0, 2, 0])

        segment = struct.pack(">BBHHHHHQQ", 2, 0, 24, 0, 1, 0, 1, 0, 5000)
        head = struct.pack(">BBHIIHH", 0, 0, 64, 0, len(segment), 0, 0)[:16]
        parameters = head + target(naa) + target(mine) + segment
        cdb = struct.pack(">BB8sIBB", 0x83, 0, b"", len(parameters), 0, 0)
        r = s.command(cdb, write=parameters)
        expect(r.status == CHECK_CONDITION, f"it was done: {r}")
        expect(s.read(5000, 1).data == bytes(512), "what is not his was read")


def predictable_challenge(z):
    """CVE-2024-45751 (tgt): challenges do not repeat, not after a restart either"""
    seen = set()
    for _ in range(3):
        for _ in range(40):
            with Chapped(z) as w:
                seen.add(w.asked["CHAP_C"])
                expect(len(w.asked["CHAP_C"]) >= 2 + 2 * 16, "a short challenge")
        z.kill9()
        z.restart()
    expect(len(seen) == 120, f"{len(seen)} different ones of 120")


def no_way_around(z):
    """SCST 3.9: no portal, no discovery session and no loopback is a way around CHAP"""
    for keys in ({"AuthMethod": "None"}, {"AuthMethod": "None,CHAP"}, {}):
        with Wire(z.address(), timeout=5) as w:
            w.send(login({}, flags=SECURITY << 2 | TRANSIT | 3, data=keys_text(
                {"InitiatorName": CAROL, "SessionType": "Normal", "TargetName": IQN + TARGET} | keys)))
            p = w.recv()
            status = struct.unpack_from(">H", p.bhs, 36)[0]
            expect(status or not p.bhs[1] & TRANSIT, "it was let in")
    with Session(z.address(), None, VILLAIN, discovery=True) as s:
        s.send(s.command_pdu(bytes(6), 0, 9, 0, b""))
        expect(pdu.opcode(s.recv()) == pdu.REJECT or s.closed(2), "a command in a discovery session")


def files_of_its_own(z):
    """CVE-2020-10699, CVE-2020-13867, CVE-2020-14019 (targetcli, rtslib): nobody else can open the socket, the configuration, the secrets"""
    for path in [z.state, *z.state.rglob("*")]:
        expect(path.lstat().st_mode & 0o077 == 0, f"{path.name} has mode {path.lstat().st_mode:o}")


def no_other_door(z):
    """CVE-2018-14649 (ceph-iscsi): nothing listens on the network but portals"""
    ours = {os.readlink(f) for f in pathlib.Path(f"/proc/{z.process.pid}/fd").iterdir() if f.is_symlink()}
    ports = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in pathlib.Path(f"/proc/{z.process.pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            if f"socket:[{words[9]}]" in ours and words[3] in ("0A", "07"):
                ports.add((table, int(words[1].rsplit(":", 1)[1], 16)))
    expect({p for _, p in ports} == {z.address()[1]}, f"listening: {ports}")


def strict_names(z):
    """CVE-2026-44943 (open-iscsi): no name that climbs out of a folder is given to anybody"""
    for name in ("iqn.2026-11.org.example:../../etc", "iqn.2026-11.org.example:a/b", "iqn.2026-11.org.example:..\\t", "iqn.2026-11.org.example:a b"):
        done = z.try_zsan("target", "create", name)
        expect(done.returncode != 0, f"{name} was taken")


def ready(z):
    """A target that the villain may not see, and an initiator with secrets."""
    z.volume("secret", "16M", engine="mem")
    z.target(HIDDEN, ["secret"])
    z.initiator(CAROL, auth="mutual")
    z.grant(CAROL, TARGET)
    z.secret = z.grant(CAROL, HIDDEN)


ATTACKS = [chap_md5_overflow, chap_strict_tokens, error_key_overflow, ramdisk_leak, format_strings, keys_again, empty_text, short_login,
           abort_waiting, rsoc_and_buffers, copy_elsewhere, predictable_challenge, no_way_around, files_of_its_own, no_other_door,
           strict_names]


def tests(z):
    ready(z)
    for attack in ATTACKS:
        yield attack.__doc__, lambda attack=attack: attack(z)
