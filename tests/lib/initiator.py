# SPDX-License-Identifier: BSD-2-Clause
"""A small polite initiator over pdu.py: logs in (without authentication, or with CHAP both ways) and does SCSI commands one at
a time. Error recovery level 0, no digests."""
import hashlib
import os
import struct
from collections import namedtuple

import pdu
from pdu import FINAL, IMMEDIATE, Wire

GOOD, CHECK_CONDITION, RESERVATION_CONFLICT = 0x00, 0x02, 0x18
SECURITY, OPERATIONAL, FULL_FEATURE = 0, 1, 3
TRANSIT = 0x80
Result = namedtuple("Result", "status data sense")
Chap = namedtuple("Chap", "name secret reverse_name reverse_secret")
HASHES = {"5": hashlib.md5, "6": hashlib.sha1, "7": hashlib.sha256, "8": hashlib.sha3_256}
KEYS = {"HeaderDigest": "None", "DataDigest": "None", "InitialR2T": "Yes", "ImmediateData": "Yes",
        "MaxRecvDataSegmentLength": "262144", "MaxBurstLength": "1048576", "FirstBurstLength": "65536",
        "DefaultTime2Wait": "0", "DefaultTime2Retain": "0", "ErrorRecoveryLevel": "0", "MaxOutstandingR2T": "1"}


class LoginError(Exception):
    def __init__(self, status, keys=None):
        super().__init__(f"login refused with status {status:04x}")
        self.status, self.keys = status, keys or {}


class Sense(namedtuple("Sense", "key asc ascq")):
    def __str__(self):
        return f"{self.key:02x}/{self.asc:02x}/{self.ascq:02x}"


def parse_sense(data):
    """The data segment of a SCSI response: length, then fixed (70h) or descriptor (72h) sense data."""
    s = data[2:]
    if len(s) < 4:
        return None
    return Sense(s[1] & 15, s[2], s[3]) if s[0] & 0x7f >= 0x72 else Sense(s[2] & 15, s[12], s[13])


class Session(Wire):
    def __init__(self, address, target, initiator, chap=None, source=None, discovery=False, timeout=30, isid=None,
                 algorithms="7,5"):
        super().__init__(address, source, timeout)
        self.isid = isid or b"\x80" + os.urandom(3) + bytes(2)
        self.algorithms = algorithms
        self.notices = []  # asynchronous messages, in order
        self.cmd_sn, self.exp_stat_sn, self.itt, self.tsih = 1, 0, 0, 0
        self.their = {}
        names = {"InitiatorName": initiator, "SessionType": "Discovery" if discovery else "Normal"}
        if target:
            names["TargetName"] = target
        try:
            self._login(names, chap)
        except BaseException:
            self.close()
            raise

    # ---- login ------------------------------------------------------------------------------------

    def login_pdu(self, stage, next_stage, keys, transit=True):
        flags = (TRANSIT if transit else 0) | stage << 2 | (next_stage if transit else 0)
        head = bytearray(pdu.build(pdu.LOGIN | IMMEDIATE, flags, itt=0x1234, words=(0, self.cmd_sn, self.exp_stat_sn),
                                   data=pdu.keys_text(keys)))
        head[8:14], head[14:16] = self.isid, struct.pack(">H", self.tsih)
        return bytes(head)

    def _step(self, stage, next_stage, keys, transit=True):
        self.send(self.login_pdu(stage, next_stage, keys, transit))
        answer = self.recv()
        if pdu.opcode(answer) != pdu.LOGIN_RSP:
            raise EOFError(f"opcode {pdu.opcode(answer):#x} instead of a login response")
        status = struct.unpack_from(">H", answer.bhs, 36)[0]
        if status:
            raise LoginError(status, pdu.parse_keys(answer.data))
        self.exp_stat_sn = pdu.word(answer, 24) + 1
        self.tsih = struct.unpack_from(">H", answer.bhs, 14)[0]
        return pdu.parse_keys(answer.data)

    def _login(self, names, chap):
        if chap:
            self._step(SECURITY, SECURITY, names | {"AuthMethod": "CHAP"}, transit=False)
            asked = self._step(SECURITY, SECURITY, {"CHAP_A": self.algorithms}, transit=False)
            self._answer(asked, chap)
            names = {}
        self.their = self._step(OPERATIONAL, FULL_FEATURE, names | KEYS)

    def _answer(self, asked, chap):
        digest = HASHES[asked["CHAP_A"]]

        def response(ident, secret, challenge):
            return "0x" + digest(bytes([ident]) + secret.encode() + challenge).hexdigest()

        challenge = bytes.fromhex(asked["CHAP_C"].removeprefix("0x"))
        ours = os.urandom(16)
        keys = {"CHAP_N": chap.name, "CHAP_R": response(int(asked["CHAP_I"]), chap.secret, challenge)}
        if chap.reverse_secret:
            keys |= {"CHAP_I": "77", "CHAP_C": "0x" + ours.hex()}
        said = self._step(SECURITY, OPERATIONAL, keys)
        if chap.reverse_secret and said.get("CHAP_R", "").lower() != response(77, chap.reverse_secret, ours):
            raise LoginError(0xffff)

    # ---- commands ---------------------------------------------------------------------------------

    def next_itt(self):
        self.itt += 1
        return self.itt

    def command_pdu(self, cdb, lun, itt, read, write, immediate=0):
        flags = FINAL | (pdu.READ if read else 0) | (pdu.WRITE if write else 0) | 1
        head = pdu.build(pdu.SCSI_CMD, flags, lun=lun, itt=itt, words=(read or len(write), self.cmd_sn, self.exp_stat_sn),
                         tail=bytes(cdb).ljust(16, b"\0"), data=write[:immediate])
        self.cmd_sn = (self.cmd_sn + 1) & 0xffffffff
        return head

    def command(self, cdb, lun=0, read=0, write=b""):
        """One command to its end: Result(status, data, sense)."""
        itt = self.next_itt()
        self.send(self.command_pdu(cdb, lun, itt, read, write))
        data = bytearray(read)
        high = 0
        while True:
            p = self.recv()
            op = pdu.opcode(p)
            if op in (pdu.SCSI_RSP, pdu.DATA_IN) and pdu.word(p, 16) != itt:
                continue
            if op == pdu.DATA_IN:
                at = pdu.word(p, 40)
                data[at:at + len(p.data)] = p.data
                high = max(high, at + len(p.data))
                if p.bhs[1] & 1:
                    self.exp_stat_sn = pdu.word(p, 24) + 1
                    return Result(p.bhs[3], bytes(data[:high]), None)
            elif op == pdu.R2T:
                self._send_data(p, lun, itt, write)
            elif op == pdu.SCSI_RSP:
                self.exp_stat_sn = pdu.word(p, 24) + 1
                return Result(p.bhs[3], bytes(data[:high]), parse_sense(p.data))
            else:
                self.other(p)

    def _send_data(self, r2t, lun, itt, data):
        at, length = pdu.word(r2t, 40), pdu.word(r2t, 44)
        most = int(self.their.get("MaxRecvDataSegmentLength", 8192))
        end, sn = at + length, 0
        while at < end:
            piece = data[at:min(end, at + most)]
            last = FINAL if at + len(piece) == end else 0
            self.send(pdu.build(pdu.DATA_OUT, last, lun=lun, itt=itt, data=piece,
                                words=(pdu.word(r2t, 20), 0, self.exp_stat_sn, 0, sn, at, 0)))
            at, sn = at + len(piece), sn + 1

    def other(self, p):
        """What comes unasked: pings are answered, notices are kept, anything else is an error."""
        op = pdu.opcode(p)
        if op == pdu.NOP_IN:
            if pdu.word(p, 20) != pdu.NO_TAG:
                self.send(pdu.build(pdu.NOP_OUT | IMMEDIATE, itt=pdu.NO_TAG,
                                    words=(pdu.word(p, 20), self.cmd_sn, self.exp_stat_sn)))
        elif op == pdu.ASYNC:
            self.exp_stat_sn = pdu.word(p, 24) + 1
            self.notices.append(p)
        else:
            raise EOFError(f"opcode {op:#x} was not expected: {p.bhs.hex()} {p.data.hex()}")

    def ready(self, lun=0):
        """Takes away unit attentions; what TEST UNIT READY says at the end."""
        for _ in range(8):
            r = self.command(bytes(6), lun)
            if r.status != CHECK_CONDITION or r.sense.key != 6:
                break
        return r

    def read(self, lba, blocks, lun=0, block_size=512):
        return self.command(struct.pack(">BBQIBB", 0x88, 0, lba, blocks, 0, 0), lun, read=blocks * block_size)

    def write(self, lba, data, lun=0, block_size=512):
        return self.command(struct.pack(">BBQIBB", 0x8a, 0, lba, len(data) // block_size, 0, 0), lun, write=data)

    def inquiry(self, page, lun=0):
        return self.command(struct.pack(">BBBHB", 0x12, 1, page, 1024, 0), lun, read=1024).data

    def logout(self):
        self.send(pdu.build(pdu.LOGOUT | IMMEDIATE, itt=self.next_itt(), words=(0, self.cmd_sn, self.exp_stat_sn)))
        while pdu.opcode(self.recv()) != pdu.LOGOUT_RSP:
            pass
        self.close()
