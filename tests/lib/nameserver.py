# SPDX-License-Identifier: BSD-2-Clause
"""iSNS as bytes, RFC 4171, and servers that do not play by its rules."""
import socket
import struct
import threading
import time


def header(function=0x8001, length=0, flags=0x4c00, xid=1, seq=0, version=1):
    return struct.pack(">HHHHHH", version, function, length, flags, xid, seq)


def request(s):
    """The next message of zsand: (function, xid, data)."""
    head = s.recv(12, socket.MSG_WAITALL)
    if len(head) < 12:
        raise OSError("it has gone")
    _, function, length, _, xid, _ = struct.unpack(">HHHHHH", head)
    return function, xid, s.recv(length, socket.MSG_WAITALL)


def accept_all(s, count=1000):
    """Says yes to everything."""
    for _ in range(count):
        function, xid, _ = request(s)
        s.sendall(header(function | 0x8000, 4, xid=xid) + bytes(4))


def attribute(tag, value=b""):
    if isinstance(value, int):
        value = struct.pack(">I", value)
    if isinstance(value, str):
        value = value.encode() + b"\0"
    value += bytes(-len(value) % 4)
    return struct.pack(">II", tag, len(value)) + value


class Rogue:
    """A server that accepts and then does what act(socket) does, for each connection."""

    def __init__(self, act):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.act, self.calls, self.ended = act, 0, False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.calls += 1
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, s):
        try:
            with s:
                self.act(self, s)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended = True
        self.listener.close()

    def sleep(self, seconds):
        until = time.monotonic() + seconds
        while not self.ended and time.monotonic() < until:
            time.sleep(0.05)
