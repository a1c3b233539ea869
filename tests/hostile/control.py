# SPDX-License-Identifier: BSD-2-Clause
"""The control socket: what is no request gets an error that says what is wrong, and others are served meanwhile."""
import json
import random
import socket

from bench import TARGET
from tap import expect
from zsand import IQN

OK = '{"jsonrpc": "2.0", "id": 1, "method": "status", "params": {}}'
PARSE, INVALID, NO_METHOD, PARAMS, FAILED = -32700, -32600, -32601, -32602, -32000
CASES = [
    ("no JSON", "garbage", PARSE),
    ("half an object", '{"jsonrpc": "2.0", "id": 1', PARSE),
    ("nothing but zero bytes", "\0" * 100, PARSE),
    ("bytes that are no UTF-8", b'{"jsonrpc": "2.0", "id": "\xff\xfe"}', PARSE),
    ("ten thousand brackets", "[" * 10000, INVALID),
    ("a batch", "[" + OK + "]", INVALID),
    ("a number", "17", INVALID),
    ("another version", OK.replace("2.0", "1.0"), INVALID),
    ("a member twice", OK[:-1] + ', "id": 2}', PARSE),
    ("an unknown member", OK[:-1] + ', "extra": 1}', INVALID),
    ("no id", OK.replace('"id": 1, ', ""), INVALID),
    ("an unknown method", OK.replace("status", "volume.explode"), NO_METHOD),
    ("parameters in a list", OK.replace("{}", "[1]"), PARAMS),
    ("an unknown parameter", OK.replace("{}", '{"a": 1}'), PARAMS),
    ("a missing parameter", OK.replace("status", "volume.show"), PARAMS),
    ("a text for a number", OK.replace("status", "lun.remove").replace("{}", '{"target": "x", "lun": "0"}'), PARAMS),
    ("a number beyond its limit", OK.replace("status", "lun.remove").replace("{}", '{"target": "x", "lun": 99999}'), PARAMS),
    ("a name of a megabyte", OK.replace("status", "volume.show").replace("{}", '{"name": "%s"}' % ("a" * 1000000)), PARAMS),
    ("an object that is not there", OK.replace("status", "volume.show").replace("{}", '{"name": "nothing"}'), FAILED),
]


def connect(z):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(str(z.state / "zsand.sock"))
    return s


def ask(s, line):
    s.sendall((line if isinstance(line, bytes) else line.encode()) + b"\n")
    data = b""
    while not data.endswith(b"\n"):
        piece = s.recv(65536)
        if not piece:
            raise EOFError("the connection was closed")
        data += piece
    return json.loads(data)


def refused(z, line, want):
    with connect(z) as s:
        error = ask(s, line)["error"]
        expect(error["code"] == want and len(error["message"]) > 5, str(error))
        expect("result" in ask(s, OK), "the connection is of no use any more")


def endless(z):
    """a request without an end is cut off at 16 MiB"""
    with connect(z) as s:
        try:
            for _ in range(64):
                s.sendall(b"x" * (512 << 10))
            answer = json.loads(s.recv(65536))
            expect(answer["error"]["code"] == INVALID, str(answer))
            while s.recv(65536):
                pass
        except ConnectionError:
            pass


def halves(z):
    """many connections with half a request each: no room for more, and others as soon as they leave"""
    held = []
    for n in range(80):
        s = connect(z)
        s.sendall(OK.encode()[:1 + n % len(OK)])
        held.append(s)
    with connect(z) as s:
        answer = s.recv(65536)
        expect(b"error" in answer or not answer, "no word that there are too many")
    for s in held:
        s.close()
    z.zsan("status")


def deaf(z):
    """a caller that asks and asks and does not read does not delay others"""
    with connect(z) as s:
        s.setblocking(False)
        try:
            for _ in range(20000):
                s.sendall(OK.encode() + b"\n")
        except BlockingIOError:
            pass
        z.zsan("status")
        with z.session(TARGET, "iqn.2026-11.org.example:villain") as i:
            i.ready()


def bent(z):
    """requests with a few bytes changed"""
    rng = random.Random(5)
    methods = ["volume.list", "target.show", "config.export", "limits.show", "stats", "session.list"]
    for _ in range(100):
        line = bytearray(OK.replace("status", rng.choice(methods)).replace("{}", json.dumps({"name": IQN + TARGET})).encode())
        for _ in range(rng.randrange(0, 4)):
            line[rng.randrange(len(line))] = rng.choice(b'"{}[]:,0 \\e\n\xff')
        with connect(z) as s:
            s.sendall(line + b"\n")
            s.recv(65536)


def tests(z):
    for name, line, want in CASES:
        yield f"{name}: {want}", lambda line=line, want=want: refused(z, line, want)
    for what in (endless, halves, deaf, bent):
        yield what.__doc__, lambda what=what: what(z)
