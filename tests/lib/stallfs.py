# SPDX-License-Identifier: BSD-2-Clause
"""A file system that can stop answering, as a dead file server does, or fail file by file, as disks do: one directory of regular
files in memory, spoken over /dev/fuse by a thread of the test. While it is stalled nobody takes requests from the kernel, so whoever
asks waits, but can be killed.

    with StallFs(dir, {"disk.img": 64 << 20}) as fs:
        fs.stall() ... fs.resume()
        fs.hold("disk.img") ... fs.release()
        fs.kill("disk.img") ... fs.mend("disk.img")
        fs.content("disk.img")[4096] ^= 1
"""
import ctypes
import os
import stat
import struct
import threading

_libc = ctypes.CDLL(None, use_errno=True)
MNT_DETACH = 2
ENOENT, EINTR, EIO, ENODEV, ENOSYS = 2, 4, 5, 19, 38
ROOT = 1
LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, INIT, OPENDIR = 1, 2, 3, 4, 14, 15, 16, 17, 18, 20, 26, 27
RELEASEDIR, INTERRUPT, DESTROY, BATCH_FORGET = 29, 36, 38, 42
MAX_WRITE = 128 << 10


def missing():
    """Why it can't be had here, or None."""
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as e:
        return f"no /dev/fuse: {e.strerror}"
    return None


class StallFs:
    def __init__(self, where, files):
        self.where = str(where)
        self.names = {name: ROOT + 1 + i for i, name in enumerate(files)}
        self.data = {ROOT + 1 + i: bytearray(size) for i, size in enumerate(files.values())}
        self.dead, self.holding, self.held = set(), set(), []
        self.go = threading.Event()
        self.go.set()

    def __enter__(self):
        os.makedirs(self.where, exist_ok=True)
        self.fd = os.open("/dev/fuse", os.O_RDWR | os.O_NONBLOCK)
        options = f"fd={self.fd},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
        if _libc.mount(b"stallfs", self.where.encode(), b"fuse", 0, options.encode()) != 0:
            raise OSError(ctypes.get_errno(), "mount of a FUSE file system")
        self.ending = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.release()
        self.ending = True
        self.go.set()
        _libc.umount2(self.where.encode(), MNT_DETACH)
        self.thread.join()
        os.close(self.fd)  # whoever still waits gets an error

    def stall(self):
        self.go.clear()

    def resume(self):
        self.go.set()

    def hold(self, name):
        """From now on reads of it, and of nothing else, wait."""
        self.holding.add(self.names[name])

    def release(self):
        self.holding.clear()
        while self.held:
            self._answer(self.held.pop())

    def kill(self, name):
        """From now on every read, write, flush and open of it fails."""
        self.dead.add(self.names[name])

    def mend(self, name):
        self.dead.discard(self.names[name])

    def content(self, name):
        return self.data[self.names[name]]

    # ---- the protocol: linux/fuse.h ---------------------------------------------------------------------

    def _serve(self):
        import select
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        while not self.ending:
            poll.poll(100)
            if not self.go.wait(0.1):
                continue
            try:
                request = os.read(self.fd, MAX_WRITE + 4096)
            except BlockingIOError:
                continue
            except OSError as e:
                if e.errno in (ENOENT, EINTR):
                    continue
                return
            self._answer(request)

    def _answer(self, request):
        _, op, unique, node = struct.unpack_from("<IIQQ", request)
        if op in (FORGET, BATCH_FORGET, INTERRUPT):
            return
        if op == READ and node in self.holding:
            self.held.append(request)
            return
        error, out = self._do(op, node, request[40:])
        try:
            os.write(self.fd, struct.pack("<IiQ", 16 + len(out), -error, unique) + out)
        except OSError:
            pass  # who asked is gone

    def _attr(self, node):
        size = len(self.data[node]) if node != ROOT else 0
        mode = stat.S_IFREG | 0o600 if node != ROOT else stat.S_IFDIR | 0o700
        return struct.pack("<6Q10I", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, os.getuid(), os.getgid(), 0, 4096, 0)

    def _do(self, op, node, body):
        if node in self.dead and op in (OPEN, READ, WRITE, FSYNC):
            return EIO, b""
        if op == INIT:
            return 0, struct.pack("<4IHHIIHHI28x", 7, 31, 0, 0, 64, 64, MAX_WRITE, 1, 0, 0, 0)
        if op == LOOKUP:
            found = self.names.get(body.rstrip(b"\0").decode())
            return (0, struct.pack("<4QII", found, 0, 0, 0, 0, 0) + self._attr(found)) if found else (ENOENT, b"")
        if op in (GETATTR, SETATTR):
            return 0, struct.pack("<QII", 0, 0, 0) + self._attr(node)
        if op in (OPEN, OPENDIR):
            return 0, struct.pack("<QII", 0, 0, 0)
        if op == READ:
            _, at, size = struct.unpack_from("<QQI", body)
            return 0, bytes(self.data[node][at:at + size])
        if op == WRITE:
            _, at, size = struct.unpack_from("<QQI", body)
            self.data[node][at:at + size] = body[40:40 + size]
            return 0, struct.pack("<II", size, 0)
        if op == STATFS:
            return 0, struct.pack("<5Q4I24x", 1 << 20, 1 << 19, 1 << 19, 100, 50, 4096, 255, 4096, 0)
        # Not FLUSH: the kernel would ask at every close, the last ones of a process included, which then could not end.
        return (0 if op in (RELEASE, RELEASEDIR, FSYNC, DESTROY) else ENOSYS), b""
