# SPDX-License-Identifier: BSD-2-Clause
"""iSCSI PDUs as bytes, RFC 7143 section 11: built with any field wrong on purpose, and read from a socket."""
import itertools
import socket
import struct
from collections import namedtuple

NOP_OUT, SCSI_CMD, TMF, LOGIN, TEXT, DATA_OUT, LOGOUT, SNACK = 0, 1, 2, 3, 4, 5, 6, 0x10
NOP_IN, SCSI_RSP, TMF_RSP, LOGIN_RSP, TEXT_RSP, DATA_IN, LOGOUT_RSP = 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26
R2T, ASYNC, REJECT = 0x31, 0x32, 0x3f
IMMEDIATE, FINAL, READ, WRITE = 0x40, 0x80, 0x40, 0x20
NO_TAG = 0xffffffff
BHS_LEN = 48

Pdu = namedtuple("Pdu", "bhs data")


def opcode(pdu):
    return pdu.bhs[0] & 0x3f


def word(pdu, offset):
    """The 32-bit field at a byte offset of the header."""
    return struct.unpack_from(">I", pdu.bhs, offset)[0]


def lun_field(lun):
    return struct.pack(">H6x", lun if lun < 256 else 0x4000 | lun)


def build(op, flags=FINAL, *, lun=0, itt=0, words=(), tail=b"", data=b"", dsl=None, ahs=0, b2=0, b3=0):
    """words fill the header from byte 20 on, tail whatever follows them; dsl: a data length that lies."""
    rest = b"".join(struct.pack(">I", w & 0xffffffff) for w in words) + tail
    length = len(data) if dsl is None else dsl
    head = struct.pack(">BBBBI", op, flags, b2, b3, ahs << 24 | length) + lun_field(lun) + struct.pack(">I", itt)
    return head + rest.ljust(28, b"\0") + data + bytes(-len(data) % 4)


def keys_text(keys):
    return b"".join(f"{k}={v}".encode() + b"\0" for k, v in keys.items())


def parse_keys(data):
    return dict(part.decode().split("=", 1) for part in bytes(data).split(b"\0") if b"=" in part)


def loopback_addresses(second):
    """Those of 127.SECOND.0.0/16, one after the other. Failed logins are held against the address that they came from."""
    return itertools.cycle(f"127.{second}.{n // 250}.{1 + n % 250}" for n in range(60000))


class Wire:
    """A connection that speaks PDUs. EOFError: the other side closed or reset it."""

    def __init__(self, address, source=None, timeout=20):
        self.sock = socket.create_connection(address, timeout, (source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (ConnectionError, BrokenPipeError) as e:
            raise EOFError(str(e)) from e

    def _exactly(self, n):
        out = bytearray()
        while len(out) < n:
            try:
                piece = self.sock.recv(n - len(out))
            except ConnectionError as e:
                raise EOFError(str(e)) from e
            if not piece:
                raise EOFError("closed by the target")
            out += piece
        return out

    def recv(self):
        bhs = self._exactly(BHS_LEN)
        length = int.from_bytes(bhs[5:8], "big")
        data = self._exactly(4 * bhs[4] + length + -length % 4)
        return Pdu(bytes(bhs), bytes(data[4 * bhs[4]:4 * bhs[4] + length]))

    def closed(self, seconds):
        """True when the other side ends the connection within this time; what it says before is skipped."""
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(65536):
                pass
            return True
        except socket.timeout:
            return False
        except ConnectionError:
            return True
