# SPDX-License-Identifier: BSD-2-Clause
"""What went wrong in other targets, one attack for each class of flaw, named after it. docs/security.md says which test covers which."""
import contextlib
import itertools
import json
import os
import pathlib
import re
import struct
import socket
import threading
import time

import child
import control
import nameserver
import pdu
from bench import SIZE, TARGET, VILLAIN, verified_io
from initiator import CHECK_CONDITION, FULL_FEATURE, GOOD, HASHES, KEYS, OPERATIONAL, SECURITY, TRANSIT, LoginError, Session
from logins import NAMES, answer, login
from pdu import IMMEDIATE, Wire, build, keys_text, parse_keys
from tap import Skip, expect, note
from verbs import API, outputs
from zsand import IQN

CAROL, HIDDEN = IQN + "carol", "hidden"
AWAY_LBA = 300000  # beyond what the bystander writes to
INVALID_OPCODE = (5, 0x20, 0)
NAMED = {"initiator": VILLAIN, "target": IQN + TARGET, "volume": "mem"}


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


def answered(w, secret):
    """The keys that answer its challenge rightly."""
    digest = HASHES[w.asked["CHAP_A"]](bytes([int(w.asked["CHAP_I"])]) + secret.encode() + bytes.fromhex(w.asked["CHAP_C"][2:]))
    return {"CHAP_N": CAROL, "CHAP_R": "0x" + digest.hexdigest()}


def hex_to_bin(z):
    """EDK2 bz3356, CVE-2021-38575: a challenge to the target, by somebody who has proved himself, that is no hex or base64, or too long"""
    def sent(challenge):
        with Chapped(z) as w:
            return w.last_word(keys_text(answered(w, z.carol.secret) | {"CHAP_I": "9", "CHAP_C": challenge}))

    for right in ("0x" + "5a" * 16, "0b" + "QUJD" * 5, "0x" + "5a" * 1024):
        expect((got := sent(right)) == 0, f"CHAP_C={right[:20]}: status {got:04x}")
    for wrong in ("0x", "0x5", "0x5a5", "0x" + "5a" * 15 + "5g", "0x 5a", "0x-1", "5a5a", "90", "0b", "0b=", "0b====", "0bQUJ", "0bQ===", "0bQU=D", "0b!!!!", "x5a", "",
                  "0x" + "5a" * 1025, "0x" + "5a" * 3900, "0b" + "QUJD" * 342, "0b" + "QUJD" * 1900):
        expect((got := sent(wrong)) in (0x0200, 0x0201), f"CHAP_C={wrong[:20]}, {len(wrong)} characters: status {got:04x}")


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


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return struct.pack("<I", crc ^ 0xffffffff)


class Digested(Session):
    """One that negotiates data digests, checks those of the target, and sends what it is told to."""

    def _login(self, names, chap):
        self.their = self._step(OPERATIONAL, FULL_FEATURE, names | KEYS | {"DataDigest": "CRC32C"})

    def recv(self):
        p = super().recv()
        if self.their and p.data:
            expect(self._exactly(4) == crc32c(p.data + bytes(-len(p.data) % 4)), "a digest of the target is wrong")
        return p

    def text(self, data, digest, **lies):
        self.send(build(pdu.TEXT | IMMEDIATE, itt=self.next_itt(), words=(pdu.NO_TAG, self.cmd_sn, self.exp_stat_sn), data=data, **lies) + digest)


def text_digests(z):
    """LIO, 2026 (iscsit_handle_text_cmd): text whose digest is right, wrong, missing or of fewer bytes than there are, once and twice"""
    texts = [b"X-" + b"k" * n + b"=v\0" for n in range(1, 9)] + [b"".join(b"X-%d=v\0" % n for n in range(60))]
    with Digested(z.address(), IQN + TARGET, VILLAIN) as s:
        for text in texts:
            s.text(text, crc32c(text + bytes(-len(text) % 4)))
            p = s.recv()
            s.exp_stat_sn = pdu.word(p, 24) + 1
            expect(pdu.opcode(p) == pdu.TEXT_RSP and p.data.endswith(b"=NotUnderstood\0"), f"a right one of {len(text)} bytes: {p}")
    for text, again in itertools.product(texts, (1, 2)):
        padded = text + bytes(-len(text) % 4)
        for digest in (bytes(4), crc32c(text + b"\1"), crc32c(padded[:-4])):
            with Digested(z.address(), IQN + TARGET, VILLAIN) as s:
                for _ in range(again):
                    with contextlib.suppress(EOFError):
                        s.text(text, digest)
                heard = []
                with contextlib.suppress(EOFError):
                    while True:
                        heard.append(pdu.opcode(s.recv()))
                expect(set(heard) <= {pdu.REJECT, pdu.ASYNC}, f"a wrong one of {len(text)} bytes: {[hex(o) for o in heard]}")
        with Digested(z.address(), IQN + TARGET, VILLAIN) as s:
            s.text(text, b"", dsl=len(text) + 5)  # and nothing more
        with Digested(z.address(), IQN + TARGET, VILLAIN) as s:
            s.text(text, crc32c(padded)[:3])


def in_flight(s):
    """Commands that nobody will wait for."""
    s.ready()
    for n in range(8):
        s.send(s.command_pdu(struct.pack(">BBQIBB", 0x8a, 0, n, 128, 0, 0), 0, s.next_itt(), 0, bytes(65536), immediate=8192 if n % 2 else 65536))


def taken_over(z):
    with z.session(TARGET, VILLAIN, isid=b"\x80own\0\0") as s:
        in_flight(s)


def closed(z):
    with z.session(TARGET, VILLAIN) as s:
        in_flight(s)


def logged_out(z):
    s = z.session(TARGET, VILLAIN)
    s.ready()
    s.logout()


def resetting(z):
    with z.session(TARGET, VILLAIN) as s:
        in_flight(s)
        s.send(build(pdu.TMF | IMMEDIATE, 0x80 | (5 if s.isid[1] & 1 else 6), itt=s.next_itt(), words=(pdu.NO_TAG, s.cmd_sn, s.exp_stat_sn)))
        while pdu.opcode(s.recv()) != pdu.TMF_RSP:
            pass


def dropping(z):
    for s in z.zsan("session", "list"):
        z.try_zsan("session", "drop", str(s["id"]))


def session_usage(z):
    """LIO, 2026 (iscsit_dec_session_usage_count): sessions are taken over, dropped, reset, left and closed at once, with commands in flight, and listed meanwhile"""
    kinds, until, done = (taken_over, taken_over, closed, logged_out, resetting, dropping), time.monotonic() + 4, {}

    def again(what):
        while time.monotonic() < until or len(done) < len(set(kinds)) and time.monotonic() < until + 60:
            with contextlib.suppress(EOFError, LoginError, OSError):
                what(z)
                done[what.__name__] = done.get(what.__name__, 0) + 1

    threads = [threading.Thread(target=again, args=(what,)) for what in kinds]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    note(", ".join(f"{what}: {n}" for what, n in sorted(done.items())))
    expect(len(done) == len(set(kinds)), f"not all was done: {done}")
    child.wait_for("all sessions are gone", lambda: not z.zsan("session", "list"))


class Named(Session):
    """One that says a name for people, too."""

    def _login(self, names, chap):
        self.their = self._step(OPERATIONAL, FULL_FEATURE, names | KEYS | {"InitiatorAlias": "%n%s\"\\'" + "\u00e9" * 120})


def nacl_info(z):
    """lio_target_nacl_info_show (LIO, 2023), CVE-2021-27365 (Linux): many sessions of the longest names are listed whole, and one line is one line"""
    names = [(VILLAIN + "-" + str(n) + "n" * 223)[:223] for n in range(3)]
    for name in names:
        z.initiator(name)
        z.grant(name, TARGET)
    sessions = [Named(z.address(), IQN + TARGET, name) for name in names for _ in range(40)]
    try:
        for words, text in outputs(z, NAMED | {"initiator": names[0]}):
            expect(not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), f"{words}: control characters of a peer")
            if "--json" in words:
                json.loads(text)
        listed = [s["initiator"] for s in z.zsan("session", "list")]
        expect(sorted(listed) == sorted(names * 40), f"{len(listed)} sessions are listed, or not by their names")
        expect(len(z.try_zsan("session", "list").stdout.strip().splitlines()) == 121, "not one line each")
    finally:
        for s in sessions:
            s.close()
        for name in names:
            z.zsan("initiator", "remove", name)


def handles(z):
    """CVE-2021-27363 (Linux): no verb that looks tells where in its memory the daemon has what"""
    try:
        maps = pathlib.Path(f"/proc/{z.process.pid}/maps").read_text(encoding="ascii")
    except PermissionError as e:
        raise Skip("the process does not let its addresses be looked at") from e
    ranges = [tuple(int(a, 16) for a in line.split()[0].split("-")) for line in maps.splitlines() if " rw" in line]
    ranges = [(a, b) for a, b in ranges if a > 1 << 40 and b - a < 1 << 36]  # not the sanitizers' shadow
    with z.session(TARGET, VILLAIN) as s:
        s.ready()
        for words, text in outputs(z, NAMED):
            for number in re.findall(r"(?:0x)?[0-9a-f]+", text):
                for base in (10, 16):
                    with contextlib.suppress(ValueError):
                        value = int(number, base)
                        expect(not any(a <= value < b for a, b in ranges), f"{' '.join(words)} tells {number}, an address")


def rsoc_and_buffers(z):
    """FreeBSD-SA-24:11.ctl: service actions beyond the table (CVE-2024-42416), READ and WRITE BUFFER, which are not there (CVE-2024-8178, CVE-2024-45063)"""
    with z.session(TARGET, VILLAIN) as s:
        s.ready()
        for opcode in range(0, 256, 5):
            for action in (0, 0x1f, 0x20, 0xff, 0xffff):
                r = s.command(struct.pack(">BBBBHIBB", 0xa3, 0x0c, 2, opcode, action, 4096, 0, 0), read=4096)
                expect(r.status in (GOOD, CHECK_CONDITION) and len(r.data) <= 64, f"{opcode:02x}/{action:04x}: {r.status}")
        for opcode in (0x3c, 0x3b, 0x9b):
            for mode in range(32):
                for cdb, data in ((bytes([opcode, mode]) + bytes(14), {}), (bytes([opcode, mode, 0, 0, 0, 0, 0, 16, 0, 0]), {"read": 4096}),
                                  (bytes([opcode, mode, 0, 0, 0, 0, 0, 16, 0, 0]), {"write": bytes(4096)})):
                    r = s.command(cdb, **data)
                    expect(r.status == CHECK_CONDITION and tuple(r.sense) == INVALID_OPCODE and not r.data, f"{opcode:02x}/{mode:02x}: {r}")
        expect(s.read(0, 1).status == GOOD, "the session is lost")


def request_sense(z):
    """CVE-2024-43110 (FreeBSD-SA-24:11.ctl): REQUEST SENSE of every length tells its sense data, cut, and no byte more"""
    with z.session(TARGET, VILLAIN) as s:
        s.ready()
        for form, code in ((0, 0x70), (1, 0x72)):
            whole = s.command(bytes([3, form, 0, 0, 252, 0]), read=252).data
            expect(len(whole) >= 8 and whole[0] & 0x7f == code and len(whole) == 8 + whole[7] and not any(whole[1:7]), f"form {form}: {whole.hex()}")
            expect(not any(whole[8:]), f"form {form}: {whole.hex()}")
            for n in range(256):
                r = s.command(bytes([3, form, 0, 0, n, 0]), read=n)
                expect(r.status == GOOD and r.data == whole[:n], f"form {form}, {n} bytes: {r}")


def identity(s, lun):
    """The NAA designator."""
    page = s.inquiry(0x83, lun)
    at = page.index(b"\x01\x03\x00")
    return page[at + 4:at + 4 + page[at + 3]]


def copied(s, source, to):
    """EXTENDED COPY of one block, from the first to AWAY_LBA, between LUNs that are named by their identities."""
    def target(naa):
        return struct.pack(">BBHBBBB", 0xe4, 0, 0, 1, 3, 0, len(naa)) + naa.ljust(20, b"\0") + bytes([0, 0, 2, 0])

    segment = struct.pack(">BBHHHHHQQ", 2, 0, 24, 0, 1, 0, 1, 0, AWAY_LBA)
    parameters = struct.pack(">BBHIIHH", 0, 0, 64, 0, len(segment), 0, 0)[:16] + target(source) + target(to) + segment
    return s.command(struct.pack(">BB8sIBB", 0x83, 0, b"", len(parameters), 0, 0), write=parameters)


def copy_elsewhere(z):
    """CVE-2020-28374 and CVE-2021-3139 (LIO, tcmu-runner): a copy from a LUN that was not granted, named by its identity"""
    with z.session(HIDDEN, CAROL, chap=z.secret) as s:
        s.ready()
        s.write(0, b"\xaa" * 512)
        naa = identity(s, 0)
    with z.session(TARGET, VILLAIN) as s:
        for lun in (0, 1):
            s.ready(lun)
        mine, other = identity(s, 0), identity(s, 1)
        s.write(0, b"\xbb" * 512, 1)
        r = copied(s, naa, mine)
        expect(r.status == CHECK_CONDITION, f"it was done: {r}")
        expect(s.read(AWAY_LBA, 1).data == bytes(512), "what is not his was read")
        r = copied(s, other, mine)
        expect(r.status == GOOD and s.read(AWAY_LBA, 1).data == b"\xbb" * 512, f"from a LUN of his own it is not done either: {r}")
        r = copied(s, mine, naa)
        expect(r.status == CHECK_CONDITION, f"it was done: {r}")
    with z.session(HIDDEN, CAROL, chap=z.secret) as s:
        s.ready()
        expect(s.read(AWAY_LBA, 1).data == bytes(512), "what is not his was written to")


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
    """CVE-2020-10699, CVE-2020-13867, CVE-2020-14019 (targetcli, rtslib), CVE-2026-44944 (iscsiuio), CVE-2021-27364 (Linux): nobody else can open the control socket, the configuration, the secrets"""
    for path in [z.state, *z.state.rglob("*")]:
        expect(path.lstat().st_mode & 0o077 == 0, f"{path.name} has mode {path.lstat().st_mode:o}")


def no_other_door(z):
    """CVE-2018-14649 (ceph-iscsi), CVE-2026-18725 to CVE-2026-18728 (iscsiuio): nothing listens on the network but portals, and packets are the kernel's business"""
    ours = {os.readlink(f) for f in pathlib.Path(f"/proc/{z.process.pid}/fd").iterdir() if f.is_symlink()}
    ports = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in pathlib.Path(f"/proc/{z.process.pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            if f"socket:[{words[9]}]" in ours and words[3] in ("0A", "07"):
                ports.add((table, int(words[1].rsplit(":", 1)[1], 16)))
    expect({p for _, p in ports} == {z.address()[1]}, f"listening: {ports}")
    inodes = {name[len("socket:["):-1] for name in ours if name.startswith("socket:[")}
    for table in ("raw", "raw6", "icmp", "icmp6", "packet"):
        path = pathlib.Path(f"/proc/{z.process.pid}/net/{table}")
        for line in path.read_text(encoding="ascii").splitlines()[1:] if path.exists() else ():
            expect(not inodes & set(line.split()), f"a socket of kind {table}")


BAD = ("../../etc", "a/b", "..\\t", "a b", "a\tb", "a\nnode.x = y", "a\x01b", "a\x7fb", "a\x1b[2J", "a\u0085b", "n" * 224)


def strict_names(z):
    """CVE-2026-44943, CVE-2026-18724 (open-iscsi): no name that climbs out of a folder, begins a line or does not fit is given to initiators"""
    def refused(*words):
        done = z.try_zsan(*words)
        expect(done.returncode != 0, f"{words} was taken")

    def applied(name):
        """The status of a document with a target of this name."""
        document = z.zsan("config", "export")
        document["targets"][IQN + name] = {"portal_groups": document["targets"][IQN + TARGET]["portal_groups"]}
        path = z.state.parent / "document.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return z.try_zsan("config", "apply", path).returncode

    expect(applied("good") == 0, "a good one is not taken either")
    z.zsan("target", "delete", IQN + "good")
    for bad in BAD:
        refused("target", "create", IQN + bad)
        if len(bad) < 200:
            refused("target", "set", IQN + TARGET, "--redirect", bad + ":3260")
            refused("portal", "add", "127.0.0.1", "--port", "9", "--advertise", bad + ":3260")
        if any(c < " " or "\x7f" <= c < "\xa0" for c in bad) or len(bad) > 63:
            refused("target", "set", IQN + TARGET, "--alias", bad)
        expect(applied(bad) != 0, f"a document with {bad!r} was taken")
    with Session(z.address(), None, VILLAIN, discovery=True) as s:
        s.send(build(pdu.TEXT | IMMEDIATE, itt=1, words=(pdu.NO_TAG, s.cmd_sn, s.exp_stat_sn), data=b"SendTargets=All\0"))
        told = s.recv().data
        expect(re.fullmatch(rb"(TargetName=iqn\.[a-z0-9.:-]+\0|TargetAddress=[0-9.:,]+\0)+", told), f"{told}")


def nobody_registered(z):
    """CVE-2017-1000198, CVE-2017-1000200, CVE-2017-1000201 (tcmu-runner): what is not there, was removed before or has no name is asked of every verb, and refused"""
    def asked(method, params):
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        with control.connect(z) as s:
            return control.ask(s, line)

    nothing = {"text": "", "names": [], "uint": 0, "size": 0, "tags": [], "json": {}, "enum": "", "bool": False, "secret": ""}
    makes = ("add", "create", "import", "apply", "plan")
    for m in API.methods:
        required = [p for p in m.params if p.required]
        tries = [{}, {p.name: None for p in m.params}, {p.name: nothing[p.type] for p in m.params}]
        if m.verb not in makes:
            tries += [{p.name: "nothing" if p.type == "text" else nothing[p.type] for p in required}, {p.name: "/nothing@" if p.type == "text" else nothing[p.type] for p in required}]
        for params in tries if required else ():
            got = asked(m.name, params)
            expect("error" in got and got["error"]["message"], f"{m.name} of {params}: {got}")
    for noun, name in (("volume", "twice"), ("target", IQN + "twice"), ("initiator", IQN + "twice")):
        z.zsan(noun, "add" if noun == "initiator" else "create", name, *(["--size", "1M", "--engine", "mem"] if noun == "volume" else []))
        verb = next(m.name for m in API.methods if m.noun == noun and m.verb in ("delete", "remove"))
        expect("result" in (got := asked(verb, {"name": name})), f"{verb}: {got}")
        expect("error" in asked(verb, {"name": name}), f"{verb}, the second time")


CRAFTED = [build(op, flags, itt=n, dsl=dsl, ahs=ahs, words=(pdu.NO_TAG, 1, 0), data=data)
           for n, (op, flags, dsl, ahs, data) in enumerate(itertools.product((*range(0, 0x40, 3), pdu.LOGIN | IMMEDIATE), (0, 0x80, 0xff), (None, 1, 0xffffff), (0, 255), (b"", b"A=b\0")))]


def crafted_packets(z):
    """MS14-028, CVE-2014-0255, CVE-2014-0256 (Microsoft): packets made up, from many connections at once, and a host at another address is served meanwhile"""
    until, sent, served, stop = time.monotonic() + 3, [0], 0, threading.Event()

    def send(first):
        for n in itertools.count(first, 4):
            if stop.is_set():
                return
            with contextlib.suppress(EOFError, OSError), Wire(z.address(), timeout=1) as w:
                w.send(CRAFTED[n % len(CRAFTED)] + CRAFTED[n * 7 % len(CRAFTED)])
                sent[0] += 1

    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    try:
        while time.monotonic() < until or sent[0] < 100 or served < 3:
            verified_io(z)
            served += 1
    finally:
        stop.set()
        for t in threads:
            t.join()
    note(f"{sent[0]} connections, the host was served {served} times")


def isns_overflow(z):
    """CVE-2010-2221 (tgt): a name server whose answers and notices have names and lengths that do not fit"""
    def name(length):
        return struct.pack(">II", 32, length)

    long, lies = nameserver.attribute(32, b"i" * 60000), [name(n) + b"i" * 220 for n in (0xffffffff, 0xfffffffc, 0x80000000, 65536, 224, 3)]
    bad = [long, *lies, nameserver.attribute(32, b"i" * 224) * 200, name(220), b"\0\0\0\x20\0\0", b""]

    def answers(body):
        def act(_, s):
            function, xid, _ = nameserver.request(s)
            s.sendall(nameserver.header(function | 0x8000, 4 + len(body), xid=xid) + bytes(4) + body)
            nameserver.accept_all(s)
        return act

    def told(port):
        return next(s for s in z.zsan("isns", "list") if s["port"] == port)

    def heard(function, body, **lies):
        """What is said to a message where name servers may ask and tell."""
        with socket.create_connection(("127.0.0.1", ear), 5) as s, contextlib.suppress(OSError):
            s.sendall(nameserver.header(function, **({"length": len(body)} | lies)) + body)
            s.shutdown(socket.SHUT_WR)
            return s.recv(65536)
        return b""

    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(nameserver.Rogue(act)) for act in (lambda _, s: nameserver.accept_all(s), *(answers(body) for body in bad))]
        for chosen in (servers[:1], servers[1:7], servers[7:]):  # of eight that there may be
            for s in chosen:
                z.zsan("isns", "add", "127.0.0.1", "--port", s.port)
            z.zsan("isns", "set", "--enabled")
            child.wait_for("all are called", lambda chosen=chosen: all(s.calls for s in chosen))
            if chosen == servers[:1]:
                child.wait_for("it is registered", lambda: told(servers[0].port)["state"] == "registered")
                ear = told(servers[0].port)["esi_port"]
                for function, body in itertools.product((0x0008, 0x000d, 0x8008, 0x0001, 0xffff), bad):
                    heard(function, body)
                    heard(function, body[:100], length=0xfffc)
                    heard(function, body[:100], length=3, flags=0xffff, seq=0xffff)
                right = nameserver.attribute(1, "z")
                expect((got := heard(0x000d, right))[12:] == bytes(4) + right, f"a right inquiry is not answered any more: {got}")
            for s in chosen:
                z.zsan("isns", "remove", "127.0.0.1", "--port", s.port)
        z.zsan("isns", "set", "--no-enabled")


def ready(z):
    """A target that the villain may not see, and an initiator with secrets."""
    z.volume("secret", SIZE, engine="mem")
    z.target(HIDDEN, ["secret"])
    z.initiator(CAROL, auth="mutual")
    z.carol = z.grant(CAROL, TARGET)
    z.secret = z.grant(CAROL, HIDDEN)


ATTACKS = [chap_md5_overflow, chap_strict_tokens, hex_to_bin, error_key_overflow, ramdisk_leak, format_strings, keys_again, empty_text, short_login,
           abort_waiting, text_digests, session_usage, nacl_info, handles, rsoc_and_buffers, request_sense, copy_elsewhere, predictable_challenge, no_way_around,
           files_of_its_own, no_other_door, strict_names, nobody_registered, crafted_packets, isns_overflow]


def tests(z):
    ready(z)
    for attack in ATTACKS:
        yield attack.__doc__, lambda attack=attack: attack(z)
