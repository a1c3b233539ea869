# SPDX-License-Identifier: BSD-2-Clause
"""Child processes that cannot outlive their test, whatever happens to it: the kernel kills them when the test ends."""
import ctypes
import signal
import socket
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(argv, **kwargs):
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([str(a) for a in argv], preexec_fn=_die_with_parent, **kwargs)


def run(argv, timeout=60, **kwargs):
    """Runs to the end; the result has returncode, stdout, stderr."""
    if "input" not in kwargs:
        kwargs["stdin"] = subprocess.DEVNULL
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, errors="replace", timeout=timeout,
                          check=False, preexec_fn=_die_with_parent, **kwargs)


def end(process, seconds=20):
    """SIGTERM, and SIGKILL when that is not enough; returns the exit status."""
    if process.poll() is None:
        process.terminate()
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def free_port(address="127.0.0.1"):
    with socket.socket() as s:
        s.bind((address, 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=20, every=0.05):
    """The first true value of condition(); an exception with `what` when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(every)


class Server:
    """What has a process of its own for the length of a with."""

    process = None

    def stop(self):
        end(self.process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
