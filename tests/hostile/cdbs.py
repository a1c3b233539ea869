# SPDX-License-Identifier: BSD-2-Clause
"""Commands and parameter lists that no host sends: every opcode, every length. Each gets an answer, the LUN goes on. They go to a
volume of the villain's own, for many of them are legal and do what they say."""
import random
import struct

from bench import VILLAIN
from tap import expect

SIZE = 16 << 20
STATUSES = {0x00, 0x02, 0x08, 0x18, 0x28}
LISTS = [  # name, CDB of a parameter list of this many bytes, lengths
    ("UNMAP", lambda n: struct.pack(">BBxxxxxHx", 0x42, 0, n), range(0, 64)),
    ("PERSISTENT RESERVE OUT", lambda n: struct.pack(">BBBxxIx", 0x5f, 0, 1, n), range(0, 64)),
    ("MODE SELECT(6)", lambda n: struct.pack(">BBxxBx", 0x15, 0x10, n), range(0, 64)),
    ("MODE SELECT(10)", lambda n: struct.pack(">BBxxxxxHx", 0x55, 0x10, n), range(0, 64)),
    ("EXTENDED COPY", lambda n: struct.pack(">BBxxxxxxxxIxx", 0x83, 0, n), range(0, 128, 3)),
    ("SET TARGET PORT GROUPS", lambda n: struct.pack(">BBxxxxIxx", 0xa4, 0x0a, n), range(0, 32)),
    ("COMPARE AND WRITE", lambda n: struct.pack(">BBQxxxBxx", 0x89, 0, 0, 1), range(0, 2048, 61)),
]


def serve(z):
    z.volume("own", SIZE, engine="mem")
    z.target("own", ["own"])
    z.grant(VILLAIN, "own")


def connect(z):
    s = z.session("own", VILLAIN, timeout=10)
    s.ready()
    return s


def answered(r):
    expect(r.status in STATUSES, f"status {r.status:#x}")
    expect(r.status != 2 or r.sense, "CHECK CONDITION without sense data")


def alive(z):
    """A new session finds the LUN; what a legal command left behind (a reservation, a stopped unit) may be there."""
    with connect(z) as s:
        r = s.command(bytes([0x12, 0, 0, 0, 96, 0]), read=96)
        expect(r.status == 0 and len(r.data) >= 36, f"INQUIRY: {r}")


def opcodes(z, rng, make):
    s = connect(z)
    for op in range(256):
        cdb = bytes([op]) + make(rng)
        try:
            answered(s.command(cdb, read=rng.choice([0, 4096])) if rng.random() < 0.6 else
                     s.command(cdb, write=rng.randbytes(rng.choice([512, 1000, 8192]))))
        except EOFError as e:
            s.close()
            raise AssertionError(f"CDB {cdb.hex()}: {e}") from e
    s.close()
    alive(z)


def lengths(z, rng, cdb, how_long):
    with connect(z) as s:
        for n in how_long:
            for data in (bytes(n), b"\xff" * n, rng.randbytes(n)):
                answered(s.command(cdb(n), write=data))
    alive(z)


def allocation(z):
    """every allocation length of INQUIRY, and a few of everything that reads: never more than was asked for"""
    with connect(z) as s:
        for page in (None, 0x00, 0x80, 0x83, 0xb0):
            for n in range(0, 300, 7):
                cdb = struct.pack(">BBBHx", 0x12, page is not None, page or 0, n)
                r = s.command(cdb, read=4096)
                expect(r.status == 0 and len(r.data) <= n, f"{cdb.hex()} gave {len(r.data)} bytes")
        for cdb in (b"\xa0" + bytes(5), b"\x5e" + bytes(6), b"\xa3\x0c" + bytes(4), b"\x9e\x10" + bytes(8),
                    b"\x5a\0\x3f" + bytes(4)):
            size = 2 if cdb[0] in (0x5e, 0x5a) else 4
            for n in (0, 1, 7, 8, 15, 16, 17, 255):
                whole = (cdb + n.to_bytes(size, "big")).ljust(10 if size == 2 else 16 if cdb[0] == 0x9e else 12, b"\0")
                r = s.command(whole, read=4096)
                expect(len(r.data) <= n, f"{whole.hex()} gave {len(r.data)} bytes")


def expected_lengths(z):
    """commands whose transfer is longer or shorter than the initiator expects: residuals, no more data than either says"""
    with connect(z) as s:
        for expected in (0, 1, 511, 512, 513, 4096, 8192, 8193):
            r = s.command(struct.pack(">BBIBHx", 0x28, 0, 0, 0, 8), read=expected)
            answered(r)
            expect(len(r.data) <= min(expected, 4096), f"{len(r.data)} bytes of {expected}")
            if expected:
                answered(s.command(struct.pack(">BBIBHx", 0x2a, 0, 0, 0, 8), write=bytes(expected)))
    alive(z)


def tests(z):
    serve(z)
    rng = random.Random(4)
    for name, make in (("zeroes", lambda _: bytes(15)), ("ones", lambda _: b"\xff" * 15), ("noise", lambda r: r.randbytes(15)),
                       ("noise with a small LBA", lambda r: bytes([r.randrange(32)] + [0] * 6) + r.randbytes(8))):
        yield f"every opcode with {name}", lambda make=make: opcodes(z, rng, make)
    for name, cdb, how_long in LISTS:
        yield f"parameter lists of {name} of every length", lambda c=cdb, n=how_long: lengths(z, rng, c, n)
    for what in (allocation, expected_lengths):
        yield what.__doc__, lambda what=what: what(z)
