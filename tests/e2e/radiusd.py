# SPDX-License-Identifier: BSD-2-Clause
"""Debian's freeradius (tests/e2e/freeradius.sh unpacks it), with a folder and a port of its own, and servers that are silent, slow or
lie."""
import glob
import hashlib
import hmac
import os
import pathlib
import socket
import struct
import threading

import child

TOP = pathlib.Path(__file__).resolve().parents[2]
PREFIX = TOP / "build/radius/prefix"
SHARED = "the-secret-of-both-ends"
ACCEPT, REJECT = 2, 3

CONF = """
prefix = {work}
logdir = {work}
run_dir = {work}
raddbdir = {work}
libdir = {prefix}/usr/lib/freeradius
pidfile = {work}/pid
max_request_time = 10
cleanup_delay = 1
hostname_lookups = no
log {{
    destination = stdout
    auth = yes
}}
security {{
    allow_vulnerable_openssl = yes
    reject_delay = 0
}}
client us {{
    ipaddr = 127.0.0.1
    secret = {secret}
    require_message_authenticator = yes
}}
modules {{
    chap {{ }}
    files {{
        filename = {work}/users
    }}
}}
server default {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    authorize {{
        chap
        files
    }}
    authenticate {{
        Auth-Type CHAP {{
            chap
        }}
    }}
    post-auth {{
        {mac}
        Post-Auth-Type REJECT {{
            {mac}
        }}
    }}
}}
"""

# Freeradius before 3.2.5 does not say it by itself.
MAC = "update reply { Message-Authenticator := 0x00 }"


def missing():
    done = child.run([TOP / "tests/e2e/freeradius.sh"], timeout=120)
    return None if done.returncode == 0 else done.stderr.strip() or "no freeradius here"


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Freeradius(child.Server):
    """users: {name: secret}."""

    def __init__(self, work, users, secret=SHARED, mac=MAC):
        self.port = free_port()
        self.work = pathlib.Path(work) / f"radius-{self.port}"
        self.work.mkdir(mode=0o700)
        (self.work / "radiusd.conf").write_text(CONF.format(work=self.work, prefix=PREFIX, secret=secret, port=self.port, mac=mac))
        (self.work / "users").write_text("".join(f'{u} Cleartext-Password := "{s}"\n' for u, s in users.items()))
        libraries = [f"{PREFIX}/usr/lib/freeradius", *glob.glob(f"{PREFIX}/usr/lib/*-linux-gnu*")]
        self.env = os.environ | {"LD_LIBRARY_PATH": ":".join(libraries)}
        self.start()

    def start(self):
        with open(self.work / "log", "wb") as log:
            self.process = child.spawn([PREFIX / "usr/sbin/freeradius", "-f", "-d", self.work, "-D", PREFIX / "usr/share/freeradius"],
                                       env=self.env, stdout=log, stderr=log)
        child.wait_for("freeradius is ready", self._ready)

    def _ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"freeradius ended: {self.log()[-2000:]}")
        return "Ready to process requests" in self.log()

    def log(self):
        return (self.work / "log").read_text(errors="replace")


def signed(request, code, secret=SHARED, mac=True, identifier=None, attributes=b""):
    """An answer to a request, as a server makes it that knows the secret."""
    authenticator = request[4:20]
    body = (b"\x50\x12" + bytes(16) if mac else b"") + attributes
    head = bytes([code, request[1] if identifier is None else identifier]) + struct.pack(">H", 20 + len(body))
    if mac:
        body = b"\x50\x12" + hmac.new(secret.encode(), head + authenticator + body, hashlib.md5).digest() + attributes
    return head + hashlib.md5(head + authenticator + body + secret.encode()).digest() + body


class Stub:
    """A server of the test's own: answer(request, n) gives the datagrams that the n-th request is answered with."""

    def __init__(self, answer):
        self.answer, self.requests = answer, []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                request, source = self.sock.recvfrom(4096)
            except OSError:
                return
            self.requests.append(request)
            for datagram in self.answer(request, len(self.requests)):
                self.sock.sendto(datagram, source)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()
